//! How should the mock behave? Latency, failures and addresses, parsed from flags. No I/O.

use std::{fmt, str::FromStr, time::Duration};

use ipnet::IpNet;
use roadstead_core::ErrorKind;

/// How the mock behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The ranges that addresses are taken from, both families.
    pub addresses: Vec<IpNet>,
    /// What every call that changes something takes.
    pub latency: Duration,
    /// How often calls fail.
    pub failures: Failures,
    /// The seed of the dice that decide which call fails.
    pub seed: u64,
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With an error of this kind.
    Error(ErrorKind),
    /// With a panic.
    Panic,
    /// It never answers.
    Hang,
    /// It answers that it needs more time, for ever.
    Pending,
}

/// Rates of failure by kind, each from 0 to 1: `throttled=0.1,quota=0.01`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failures(Vec<(Failure, f64)>);

/// A rate that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no failure rate: write KIND=RATE with a rate from 0 to 1 and a kind of {kinds}", kinds = Failure::kinds())]
pub struct ParseFailuresError(String);

// === impl Settings ===

impl Default for Settings {
    /// No latency, no failures, addresses of RFC 5737's first documentation block and RFC 3849's.
    fn default() -> Self {
        Self {
            addresses: ["192.0.2.0/24", "2001:db8:1ad::/112"]
                .into_iter()
                .filter_map(|range| range.parse().ok())
                .collect(),
            latency: Duration::ZERO,
            failures: Failures::default(),
            seed: 0,
        }
    }
}

// === impl Failure ===

impl Failure {
    /// The failure of this label: a kind of error, `panic`, `hang` or `pending`.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        match label {
            "panic" => Some(Self::Panic),
            "hang" => Some(Self::Hang),
            "pending" => Some(Self::Pending),
            kind => ErrorKind::from_label(kind).map(Self::Error),
        }
    }

    /// Every label, for messages.
    #[must_use]
    pub fn kinds() -> String {
        let mut kinds: Vec<&str> = ErrorKind::ALL.iter().map(|kind| kind.label()).collect();
        kinds.extend(["panic", "hang", "pending"]);
        kinds.join(", ")
    }
}

// === impl Failures ===

impl Failures {
    /// The failure that `dice`, a number from 0 to 1, falls on.
    #[must_use]
    pub fn fall(&self, dice: f64) -> Option<Failure> {
        let mut bound = 0.0;
        self.0.iter().find_map(|(failure, rate)| {
            bound += rate;
            (dice < bound).then_some(*failure)
        })
    }
}

impl FromStr for Failures {
    type Err = ParseFailuresError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| {
                let wrong = || ParseFailuresError(part.to_owned());
                let (kind, rate) = part.split_once('=').ok_or_else(wrong)?;
                let rate: f64 = rate.parse().map_err(|_| wrong())?;
                let failure = Failure::from_label(kind).ok_or_else(wrong)?;
                if (0.0..=1.0).contains(&rate) {
                    Ok((failure, rate))
                } else {
                    Err(wrong())
                }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rates", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_add_up_in_order() {
        let failures: Failures = "throttled=0.1, quota=0.2".parse().unwrap();
        assert_eq!(
            failures.fall(0.05),
            Some(Failure::Error(ErrorKind::Throttled))
        );
        assert_eq!(failures.fall(0.25), Some(Failure::Error(ErrorKind::Quota)));
        assert_eq!(failures.fall(0.31), None);
    }

    #[test]
    fn a_bad_rate_says_what_would_be_right() {
        for bad in ["throttled", "throttled=2", "slow=0.1", "quota=x"] {
            let error = bad.parse::<Failures>().unwrap_err().to_string();
            assert!(
                error.contains(bad) && error.contains("unavailable"),
                "{error}"
            );
        }
    }
}
