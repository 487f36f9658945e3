//! Is what Terraform reads well-formed, valid, documented, and does it do what its own tests say? And would these checks
//! find a mistake?

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::tree::{MODULES, Tree, read};

/// How a mistake is looked for.
#[derive(Clone, Copy, Debug)]
enum Check {
    Format,
    Validate,
    Lint,
    Test,
}

impl Check {
    /// What the check says of `module`, if it is not content.
    async fn complaint(self, tree: &Tree, module: &str) -> Result<Option<String>> {
        let answer = match self {
            Self::Format => tree.format().await?,
            Self::Validate => tree.tofu(module, &["validate", "-no-color"]).await?,
            Self::Lint => tree.lint(module).await?,
            Self::Test => tree.tofu(module, &["test", "-no-color"]).await?,
        };
        Ok((!answer.succeeded).then(|| answer.text()))
    }
}

async fn content(name: &str, check: Check) -> Result<()> {
    let tree = Tree::copy(name).await?;
    for module in MODULES {
        let complaint = check.complaint(&tree, module).await?;
        assert_eq!(complaint, None, "{module}");
    }
    Ok(())
}

#[tokio::test]
async fn every_file_is_formatted() -> Result<()> {
    let tree = Tree::copy("format").await?;
    let complaint = Check::Format.complaint(&tree, ".").await?;
    assert_eq!(complaint, None, "run: terraform fmt -recursive terraform");
    Ok(())
}

#[tokio::test]
async fn every_argument_and_reference_exists() -> Result<()> {
    content("validate", Check::Validate).await
}

#[tokio::test]
async fn the_linter_is_content() -> Result<()> {
    content("linted", Check::Lint).await
}

#[tokio::test]
async fn the_tests_of_each_module_pass() -> Result<()> {
    content("test", Check::Test).await
}

/// A file below `terraform/`, what is said in it and what instead, which check finds that, and in which words.
type Mistake = (
    &'static str,
    &'static str,
    &'static str,
    Check,
    &'static str,
);

