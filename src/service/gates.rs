//! Which pods wait for a load balancer before they count as ready, and what are they told? Pure.
//!
//! A pod asks for it with `spec.readinessGates: [{conditionType: roadstead.dev/target-health}]`. Without the condition, or
//! with any other status than `True`, the kubelet keeps the pod from being ready, and a rollout waits for it.

use std::net::IpAddr;

use k8s_openapi::{
    api::core::v1::{Pod, PodCondition, PodStatus},
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};

/// The condition that a pod's readiness gate names.
pub const GATE: &str = "roadstead.dev/target-health";

/// A condition's message is for people; nobody reads more than this.
const MAX_MESSAGE: usize = 1024;

/// What matters of a pod that declares the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatedPod {
    /// A pod of the same name that comes later is another one.
    pub uid: String,
    /// Grows with every change; `None` if it is no number.
    pub version: Option<u64>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it would be ready if our gate were open: its containers are, and nobody else's gate is closed.
    pub fit: bool,
    /// What the gate says, if it says anything.
    pub said: Option<(Gate, Option<Time>)>,
}

/// What the gate of a pod says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Whether the pod may be ready.
    pub open: bool,
    /// Why, for people.
    pub message: String,
}

/// How a pod fares with one load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is sent traffic.
    pub healthy: bool,
    /// Why, in the provider's words.
    pub reason: String,
}

// === impl GatedPod ===

impl GatedPod {
    /// What matters of `pod`; `None` if it does not wait for us.
    #[must_use]
    pub fn read(pod: &Pod) -> Option<Self> {
        let spec = pod.spec.as_ref()?;
        let gates = || spec.readiness_gates.iter().flatten();
        if !gates().any(|gate| gate.condition_type == GATE) {
            return None;
        }
        let none = PodStatus::default();
        let status = pod.status.as_ref().unwrap_or(&none);
        let conditions = status.conditions.as_deref().unwrap_or_default();
        let holds = |type_: &str| {
            let found = conditions.iter().find(|condition| condition.type_ == type_);
            found.is_some_and(|condition| condition.status == "True")
        };
        let others = gates()
            .map(|gate| gate.condition_type.as_str())
            .filter(|gate| *gate != GATE);
        let fit = pod.metadata.deletion_timestamp.is_none()
            && holds("ContainersReady")
            && others.into_iter().all(holds);
        let addresses = status.pod_ips.iter().flatten();
        let said = conditions.iter().find(|condition| condition.type_ == GATE);
        Some(Self {
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            version: pod
                .metadata
                .resource_version
                .as_deref()
                .and_then(|v| v.parse().ok()),
            addresses: addresses.filter_map(|ip| ip.ip.parse().ok()).collect(),
            fit,
            said: said.map(|condition| {
                (
                    Gate::read(condition),
                    condition.last_transition_time.clone(),
                )
            }),
        })
    }

    /// Whether the pod, at `address`, would be ready if our gate were open.
    #[must_use]
    pub fn is_fit_at(&self, address: IpAddr) -> bool {
        self.fit && self.addresses.contains(&address)
    }

    /// Whether the pod says so already.
    #[must_use]
    pub fn says(&self, gate: &Gate) -> bool {
        self.said.as_ref().is_some_and(|(said, _)| said == gate)
    }

    /// The status to apply; a gate that stays as it is keeps the time since when.
    #[must_use]
    pub fn render(&self, gate: &Gate, now: Timestamp) -> PodStatus {
        let since = self
            .said
            .as_ref()
            .filter(|(said, _)| said.open == gate.open);
        let since = since.and_then(|(_, since)| since.clone());
        PodStatus {
            conditions: Some(vec![PodCondition {
                type_: GATE.to_owned(),
                status: gate.status().to_owned(),
                reason: Some(gate.reason().to_owned()),
                message: Some(gate.message.clone()),
                last_transition_time: Some(since.unwrap_or(Time(now))),
                ..PodCondition::default()
            }]),
            ..PodStatus::default()
        }
    }
}

// === impl Gate ===

