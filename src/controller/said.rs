//! Which events follow from a change? Only changes speak: never the same thing twice. Pure.

use k8s_openapi::api::core::v1::Service;
use roadstead_core::Plan;

use crate::service::{
    conditions::{Holds, Kind, Reason},
    status::{self, Desired, Telling},
};

/// An event in words. The names are those that users of cloud controllers know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether the user should worry.
    pub warning: bool,
    /// `EnsuredLoadBalancer`.
    pub reason: &'static str,
    /// The rest.
    pub note: String,
}

// === impl Said ===

impl Said {
    /// Nothing to worry about.
    pub fn normal(reason: &'static str, note: impl Into<String>) -> Self {
        Self {
            warning: false,
            reason,
            note: note.into(),
        }
    }

    /// Something to look at.
    pub fn warning(reason: &'static str, note: impl Into<String>) -> Self {
        Self {
            warning: true,
            reason,
            note: note.into(),
        }
    }
}

/// The events of a Service that said what `before` says and now says `after`; `done` is what was done, and
/// `repaired` if nobody had asked for it: somebody changed the load balancer behind our back.
#[must_use]
pub fn of_change(before: &Service, after: &Desired, done: &Plan, repaired: bool) -> Vec<Said> {
    let mut said = Vec::new();
    for wanted in &after.conditions {
        let there = status::condition(before, wanted.kind);
        let changed = there.is_none_or(|there| !wanted.is(there));
        let held = there.is_some_and(|there| there.status == Holds::True.as_str());
        match (wanted.kind, wanted.holds) {
            (Kind::Accepted, Holds::False) if changed => {
                said.push(Said::warning(
                    "SyncLoadBalancerFailed",
                    wanted.message.clone(),
                ));
            }
            (Kind::Accepted, Holds::True) if changed => {
                // The message names the unknown annotations, and nothing else in it can change.
                if let Some((_, typos)) = wanted.message.split_once("; ") {
                    said.push(Said::warning("UnknownAnnotation", typos));
                }
            }
            (Kind::Programmed, Holds::True) => said.extend(programmed(
                before,
                after,
                &wanted.message,
                done,
                held,
                repaired,
            )),
            (Kind::Programmed, _) if changed => said.extend(not_programmed(
                wanted.reason,
                &wanted.message,
                there.map(|c| c.reason.as_str()),
                after.telling,
            )),
            _ => {}
        }
    }
    said
}

fn programmed(
    before: &Service,
    after: &Desired,
    message: &str,
    done: &Plan,
    held: bool,
    repaired: bool,
) -> Vec<Said> {
    let mut said = Vec::new();
    let moved = after.addresses.as_ref() != Some(&status::addresses(before));
    if !held || moved {
        // What is remarkable behind the address gets an event of its own.
        let serving = message
            .split_once("; ")
            .map_or(message, |(serving, _)| serving);
        said.push(Said::normal(
            "EnsuredLoadBalancer",
            format!("{serving}: {done}"),
        ));
    } else if !done.is_empty() {
        let why = if repaired {
            "repaired what was changed behind the controller: "
        } else {
            ""
        };
        said.push(Said::normal("UpdatedLoadBalancer", format!("{why}{done}")));
    }
    let there = status::condition(before, Kind::Programmed);
    let remark = message.split_once("; ").map(|(_, remark)| remark);
    if let Some(remark) = remark
        && there.is_none_or(|there| !there.message.ends_with(remark))
    {
        let reason = match after.telling {
            Telling::WithoutNodes => "UnAvailableLoadBalancer",
            Telling::Ensuring | Telling::Releasing => "LoadBalancerNotice",
        };
        said.push(Said::warning(reason, remark));
    }
    said
}

