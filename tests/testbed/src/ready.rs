//! Is a program ready that was started? It says so itself, or an endpoint of it does; one that has ended is not waited for.

use std::{
    io::{BufRead as _, BufReader},
    process::ChildStdout,
    thread,
    time::Duration,
};

use anyhow::{Result, bail};
use tokio::{sync::oneshot, time::timeout};

use crate::{process::Process, wait::poll_until};

/// How long a program that says so itself may take.
const WITHIN: Duration = Duration::from_secs(90);

/// How long one may take to end that has closed its output.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Waits until `/readyz` of `what` answers 200; `ask` asks for it.
///
/// # Errors
/// It does not within `deadline`, or the process has ended; the error shows the last answer and the log's end.
pub(crate) async fn answers(
    process: &Process,
    what: &str,
    deadline: Duration,
    mut ask: impl AsyncFnMut(&str) -> Result<(u16, String)>,
) -> Result<()> {
    let mut last = "it was never asked".to_owned();
    let asked = poll_until(what, deadline, async || {
        match ask("/readyz").await {
            Ok((200, _)) => return Some(true),
            Ok((status, body)) => last = format!("{status} {body}"),
            Err(error) => last = format!("{error:#}"),
        }
        process.status().map(|_| false)
    })
    .await;
    if matches!(asked, Ok(true)) {
        return Ok(());
    }
    let why = process.status().map_or_else(
        || format!("not ready after {deadline:?}"),
        |status| format!("it ended with {status}"),
    );
    bail!("starting {what}: {why}: {last}{}", log(process))
}

/// Waits for the first line that `what` prints, which announces that it is ready, and returns it.
///
/// # Errors
/// It does not within 90 s, or the process has ended; the error shows the log's end.
pub(crate) async fn announced(
    process: &Process,
    what: &str,
    stdout: ChildStdout,
) -> Result<String> {
    let (line_to, line) = oneshot::channel();
    // A thread, because whoever waits for the line may be gone before the program is.
    thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        if let Some(line) = lines.next() {
            let _ = line_to.send(line);
        }
        lines.for_each(drop);
    });
    match timeout(WITHIN, line).await {
        Ok(Ok(line)) => Ok(line),
        Ok(Err(_)) => {
            let status = process.wait(END_WITHIN).await?;
            bail!("starting {what}: it ended with {status}{}", log(process))
        }
        Err(_) => bail!(
            "starting {what}: not ready after {WITHIN:?}{}",
            log(process)
        ),
    }
}

fn log(process: &Process) -> String {
    format!("; its log ends with\n{}", process.log_tail())
}