impl Gate {
    /// What follows from how a pod fares with each of these load balancers, named by their Services: it is ready when all
    /// of them send it traffic.
    #[must_use]
    pub fn of<'s>(standings: impl IntoIterator<Item = (String, &'s Standing)>) -> Self {
        let (mut healthy, mut rest) = (Vec::new(), Vec::new());
        for (service, standing) in standings {
            if standing.healthy {
                healthy.push(service);
            } else {
                rest.push(format!("load balancer of {service}: {}", standing.reason));
            }
        }
        let open = rest.is_empty();
        let mut message = if open {
            format!("healthy as a target of {}", healthy.join(", "))
        } else {
            rest.join("; ")
        };
        if message.len() > MAX_MESSAGE {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        }
        Self { open, message }
    }

    fn read(condition: &PodCondition) -> Self {
        let as_written = |gate: &Self| {
            condition.status == gate.status() && condition.reason.as_deref() == Some(gate.reason())
        };
        let message = condition.message.clone().unwrap_or_default();
        let read = Self {
            open: condition.status == "True",
            message,
        };
        if as_written(&read) {
            return read;
        }
        // Of another hand, or another version: never the same as what we would say.
        Self {
            message: format!(
                "{} {:?}: {}",
                condition.status, condition.reason, read.message
            ),
            ..read
        }
    }

    fn status(&self) -> &'static str {
        if self.open { "True" } else { "False" }
    }

    fn reason(&self) -> &'static str {
        if self.open { "Healthy" } else { "Unhealthy" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: &str) -> Option<GatedPod> {
        let yaml = format!(
            "metadata: {{name: web-1, uid: u, resourceVersion: '7'}}
spec: {{containers: [], readinessGates: [{{conditionType: {GATE}}}, {{conditionType: other.io/gate}}]}}
status: {{podIPs: [{{ip: 10.1.0.1}}], conditions: {status}}}"
        );
        GatedPod::read(&serde_yaml::from_str(&yaml).unwrap())
    }

    fn standing(healthy: bool, reason: &str) -> Standing {
        Standing {
            healthy,
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn a_pod_without_the_gate_is_none_of_ours() {
        let pod = "spec: {containers: [], readinessGates: [{conditionType: other.io/gate}]}";
        assert_eq!(GatedPod::read(&serde_yaml::from_str(pod).unwrap()), None);
    }

    #[test]
    fn a_pod_is_fit_when_nothing_but_our_gate_keeps_it_from_being_ready() {
        let table = [
            ("[]", false),
            ("[{type: ContainersReady, status: 'True'}]", false),
            (
                "[{type: ContainersReady, status: 'True'}, {type: other.io/gate, status: 'False'}]",
                false,
            ),
            (
                "[{type: ContainersReady, status: 'False'}, {type: other.io/gate, status: 'True'}]",
                false,
            ),
            (
                "[{type: ContainersReady, status: 'True'}, {type: other.io/gate, status: 'True'}, {type: Ready, status: 'False'}]",
                true,
            ),
        ];
        for (conditions, fit) in table {
            assert_eq!(read(conditions).unwrap().fit, fit, "{conditions}");
        }
    }

    #[test]
    fn a_gate_opens_when_every_load_balancer_sends_traffic() {
        let (well, ill) = (standing(true, "healthy"), standing(false, "timed out"));
        let gate = Gate::of([
            ("shop/web".to_owned(), &well),
            ("shop/api".to_owned(), &ill),
        ]);
        assert!(!gate.open);
        assert_eq!(gate.message, "load balancer of shop/api: timed out");
        assert!(Gate::of([("shop/web".to_owned(), &well)]).open);
    }

    #[test]
    fn what_was_rendered_is_what_is_read_and_the_time_moves_only_with_the_status() {
        let pod = read("[]").unwrap();
        let early = Timestamp::from_second(1_000).unwrap();
        let later = Timestamp::from_second(2_000).unwrap();
        let closed = Gate::of([("shop/web".to_owned(), &standing(false, "initial"))]);
        let written = |pod: &GatedPod, gate: &Gate, now| {
            let status = pod.render(gate, now);
            let conditions = serde_json::to_string(&status.conditions).unwrap();
            let time = status.conditions.unwrap()[0]
                .last_transition_time
                .as_ref()
                .unwrap()
                .0;
            (read(&conditions).unwrap(), time.as_second())
        };
        let (pod, since) = written(&pod, &closed, early);
        assert!(pod.says(&closed));
        assert_eq!(since, 1_000);
        let still = Gate::of([("shop/web".to_owned(), &standing(false, "timed out"))]);
        assert!(!pod.says(&still), "another message is news");
        assert_eq!(written(&pod, &still, later).1, 1_000);
        let open = Gate::of([("shop/web".to_owned(), &standing(true, ""))]);
        assert_eq!(written(&pod, &open, later).1, 2_000);
    }

    #[test]
    fn a_gate_of_another_hand_is_written_over() {
        let open = Gate::of([("shop/web".to_owned(), &standing(true, ""))]);
        let forged = format!(
            "[{{type: {GATE}, status: 'True', reason: Forged, message: '{}'}}]",
            open.message
        );
        assert!(!read(&forged).unwrap().says(&open));
    }
}
