//! What does a command print, and how does it end? Runs the binary as a user does, with nothing from the test's own
//! environment.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tokio::{io::AsyncWriteExt as _, time::timeout};

/// The binary.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_roadstead");

/// How long a command may take: none waits for long, not even for an API server that does not answer.
const DEADLINE: Duration = Duration::from_mins(1);

/// What a command said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The command, not run yet.
pub(crate) fn command(kubeconfig: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ROADSTEAD_") {
            command.env_remove(name);
        }
    }
    command.env("KUBECONFIG", kubeconfig).args(args);
    command
}

/// Runs the command to its end.
pub(crate) async fn roadstead(kubeconfig: &Path, args: &[&str]) -> Answer {
    answer(command(kubeconfig, args), "").await
}

/// Runs a prepared command to its end, with that standard input.
pub(crate) async fn answer(command: Command, stdin: &str) -> Answer {
    let what = format!("{:?}", command.get_args().collect::<Vec<_>>());
    let mut child = tokio::process::Command::from(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // One that does not read it may be gone already.
    let _ = input.write_all(stdin.as_bytes()).await;
    drop(input);
    let output = timeout(DEADLINE, child.wait_with_output())
        .await
        .unwrap_or_else(|_| panic!("{what} hangs"))
        .unwrap();
    Answer {
        code: output.status.code().expect("the command ended by a signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder of the test's own, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

// === impl Answer ===

impl Answer {
    /// Standard output of a command that must have succeeded.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.stdout
    }

    /// Standard error of a command that must have ended with this code.
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:#?}");
        self.stderr
    }
}
