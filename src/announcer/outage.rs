//! Is the API server away, for somebody who writes? An outage begins with the first write that it does not hear, and is over when
//! none of them waits any more: two things to say, however many writes there were. Pure: time is an argument.

use std::{collections::BTreeSet, time::Duration};

use roadstead_core::NamespacedName;
use tokio::time::Instant;

/// What waits for an API server that is away.
#[derive(Debug, Default)]
pub struct Outage {
    /// Of which Services something is still to be written that was not heard.
    waiting: BTreeSet<NamespacedName>,
    /// How the outage began that is not over.
    began: Option<Began>,
    /// Of how many Services something had to wait.
    late: usize,
}

#[derive(Debug)]
struct Began {
    at: Instant,
    turn: Option<Turn>,
}

/// What is to be said of an outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It begins.
    Began {
        /// Of which Service something was to be written.
        service: NamespacedName,
        /// How that failed.
        why: String,
    },
    /// It is over.
    Over {
        /// How long it was.
        lasted: Duration,
        /// Of how many Services something was written late, or need not be any more.
        services: usize,
    },
}

// === impl Outage ===

impl Outage {
    /// A write was not heard, and will be tried again.
    pub fn unheard(&mut self, key: &NamespacedName, now: Instant, why: String) {
        if self.began.is_none() {
            let turn = Turn::Began {
                service: key.clone(),
                why,
            };
            self.began = Some(Began {
                at: now,
                turn: Some(turn),
            });
        }
        if self.waiting.insert(key.clone()) {
            self.late = self.late.saturating_add(1);
        }
    }

    /// Of this Service nothing waits to be heard.
    pub fn is_served(&mut self, key: &NamespacedName) {
        self.waiting.remove(key);
    }

    /// What is to be said now; each turn is said once.
    pub fn turn(&mut self, now: Instant) -> Option<Turn> {
        let began = self.began.as_mut()?;
        if let Some(turn) = began.turn.take() {
            return Some(turn);
        }
        if !self.waiting.is_empty() {
            return None;
        }
        let lasted = now - began.at;
        self.began = None;
        Some(Turn::Over {
            lasted,
            services: std::mem::take(&mut self.late),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> NamespacedName {
        NamespacedName::new("shop", name)
    }

    #[test]
    fn an_outage_is_told_when_it_begins_and_when_the_last_write_was_heard() {
        let (mut outage, start) = (Outage::default(), Instant::now());
        assert_eq!(outage.turn(start), None);
        let later = |seconds| start + Duration::from_secs(seconds);
        for round in 0..3 {
            for name in ["web", "api"] {
                outage.unheard(
                    &key(name),
                    later(round),
                    format!("refused in round {round}"),
                );
                let first = (round, name) == (0, "web");
                let began = first.then(|| Turn::Began {
                    service: key("web"),
                    why: "refused in round 0".to_owned(),
                });
                assert_eq!(outage.turn(later(round)), began, "{name} in round {round}");
            }
        }
        outage.is_served(&key("web"));
        outage.is_served(&key("never waited"));
        assert_eq!(outage.turn(later(3)), None, "api waits");
        outage.is_served(&key("api"));
        let over = Turn::Over {
            lasted: Duration::from_secs(4),
            services: 2,
        };
        assert_eq!(outage.turn(later(4)), Some(over));
        assert_eq!(outage.turn(later(5)), None);
        outage.unheard(&key("web"), later(6), "silent".to_owned());
        assert!(matches!(outage.turn(later(6)), Some(Turn::Began { .. })));
        outage.is_served(&key("web"));
        let over = Turn::Over {
            lasted: Duration::from_secs(1),
            services: 1,
        };
        assert_eq!(outage.turn(later(7)), Some(over));
    }
}
