//! Who ends a program when the test process cannot any more?
//!
//! A shell that waits for the end of a pipe, which the kernel closes however the test process dies. It ends nothing
//! as long as the test process lives.

use std::process::{Child, Command, Stdio};

use anyhow::Result;

use super::start;

/// Kills a process group when the test process is gone, for programs that would not notice.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

// === impl Watchdog ===

impl Watchdog {
    pub(super) fn over(child: &Child) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            r#"read -r _; kill -s KILL -- "-$1""#,
            "sh",
            &child.id().to_string(),
        ]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        start(&mut command).map(Self)
    }
}

impl Drop for Watchdog {
    /// Kills it before its stdin is closed, so that it does not act.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_program_ends_when_nobody_holds_its_watchdog_any_more() {
        let mut child = start(Command::new("sleep").arg("100")).unwrap();
        let mut watchdog = Watchdog::over(&child).unwrap();
        drop(watchdog.0.stdin.take());
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}
