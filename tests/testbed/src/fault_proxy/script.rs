//! Which call goes wrong, and how?
//!
//! Rules are asked in the order in which they were added; each counts the calls it matches. No I/O, no clock here.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::call::{AwsService, Operation};

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// AWS refuses it, with this code and message, in the service's own XML; it has no effect.
    Error {
        /// As in `TooManyTargets`.
        code: String,
        /// What AWS says.
        message: String,
    },
    /// AWS refuses it as one too many, as each service says that; it has no effect.
    Throttled,
    /// AWS refuses it because no policy allows it, in AWS's documented words; it has no effect.
    Denied,
    /// This HTTP status without a body; it has no effect.
    Status(u16),
    /// The connection ends; it has no effect.
    Cut,
    /// No answer, ever; it has no effect.
    Hang,
    /// It takes effect and the connection ends.
    CutAfter,
    /// It takes effect and this HTTP status without a body is answered.
    StatusAfter(u16),
    /// It takes effect and no answer comes, ever.
    HangAfter,
    /// It takes this much longer. The rules behind it are asked too.
    Delay(Duration),
}

/// Which calls a rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    service: Option<AwsService>,
    action: Option<String>,
    mutating: bool,
}

/// Which of the calls in its scope a rule strikes, counted from when it was added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// All of them.
    Always,
    /// Only this one, from 1.
    Nth(u64),
    /// This many, and then no more.
    First(u64),
    /// Each with this probability.
    Chance {
        /// From 0 to 1.
        probability: f64,
        /// The same seed strikes the same calls, by their number.
        seed: u64,
        /// After this many strikes there are no more.
        at_most: u64,
    },
}

/// Rules, with what they have counted.
#[derive(Debug, Default)]
pub(super) struct Script(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    scope: Scope,
    when: When,
    fault: Fault,
    matched: u64,
    struck: u64,
    dice: StdRng,
}

/// What the script says about one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdict {
    pub(super) delay: Duration,
    pub(super) fault: Option<Fault>,
}

// === impl Fault ===

impl Fault {
    /// An error answer of AWS's.
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Error {
            code: code.into(),
            message: message.into(),
        }
    }
}

// === impl Scope ===

impl Scope {
    /// Every call.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Every call that may change something.
    #[must_use]
    pub fn mutating() -> Self {
        Self {
            mutating: true,
            ..Self::default()
        }
    }

    /// One action.
    pub fn action(action: impl Into<String>) -> Self {
        Self {
            action: Some(action.into()),
            ..Self::default()
        }
    }

    /// Only where this service is asked.
    #[must_use]
    pub fn of(self, service: AwsService) -> Self {
        Self {
            service: Some(service),
            ..self
        }
    }

    fn holds(&self, operation: Operation<'_>) -> bool {
        let Self {
            service,
            action,
            mutating,
        } = self;
        service.is_none_or(|service| service == operation.service)
            && action
                .as_deref()
                .is_none_or(|action| action == operation.action)
            && (!mutating || operation.mutates())
    }
}

// === impl Script ===

impl Script {
    pub(super) fn add(&mut self, scope: Scope, when: When, fault: Fault) {
        let seed = match when {
            When::Chance { seed, .. } => seed,
            When::Always | When::Nth(_) | When::First(_) => 0,
        };
        self.0.push(Rule {
            scope,
            when,
            fault,
            matched: 0,
            struck: 0,
            dice: StdRng::seed_from_u64(seed),
        });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first rule that strikes decides. Those behind it have counted the call all the same.
    pub(super) fn judge(&mut self, operation: Operation<'_>) -> Verdict {
        let mut verdict = Verdict::default();
        for rule in &mut self.0 {
            if !rule.scope.holds(operation) || !rule.strikes() {
                continue;
            }
            match &rule.fault {
                Fault::Delay(delay) => verdict.delay += *delay,
                fault => {
                    verdict.fault.get_or_insert_with(|| fault.clone());
                }
            }
        }
        verdict
    }
}

// === impl Rule ===

impl Rule {
    fn strikes(&mut self) -> bool {
        self.matched += 1;
        let strikes = match self.when {
            When::Always => true,
            When::Nth(n) => self.matched == n,
            When::First(n) => self.matched <= n,
            When::Chance {
                probability,
                at_most,
                ..
            } => self.dice.random::<f64>() < probability && self.struck < at_most,
        };
        self.struck += u64::from(strikes);
        strikes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Operation<'static> = Operation {
        service: AwsService::Ec2,
        action: "DescribeVpcs",
        unfiltered: false,
    };

    /// Which of a hundred calls a rule strikes, counted from 0.
    fn struck(when: When) -> Vec<usize> {
        let mut script = Script::default();
        script.add(Scope::any(), when, Fault::Cut);
        let strikes = (0..100).filter(|_| script.judge(READ).fault.is_some());
        strikes.collect()
    }

    #[test]
    fn the_first_calls_are_struck_or_one_of_them_or_all() {
        assert_eq!(struck(When::First(2)), [0, 1]);
        assert_eq!(struck(When::Nth(3)), [2]);
        assert_eq!(struck(When::Always).len(), 100);
    }

    #[test]
    fn chance_strikes_the_same_calls_for_the_same_seed_and_ends_at_its_limit() {
        let chance = |seed, at_most| {
            struck(When::Chance {
                probability: 0.3,
                seed,
                at_most,
            })
        };
        let strikes = chance(1, 100);
        assert!((10..60).contains(&strikes.len()), "{strikes:?}");
        assert_eq!(chance(1, 100), strikes);
        assert_ne!(chance(2, 100), strikes);
        assert_eq!(chance(1, 5), strikes[..5]);
    }

    #[test]
    fn the_first_rule_that_strikes_decides_and_delays_add_up() {
        let mut script = Script::default();
        let delay = Duration::from_secs(1);
        script.add(Scope::any(), When::Always, Fault::Delay(delay));
        script.add(Scope::mutating(), When::Always, Fault::Cut);
        let ec2 = Scope::action("DescribeVpcs").of(AwsService::Ec2);
        script.add(ec2, When::Nth(2), Fault::Hang);
        let elb = Scope::any().of(AwsService::Elbv2);
        script.add(elb, When::Always, Fault::Denied);
        script.add(Scope::any(), When::Always, Fault::Throttled);
        script.add(Scope::any(), When::Always, Fault::Delay(delay));
        let faults = [Fault::Throttled, Fault::Hang, Fault::Throttled];
        for fault in faults {
            let verdict = script.judge(READ);
            assert_eq!(verdict.delay, 2 * delay);
            assert_eq!(verdict.fault, Some(fault));
        }
    }
}
