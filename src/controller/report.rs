//! What is said on the Service about what a provider answered? Pure: an answer becomes addresses and conditions.

use k8s_openapi::api::core::v1::Service;
use roadstead_core::{Error, Outcome, ProviderName, Typo, chain};

use crate::service::{
    conditions::{Condition, Holds, Kind, Reason},
    nodes::NO_NODES,
    status::{self, Desired, Telling},
};

/// Everything that an answer is put into words with.
#[derive(Clone, Copy, Debug)]
pub struct Reporter<'a> {
    /// The Service, with what it says so far.
    pub service: &'a Service,
    /// Who was asked.
    pub provider: ProviderName,
    /// Annotations that nobody knows.
    pub typos: &'a [Typo],
    /// Whether the provider itself says how targets fare.
    pub reports_health: bool,
    /// Whether no node is eligible to receive traffic.
    pub without_nodes: bool,
}

// === impl Reporter ===

impl Reporter<'_> {
    /// It exists as asked.
    #[must_use]
    pub fn ready(&self, outcome: &Outcome) -> Desired {
        let mut message = format!("serving at {}", list(&outcome.addresses));
        let without_nodes = self.without_nodes.then_some(NO_NODES);
        for note in outcome
            .notes
            .iter()
            .map(String::as_str)
            .chain(without_nodes)
        {
            message.push_str("; ");
            message.push_str(note);
        }
        let programmed = Condition::new(Kind::Programmed, Holds::True, Reason::Programmed, message);
        self.desired(outcome, programmed)
    }

    /// It is on its way.
    #[must_use]
    pub fn pending(&self, outcome: &Outcome, waiting_for: &str) -> Desired {
        let message = format!("waiting for {waiting_for}");
        let programmed = Condition::new(Kind::Programmed, Holds::False, Reason::Pending, message);
        self.desired(outcome, programmed)
    }

    /// The provider takes its time, and nothing is known yet.
    #[must_use]
    pub fn taking_long(&self) -> Desired {
        self.waiting(&format!(
            "the {} provider to make the load balancer",
            self.provider
        ))
    }

    /// Something else must come first; what exists stays as it is.
    #[must_use]
    pub fn waiting(&self, waiting_for: &str) -> Desired {
        let outcome = Outcome {
            addresses: status::addresses(self.service),
            ..Outcome::default()
        };
        let mut desired = self.pending(&outcome, waiting_for);
        desired.conditions.extend(self.health_as_written());
        desired
    }

    /// The provider failed; what exists stays as it is, and so does the address.
    #[must_use]
    pub fn failed(&self, error: &Error) -> Desired {
        let reason = Reason::from(error.kind());
        if reason == Reason::Invalid {
            return self.rejected(&[chain(error).to_string()]);
        }
        self.as_it_is(
            self.accepted(),
            Condition::new(
                Kind::Programmed,
                Holds::False,
                reason,
                chain(error).to_string(),
            ),
        )
    }

    /// The request cannot be.
    #[must_use]
    pub fn rejected(&self, problems: &[String]) -> Desired {
        let message = self.with_typos(problems.join("; "));
        let left = if status::addresses(self.service).is_empty() {
            "nothing was made; see the condition roadstead.dev/Accepted"
        } else {
            "the load balancer was left as it is; see the condition roadstead.dev/Accepted"
        };
        self.as_it_is(
            Condition::new(Kind::Accepted, Holds::False, Reason::Invalid, message),
            Condition::new(Kind::Programmed, Holds::False, Reason::Invalid, left),
        )
    }

    /// The load balancer is being removed: no address any more.
    #[must_use]
    pub fn releasing(&self, waiting_for: Option<&str>) -> Desired {
        let message = match waiting_for {
            Some(what) => format!("the load balancer is being removed; waiting for {what}"),
            None => "the load balancer is being removed".to_owned(),
        };
        self.without_address(Condition::new(
            Kind::Programmed,
            Holds::False,
            Reason::Releasing,
            message,
        ))
    }

    /// Removing the load balancer failed.
    #[must_use]
    pub fn release_failed(&self, error: &Error) -> Desired {
        let message = format!("removing the load balancer failed: {}", chain(error));
        self.without_address(Condition::new(
            Kind::Programmed,
            Holds::False,
            Reason::from(error.kind()),
            message,
        ))
    }

    fn without_address(&self, programmed: Condition) -> Desired {
        Desired {
            addresses: Some(Vec::new()),
            conditions: vec![self.accepted(), programmed],
            telling: Telling::Releasing,
        }
    }

    fn as_it_is(&self, accepted: Condition, programmed: Condition) -> Desired {
        let mut desired = Desired {
            addresses: Some(status::addresses(self.service)),
            conditions: vec![accepted, programmed],
            telling: self.telling(),
        };
        desired.conditions.extend(self.health_as_written());
        desired
    }

    fn desired(&self, outcome: &Outcome, programmed: Condition) -> Desired {
        let mut conditions = vec![self.accepted(), programmed];
        conditions.extend(outcome.health.as_ref().map(|health| {
            let (holds, reason) = match health.serving {
                Some(true) => (Holds::True, Reason::Healthy),
                Some(false) => (Holds::False, Reason::Unhealthy),
                None => (Holds::Unknown, Reason::Unknown),
            };
            Condition::new(Kind::Healthy, holds, reason, health.message.clone())
        }));
        Desired {
            addresses: Some(outcome.addresses.clone()),
            conditions,
            telling: self.telling(),
        }
    }

    fn telling(&self) -> Telling {
        if self.without_nodes {
            Telling::WithoutNodes
        } else {
            Telling::Ensuring
        }
    }

    fn accepted(&self) -> Condition {
        let message = self.with_typos(format!("taken by the {} provider", self.provider));
        Condition::new(Kind::Accepted, Holds::True, Reason::Accepted, message)
    }

    fn with_typos(&self, mut message: String) -> String {
        for typo in self.typos {
            message.push_str("; ");
            message.push_str(&typo.to_string());
        }
        message
    }

    fn health_as_written(&self) -> Option<Condition> {
        let written =
            status::condition(self.service, Kind::Healthy).filter(|_| self.reports_health)?;
        Condition::read(written)
    }
}

fn list<T: ToString>(things: &[T]) -> String {
    let things: Vec<String> = things.iter().map(ToString::to_string).collect();
    things.join(", ")
}
