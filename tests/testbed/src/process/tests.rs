//! Does a process end when it should, and is it told apart from others?

#![allow(clippy::unwrap_used, reason = "a helper of tests may end the test")]

use std::os::unix::process::ExitStatusExt as _;

use super::*;
use crate::{poll_until, target::RunDir};

const SOON: Duration = Duration::from_secs(5);

fn shell(script: &str) -> (Process, RunDir) {
    let dir = RunDir::create().unwrap();
    let none: [(&str, &str); 0] = [];
    let process = Process::spawn(
        Path::new("sh"),
        ["-c", script],
        none,
        &dir.path().join("log"),
    )
    .unwrap();
    (process, dir)
}

#[tokio::test]
async fn it_is_waited_for_and_its_output_is_kept() {
    let (process, _dir) = shell("echo out; echo err >&2; exit 3");
    assert_eq!(process.wait(SOON).await.unwrap().code(), Some(3));
    assert_eq!(process.log(), "out\nerr\n");
    let error = process.signal(Signal::Term).unwrap_err();
    assert!(error.to_string().contains("has ended"), "{error}");
}

#[tokio::test]
async fn one_that_goes_on_is_an_error_that_shows_its_log() {
    let (process, _dir) = shell("echo busy; exec sleep 100");
    poll_until("the log", SOON, async || {
        process.log().contains("busy").then_some(())
    })
    .await
    .unwrap();
    let error = process.wait(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.to_string().contains("busy"), "{error}");
    process.signal(Signal::Term).unwrap();
    assert_eq!(process.wait(SOON).await.unwrap().signal(), Some(15));
}

#[tokio::test]
async fn a_dropped_one_takes_its_children_along() {
    let (process, _dir) = shell("sleep 100 & echo $!; wait");
    let child = async || process.log().trim().parse::<u32>().ok();
    let child = poll_until("the child", SOON, child).await.unwrap();
    drop(process);
    let state = || fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    // Nobody may reap it in a container, so being a zombie is dead enough.
    let dead = async || (state().is_empty() || state().contains(") Z ")).then_some(());
    poll_until("the child to end", SOON, dead).await.unwrap();
}
