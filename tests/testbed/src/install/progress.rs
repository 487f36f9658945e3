//! What does whoever waits for an installation see?
//!
//! Lines on stderr, past the test harness, at once and then every 15 s. What runs is decided elsewhere.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Write as _},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

const PROGRESS_EVERY: Duration = Duration::from_secs(15);
const TAIL_LINES: usize = 30;
/// Some programs write all they did in one line.
const LINE_SHOWN: usize = 100;

/// Past the test harness, which would keep it until the test has ended.
pub(super) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "testbed: {message}");
}

/// Tells how far `work` is until its output ends: how many lines said that one of `units` is done, and the last line.
/// Returns the last lines.
pub(super) fn report(
    work: &str,
    output: impl BufRead + Send + 'static,
    units: &str,
    is_unit: fn(&str) -> bool,
) -> String {
    let (lines_to, lines) = mpsc::channel();
    thread::spawn(move || {
        output
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| lines_to.send(line))
    });

    let start = Instant::now();
    let mut next = PROGRESS_EVERY;
    let mut done = 0;
    let mut last_lines = VecDeque::new();
    loop {
        match lines.recv_timeout(next.saturating_sub(start.elapsed())) {
            Ok(line) => {
                done += u32::from(is_unit(&line));
                last_lines.push_back(line);
                if last_lines.len() > TAIL_LINES {
                    last_lines.pop_front();
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let last = last_lines.back().map_or("nothing yet", String::as_str);
                let last: String = last.chars().take(LINE_SHOWN).collect();
                say(&format!(
                    "{work}: {} s, {done} {units}; last: {last}",
                    next.as_secs()
                ));
                next += PROGRESS_EVERY;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    say(&format!("{work} took {} s", start.elapsed().as_secs()));
    Vec::from(last_lines).join("\n")
}
