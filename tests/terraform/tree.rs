//! Where do Terraform's tools run? In a copy of what the modules read, with providers that only know their schemas.
//! What the tools say is judged elsewhere.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use roadstead_testbed::install;
use tokio::process::Command;

/// Every folder that can be applied or called.
pub(crate) const MODULES: [&str; 3] = ["modules/iam", "modules/eks", "examples/eks"];

/// What the modules read, themselves among it.
const READ: [&str; 3] = [
    "terraform",
    "providers/aws/iam-policy.json",
    "deploy/helm/roadstead",
];

/// The providers that are replaced.
const PROVIDERS: [&str; 3] = ["aws", "helm", "kubernetes"];

/// The plugin with rules about AWS, as settings name it.
const AWS_RULES: &str = "github.com/terraform-linters/tflint-ruleset-aws";

/// A copy of its own for each test: tools write beside what they read.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
}

/// What a tool said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A path of the repository.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the repository.
pub(crate) fn read(path: &str) -> Result<String> {
    let path = source(path);
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// The version in which a module is built.
fn pinned(module: &str) -> Result<String> {
    let pins = read("tests/testbed/terraform/tflint/go.mod")?;
    let version = pins
        .lines()
        .find_map(|line| line.trim().strip_prefix(module)?.strip_prefix(" v"))
        .and_then(|rest| rest.split_whitespace().next());
    version
        .map(str::to_owned)
        .with_context(|| format!("finding the version of {module}"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let what = || format!("copying {} to {}", from.display(), to.display());
    if from.is_dir() {
        fs::create_dir_all(to).with_context(what)?;
        for entry in fs::read_dir(from).with_context(what)? {
            let entry = entry.with_context(what)?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(what)?;
    }
    fs::copy(from, to).map(drop).with_context(what)
}

async fn run(mut command: Command) -> Result<Answer> {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("running {command:?}"))?;
    Ok(Answer {
        succeeded: output.status.success(),
        stdout: String::from_utf8(output.stdout).context("reading a tool's output")?,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

// === impl Answer ===

impl Answer {
    /// Both outputs, as nobody remembers which of them a tool complains on. The tools break lines where they like.
    pub(crate) fn text(&self) -> String {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        let words: Vec<&str> = all.split_whitespace().collect();
        words.join(" ")
    }
}

// === impl Tree ===

impl Tree {
    /// A fresh copy under a name of its own.
    pub(crate) async fn copy(name: &str) -> Result<Self> {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("terraform-{name}"));
        if root.exists() {
            fs::remove_dir_all(&root).with_context(|| format!("removing {}", root.display()))?;
        }
        for path in READ {
            copy(&source(path), &root.join(path))?;
        }
        let tree = Self { root };
        tree.put_providers().await?;
        Ok(tree)
    }

    /// Has the tools take our providers for the real ones.
    async fn put_providers(&self) -> Result<()> {
        let provider = install::terraform_provider().await?;
        let folder = self.root.join("providers/terraform");
        fs::create_dir_all(&folder).context("making a folder for the providers")?;
        let mut overrides = String::new();
        for name in PROVIDERS {
            // The same file under several names: a copy for each test would take up a gigabyte.
            fs::hard_link(&provider, folder.join(format!("terraform-provider-{name}")))
                .with_context(|| format!("linking {}", provider.display()))?;
            writeln!(
                overrides,
                "    \"hashicorp/{name}\" = \"{}\"",
                folder.display()
            )?;
        }
        let settings =
            format!("provider_installation {{\n  dev_overrides {{\n{overrides}  }}\n}}\n");
        fs::write(self.root.join("tofurc"), settings).context("writing the tools' settings")
    }

    /// The folder with the linter's rules about AWS, laid out as the linter itself would; only in the version that is built, so
    /// that settings which name another one are an error.
    async fn rules(&self) -> Result<PathBuf> {
        let plugins = self.root.join("plugins");
        let folder = plugins.join(AWS_RULES).join(pinned(AWS_RULES)?);
        let place = folder.join("tflint-ruleset-aws");
        if !place.exists() {
            let built = install::tflint_ruleset_aws().await?;
            fs::create_dir_all(&folder).context("making a folder for the linter's rules")?;
            fs::hard_link(&built, &place)
                .with_context(|| format!("linking {}", built.display()))?;
        }
        Ok(plugins)
    }

    /// Puts `to` where `from` stood, in a file below `terraform/`.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let path = self.root.join("terraform").join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {file}"))?;
        ensure!(text.contains(from), "{file} does not say {from:?} any more");
        fs::write(&path, text.replace(from, to)).with_context(|| format!("writing {file}"))
    }

    /// A tool that knows nothing of this machine's user.
    fn command(&self, program: &Path, module: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.root.join("terraform").join(module))
            .env_clear()
            .env("HOME", &self.root)
            .env("TF_CLI_CONFIG_FILE", self.root.join("tofurc"))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1");
        command
    }

    /// Runs `tofu ARGUMENTS` in the folder `module`, with the modules that it calls in place.
    pub(crate) async fn tofu(&self, module: &str, arguments: &[&str]) -> Result<Answer> {
        let tofu = install::tofu().await?;
        let mut get = self.command(&tofu, module);
        get.args(["get", "-no-color"]);
        let got = run(get).await?;
        ensure!(got.succeeded, "finding what {module} calls: {}", got.text());
        let mut command = self.command(&tofu, module);
        command.args(arguments);
        run(command).await
    }

    /// Asks whether all is formatted, and for what would change.
    pub(crate) async fn format(&self) -> Result<Answer> {
        let mut command = self.command(&install::tofu().await?, ".");
        command.args(["fmt", "-check", "-diff", "-recursive", "-no-color"]);
        run(command).await
    }

    /// Runs the linter on the folder `module`.
    pub(crate) async fn lint(&self, module: &str) -> Result<Answer> {
        let mut command = self.command(&install::tflint().await?, module);
        let settings = self.root.join("terraform/.tflint.hcl");
        command
            .env("TFLINT_PLUGIN_DIR", self.rules().await?)
            .args(["--no-color", "--format=compact", "--config"])
            .arg(settings);
        run(command).await
    }

    /// Renders the chart that the modules install, with `values` one after the other.
    pub(crate) async fn render(&self, values: &[String]) -> Result<Answer> {
        let mut command = self.command(&install::helm().await?, ".");
        command
            .args(["template", "roadstead"])
            .arg(self.root.join("deploy/helm/roadstead"));
        for (number, document) in values.iter().enumerate() {
            let file = self.root.join(format!("values-{number}.yaml"));
            fs::write(&file, document).context("writing values")?;
            command.arg("--values").arg(file);
        }
        run(command).await
    }
}