async fn found(kind: &str, mistakes: &[Mistake]) -> Result<()> {
    for (number, (file, from, to, check, expected)) in mistakes.iter().enumerate() {
        let tree = Tree::copy(&format!("{kind}-{number}")).await?;
        tree.edit(file, from, to)?;
        let (module, _) = file.rsplit_once('/').context("splitting a path")?;
        let complaint = check.complaint(&tree, module).await?.unwrap_or_default();
        assert!(
            complaint.contains(expected),
            "{check:?} of {module} with {to:?} in {file}: {complaint:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_mistake_is_found() -> Result<()> {
    let mistakes = [
        (
            "modules/iam/outputs.tf",
            "  value       = aws_iam_role.this.name",
            "  value = aws_iam_role.this.name",
            Check::Format,
            "modules/iam/outputs.tf",
        ),
        (
            "modules/iam/main.tf",
            "permissions_boundary = var",
            "permission_boundary = var",
            Check::Validate,
            "An argument named \"permission_boundary\" is not expected here",
        ),
        (
            "modules/eks/main.tf",
            "  role_arn        = module.iam.role_arn\n",
            "",
            Check::Validate,
            "The argument \"role_arn\" is required",
        ),
        (
            "modules/eks/outputs.tf",
            "module.iam.policy_arn",
            "module.iam.policy",
            Check::Validate,
            "does not have an attribute named \"policy\"",
        ),
        (
            "examples/eks/main.tf",
            "vpc_id ",
            "vpc ",
            Check::Validate,
            "The argument \"vpc_id\" is required",
        ),
        (
            "examples/eks/providers.tf",
            "aws_eks_cluster.this.endpoint",
            "aws_eks_cluster.that.endpoint",
            Check::Validate,
            "Reference to undeclared resource",
        ),
        (
            "examples/eks/sample.tf",
            "load_balancer_class",
            "class",
            Check::Validate,
            "An argument named \"class\" is not expected here",
        ),
        (
            "modules/iam/main.tf",
            "statement.Sid != \"Adopt\" || var.allow_adoption",
            "true || var.allow_adoption",
            Check::Test,
            "the policy is not the document",
        ),
        (
            "modules/eks/main.tf",
            "      vpcId              = var.vpc_id\n",
            "",
            Check::Test,
            "the chart is told something else",
        ),
        (
            "examples/eks/network.tf",
            "each.value + 8",
            "each.value + 1",
            Check::Test,
            "two subnets have the same addresses",
        ),
    ];
    found("mistake", &mistakes).await
}

#[tokio::test]
async fn the_linter_finds_what_is_valid_and_wrong() -> Result<()> {
    let mistakes = [
        (
            "modules/eks/variables.tf",
            "  description = \"VPC of the nodes.\"\n",
            "",
            Check::Lint,
            "`vpc_id` variable has no description",
        ),
        (
            "examples/eks/cluster.tf",
            "var.instance_type",
            "\"t3.medium\"",
            Check::Lint,
            "variable \"instance_type\" is declared but not used",
        ),
        (
            "examples/eks/network.tf",
            "  gateway_id             = aws_internet_gateway.this.id\n",
            "",
            Check::Lint,
            "The routing target is not specified",
        ),
        (
            "examples/eks/cluster.tf",
            "${var.name}-cluster",
            "${var.name} cluster",
            Check::Lint,
            "does not match valid pattern",
        ),
    ];
    found("lint", &mistakes).await
}

/// What the tests of `modules/eks` hand to the chart, run by run.
async fn handed_over(tree: &Tree) -> Result<Vec<Vec<String>>> {
    let told = tree
        .tofu("modules/eks", &["test", "-json", "-verbose"])
        .await?;
    ensure!(told.succeeded, "testing modules/eks: {}", told.text());
    let mut all = Vec::new();
    for line in told.stdout.lines() {
        let event: Value = serde_json::from_str(line).context("reading what a test says")?;
        let resources = event["test_state"]["values"]["root_module"]["resources"].as_array();
        for resource in resources.into_iter().flatten() {
            if resource["type"] == "helm_release" {
                let values = resource["values"]["values"].clone();
                all.push(serde_json::from_value(values).context("reading the values")?);
            }
        }
    }
    Ok(all)
}

#[tokio::test]
async fn the_chart_takes_what_terraform_says() -> Result<()> {
    let tree = Tree::copy("chart").await?;
    let all = handed_over(&tree).await?;
    assert!(all.len() >= 3, "{all:?}");
    for values in all {
        let rendered = tree.render(&values).await?;
        assert!(rendered.succeeded, "{values:?}: {}", rendered.stderr);
        for said in [
            "--provider=aws",
            "--aws-vpc-id=vpc-0123456789abcdef0",
            "--aws-cluster-name=harbour",
            "serviceAccountName: roadstead-controller",
        ] {
            assert!(
                rendered.stdout.contains(said),
                "{said} was lost: {values:?}"
            );
        }
    }
    Ok(())
}

/// The names of the blocks of a kind in a file, as `variable "NAME" {`.
fn declared(text: &str, kind: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix(kind)?.trim().strip_prefix('"'))
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect()
}

#[test]
fn the_readme_lists_every_variable_and_output() -> Result<()> {
    let readme = read("terraform/README.md")?;
    for module in MODULES {
        for (file, kind) in [("variables.tf", "variable"), ("outputs.tf", "output")] {
            let names = declared(&read(&format!("terraform/{module}/{file}"))?, kind);
            assert!(!names.is_empty(), "{module}/{file} declares nothing");
            for name in names {
                assert!(
                    readme.contains(&format!("`{name}`")),
                    "terraform/README.md does not list {name} of {module}"
                );
            }
        }
    }
    Ok(())
}

/// `1.25.0` as numbers.
fn numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

/// Whether `version` is in a range such as `>= 6.0, < 7.0`.
fn allows(range: &str, version: &str) -> Result<bool> {
    let version = numbers(version);
    for bound in range.split(',').map(str::trim) {
        let (operator, limit) = bound.split_once(' ').context("reading a bound")?;
        let limit = numbers(limit);
        let holds = match operator {
            ">=" => version >= limit,
            "<" => version < limit,
            _ => anyhow::bail!("{bound} is no bound that this test knows"),
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

#[test]
fn the_providers_that_it_was_checked_against_are_among_those_it_allows() -> Result<()> {
    let schemas: Value =
        serde_json::from_str(&read("tests/testbed/terraform/provider/schemas.json")?)?;
    let mut checked = BTreeSet::new();
    for module in MODULES {
        let text = read(&format!("terraform/{module}/versions.tf"))?;
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            let Some(source) = line.strip_prefix("source  = \"hashicorp/") else {
                continue;
            };
            let name = source.trim_end_matches('"');
            let range = lines
                .next()
                .and_then(|line| line.strip_prefix("version = "))
                .context("finding the range after the source")?;
            let version = schemas[name]["version"]
                .as_str()
                .with_context(|| format!("schemas.json does not describe {name}"))?;
            let range = range.trim_matches('"');
            assert!(
                allows(range, version)?,
                "{module}: {name} {version}: {range}"
            );
            checked.insert(name.to_owned());
        }
    }
    assert_eq!(checked.len(), 3, "{checked:?}");
    Ok(())
}