fn not_programmed(
    reason: Reason,
    message: &str,
    before: Option<&str>,
    telling: Telling,
) -> Option<Said> {
    match (reason, telling) {
        (_, Telling::Releasing) if reason != Reason::Releasing => {
            Some(Said::warning("DeleteLoadBalancerFailed", message))
        }
        (Reason::Releasing, _) if before == Some(Reason::Releasing.as_str()) => None,
        (Reason::Releasing, _) => Some(Said::normal("DeletingLoadBalancer", message)),
        // Accepted has said so.
        (Reason::Invalid, _) => None,
        (Reason::Pending, _) if before == Some(Reason::Pending.as_str()) => None,
        (Reason::Pending, _) => Some(Said::normal("EnsuringLoadBalancer", message)),
        _ => Some(Said::warning("SyncLoadBalancerFailed", message)),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use roadstead_core::{Action, Address, Step};

    use super::*;
    use crate::service::conditions::Condition;

    fn desired(programmed: (Holds, Reason, &str), address: Option<&str>) -> Desired {
        let (holds, reason, message) = programmed;
        Desired {
            addresses: Some(
                address
                    .map(|ip| Address::ip(ip.parse().unwrap()))
                    .into_iter()
                    .collect(),
            ),
            telling: Telling::Ensuring,
            conditions: vec![
                Condition::new(
                    Kind::Accepted,
                    Holds::True,
                    Reason::Accepted,
                    "taken by the mock provider",
                ),
                Condition::new(Kind::Programmed, holds, reason, message),
            ],
        }
    }

    fn that_says(desired: &Desired) -> Service {
        Service {
            status: Some(status::render(
                &Service::default(),
                desired,
                Timestamp::UNIX_EPOCH,
            )),
            ..Service::default()
        }
    }

    fn shown(before: &Service, after: &Desired, done: &Plan, repaired: bool) -> Vec<String> {
        of_change(before, after, done, repaired)
            .into_iter()
            .map(|said| format!("{} {}", said.reason, said.note))
            .collect()
    }

    #[test]
    fn only_changes_speak() {
        let ready = desired(
            (Holds::True, Reason::Programmed, "serving at 192.0.2.1"),
            Some("192.0.2.1"),
        );
        let moved = desired(
            (Holds::True, Reason::Programmed, "serving at 192.0.2.2"),
            Some("192.0.2.2"),
        );
        let failed = desired(
            (Holds::False, Reason::Quota, "no address is free"),
            Some("192.0.2.1"),
        );
        let pending = desired((Holds::False, Reason::Pending, "waiting for a"), None);
        let still = desired((Holds::False, Reason::Pending, "waiting for b"), None);
        let releasing = desired(
            (
                Holds::False,
                Reason::Releasing,
                "the load balancer is being removed",
            ),
            None,
        );
        let nothing = Plan::default();
        let listener = Plan::from_iter([Step::new(Action::Create, "listener 80/TCP")]);
        let new = Service::default();
        assert_eq!(
            shown(&new, &ready, &listener, false),
            ["EnsuredLoadBalancer serving at 192.0.2.1: create listener 80/TCP"]
        );
        assert!(
            shown(&that_says(&ready), &ready, &nothing, false).is_empty(),
            "nothing changed"
        );
        assert_eq!(
            shown(&that_says(&ready), &ready, &listener, false),
            ["UpdatedLoadBalancer create listener 80/TCP"]
        );
        assert_eq!(
            shown(&that_says(&ready), &ready, &listener, true),
            [
                "UpdatedLoadBalancer repaired what was changed behind the controller: create listener 80/TCP"
            ]
        );
        assert_eq!(
            shown(&that_says(&ready), &moved, &nothing, false).len(),
            1,
            "a new address is news"
        );
        assert_eq!(
            shown(&that_says(&ready), &failed, &nothing, false),
            ["SyncLoadBalancerFailed no address is free"]
        );
        assert!(
            shown(&that_says(&failed), &failed, &nothing, false).is_empty(),
            "the same failure again is no news"
        );
        assert_eq!(
            shown(&that_says(&failed), &ready, &nothing, false).len(),
            1,
            "recovery is"
        );
        assert_eq!(
            shown(&new, &pending, &nothing, false),
            ["EnsuringLoadBalancer waiting for a"]
        );
        assert!(shown(&that_says(&pending), &still, &nothing, false).is_empty());
        assert_eq!(
            shown(&that_says(&ready), &releasing, &nothing, false).len(),
            1
        );
    }
}
