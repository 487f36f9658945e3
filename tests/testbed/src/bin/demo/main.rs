//! Does Roadstead do its main job on this machine? Shown on a real API server, step by step, for people.
//!
//! This file decides how the demo ends; what it shows is in `play`.

mod arp;
mod aws;
mod leftovers;
mod manifests;
mod play;
mod screen;
mod stage;
mod step;
mod story;
mod tables;

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use jiff::SignedDuration;
use roadstead_testbed::control_plane::GIVEN_KUBECONFIG;
use tokio::{
    runtime::Runtime,
    select,
    signal::unix::{self, SignalKind},
};

use crate::{
    screen::Screen,
    stage::Stage,
    step::{Layer2Step, NlbStep, Step},
};

/// The exit code of a wrong command line, as of clap's.
const USAGE: u8 = 2;

/// The exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

const BUILD_ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Shows Roadstead's main job: Services of type `LoadBalancer` get an external address.
///
/// Starts a real kube-apiserver with etcd, three nodes that exist on paper only, and the roadstead binary with its mock
/// provider; creates Services, one of them wrong, and shows what happens. Then it stays up until Ctrl-C, for you to try
/// things. It needs Rust and Go and nothing else (for --provider aws also Python 3.11, for --provider arp root on Linux): what
/// it builds, it keeps in the target directory, and no process outlives it.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo", max_term_width = 100)]
struct Args {
    /// Do not stay: delete the Services, show that nothing is left, and end. Exits 0 if every step came true
    #[arg(long)]
    once: bool,
    /// Who makes the load balancers: the mock, aws over LocalStack, or arp on a network within this machine
    #[arg(long, value_enum, default_value_t = Provider::Mock)]
    provider: Provider,
    /// How long to wait for anything that a step promises; building has no limit
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    deadline: Duration,
    /// Run this roadstead instead of building it
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Who makes the load balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Provider {
    /// Addresses with nothing behind them.
    Mock,
    /// Network Load Balancers, in an AWS that runs on this machine.
    Aws,
    /// Addresses that nodes announce, on a network within this machine.
    Arp,
}

/// How the demo was asked to end.
struct Signals {
    interrupt: unix::Signal,
    term: unix::Signal,
}

/// What became of the demo before anything was ended.
enum Outcome {
    /// Everything that was to be shown came true.
    Shown,
    /// A signal came first.
    Interrupted,
    /// A step did not come true.
    Failed(anyhow::Error),
}

fn main() -> ExitCode {
    let args = Args::parse();
    if env::var_os(GIVEN_KUBECONFIG).is_some() {
        tell(&format!(
            "demo: {GIVEN_KUBECONFIG} is set, but the demo registers nodes that do not exist, and so only uses a \
             control plane of its own; unset it"
        ));
        return ExitCode::from(USAGE);
    }
    let ended = Runtime::new().context("starting").and_then(|runtime| {
        let ended = runtime.block_on(run(&args));
        // A build of the control plane blocks a thread, which notices that its go was ended.
        runtime.shutdown_timeout(BUILD_ENDS_WITHIN);
        ended
    });
    ended.unwrap_or_else(|error| {
        tell(&format!("demo: {error:#}"));
        ExitCode::FAILURE
    })
}

async fn run(args: &Args) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let mut screen = Screen::stdout();
    let mut stage = Stage::default();
    let outcome = shown(args, &mut stage, &mut screen, &mut signals).await;
    if let Outcome::Failed(error) = &outcome {
        report(error, &screen, &stage);
    }
    let ended = select! {
        ended = stage.end(&mut screen) => ended,
        signal = signals.next() => {
            tell(&format!("demo: {signal} again: ending at once"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    Ok(match (outcome, ended) {
        (Outcome::Shown, Ok(())) => {
            screen.end(args.once)?;
            ExitCode::SUCCESS
        }
        (Outcome::Interrupted, Ok(())) => ExitCode::from(INTERRUPTED),
        (Outcome::Failed(_), Ok(())) => ExitCode::FAILURE,
        (_, Err(error)) => {
            tell(&format!("demo: ending: {error:#}"));
            ExitCode::FAILURE
        }
    })
}

async fn shown(
    args: &Args,
    stage: &mut Stage,
    screen: &mut Screen,
    signals: &mut Signals,
) -> Outcome {
    if args.provider == Provider::Mock {
        return with_mock(args, stage, screen, signals).await;
    }
    let play = async |stage: &mut Stage, screen: &mut Screen| match args.provider {
        Provider::Arp => arp::play(args, stage, screen).await,
        Provider::Aws | Provider::Mock => aws::play(args, stage, screen).await,
    };
    select! {
        played = play(stage, screen) => played.map_or_else(Outcome::Failed, |()| Outcome::Shown),
        signal = signals.next() => {
            // To stay until a signal is what it was asked for.
            if matches!(screen.at(), Step::Nlb(NlbStep::Stay) | Step::Layer2(Layer2Step::Stay)) {
                return Outcome::Shown;
            }
            interrupted(signal, screen)
        }
    }
}

async fn with_mock(
    args: &Args,
    stage: &mut Stage,
    screen: &mut Screen,
    signals: &mut Signals,
) -> Outcome {
    let played = select! {
        played = play::play(args, stage, screen) => played,
        signal = signals.next() => {
            return interrupted(signal, screen);
        }
    };
    let shown = match played {
        Ok(_) if args.once => Ok(()),
        Ok(story) => play::stay(story, stage, screen, signals).await,
        Err(error) => Err(error),
    };
    shown.map_or_else(Outcome::Failed, |()| Outcome::Shown)
}

fn interrupted(signal: &str, screen: &Screen) -> Outcome {
    tell(&format!(
        "\ndemo: {signal} before all was shown: ending in order"
    ));
    if screen.at() == Step::ControlPlane {
        stage::interrupt_build();
    }
    Outcome::Interrupted
}

/// Which step failed, what was seen last, and what to do.
fn report(error: &anyhow::Error, screen: &Screen, stage: &Stage) {
    let step = screen.at();
    let mut text = format!("\ndemo: this step failed: {step}\n{error:#}");
    if !text.contains("log ends with")
        && let Some(log) = stage.log_tail()
    {
        text.push_str("\nThe controller's log ends with\n");
        text.push_str(&log);
    }
    tell(&format!(
        "{}\nWhat to do: {}",
        text.trim_end(),
        step.remedy()
    ));
}

/// On stderr; if that is closed, nobody wants to know.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed
        .and_then(|signed| Duration::try_from(signed).ok())
        .ok_or_else(|| format!("{text:?} is no duration; write one like 30s or 5m"))
}

// === impl Signals ===

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
            term: unix::signal(SignalKind::terminate()).context("listening for SIGTERM")?,
        })
    }

    /// Waits for one, and names it.
    async fn next(&mut self) -> &'static str {
        select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.term.recv() => "SIGTERM",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn an_unknown_flag_is_a_usage_error() {
        Args::command().debug_assert();
        let error = Args::try_parse_from(["cargo demo", "--twice"]).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(USAGE));
        let error = Args::try_parse_from(["cargo demo", "--deadline", "soon"]).unwrap_err();
        assert!(error.to_string().contains("30s or 5m"), "{error}");
    }
}
