//! Does each command explain itself, and does a refusal say what would be right?

use clap::{CommandFactory, error::ErrorKind};

use super::*;

#[test]
fn every_command_explains_itself() {
    Cli::command().debug_assert();
    for name in ["announce", "controller", "plan", "status"] {
        let mut command = Cli::command();
        command.build();
        let help = command
            .find_subcommand_mut(name)
            .unwrap()
            .render_help()
            .to_string();
        insta::assert_snapshot!(format!("help-{name}"), help);
    }
}

fn announce(flag: &'static str) -> Vec<&'static str> {
    vec!["announce", "--node-name=a", "--hello-key-file=key", flag]
}

#[test]
fn a_bad_flag_is_a_usage_error_that_says_what_would_be_right() {
    let table = [
        (vec!["controller"], "--provider"),
        (vec!["controller", "--provider", "gcp"], "mock"),
        (
            vec!["controller", "--provider", "mock", "--resync", "often"],
            "10s or 5m",
        ),
        (
            vec!["controller", "--provider", "mock", "--resync", "0s"],
            "longer than zero",
        ),
        (
            vec!["controller", "--provider", "mock", "--class", "nlb"],
            "NAME=PROVIDER",
        ),
        (
            vec![
                "controller",
                "--provider",
                "mock",
                "--admin-address",
                "8080",
            ],
            "IP:PORT",
        ),
        (
            vec![
                "controller",
                "--provider",
                "mock",
                "--mock-addresses",
                "everywhere",
            ],
            "everywhere",
        ),
        (
            vec![
                "controller",
                "--provider",
                "mock",
                "--mock-failures",
                "often",
            ],
            "KIND=RATE",
        ),
        (vec!["plan", "--provider", "mock"], "SERVICE"),
        (vec!["announce", "--node-name", "a"], "--hello-key-file"),
        (announce("--hello-interval=1ms"), "between 10ms"),
        (announce("--interfaces=eth 0"), "interface names"),
        (announce("--arp-pool=192.0.2.1"), "192.0.2.1/32"),
        (
            announce("--forwarding-check=10256"),
            "http://HOST:PORT/PATH",
        ),
        #[cfg(feature = "aws")]
        (
            vec!["plan", "web", "--aws-default-scheme", "public"],
            "internet-facing",
        ),
        #[cfg(feature = "aws")]
        (
            vec!["plan", "web", "--aws-backend-security-group", "default"],
            "sg-0123456789abcdef0",
        ),
        #[cfg(feature = "aws")]
        (
            vec!["plan", "web", "--aws-limit", "register=40"],
            "register=40/8",
        ),
        #[cfg(feature = "aws")]
        (
            vec!["plan", "web", "--aws-limit", "targets=40/8"],
            "register, describe",
        ),
    ];
    for (args, hint) in table {
        let error = Cli::try_parse_from(["roadstead"].into_iter().chain(args.clone())).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{args:?}");
        assert_ne!(error.kind(), ErrorKind::DisplayHelp);
        assert!(error.to_string().contains(hint), "{args:?}: {error}");
    }
}
