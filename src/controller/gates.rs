//! How do pods that wait for their load balancer learn that it sends them traffic? A provider says how each fares, and the
//! condition of the pod's readiness gate is written where it differs.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use k8s_openapi::jiff::Timestamp;
use roadstead_core::{Ensured, NamespacedName, Target, TargetState, Targets};

use super::{Context, writes};
use crate::{
    explain::explain,
    service::gates::{Gate, GatedPod, Standing},
};

/// What load balancers say of the pods that wait for them: a pod can be a target of several.
#[derive(Debug, Default)]
pub struct Gates(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    /// By pod, then by Service.
    standings: HashMap<NamespacedName, BTreeMap<NamespacedName, Standing>>,
    /// The pods that each Service's load balancer has said something of.
    pods: HashMap<NamespacedName, HashSet<NamespacedName>>,
}

/// How soon a condition that could not be written is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

// === impl Gates ===

impl Gates {
    /// The load balancer of `service` has exactly `pods` as targets, those of them that wait, and says this of them. What
    /// it says nothing of stays as it was. Returns what follows for those it does say something of.
    fn hear(
        &self,
        service: &NamespacedName,
        pods: &HashSet<&NamespacedName>,
        said: BTreeMap<&NamespacedName, Standing>,
    ) -> Vec<(NamespacedName, Gate)> {
        let mut contents = self.lock();
        contents.let_go(service, pods);
        let mut gates = Vec::with_capacity(said.len());
        for (pod, standing) in said {
            let of_service = contents.pods.entry(service.clone()).or_default();
            of_service.insert(pod.clone());
            let of = contents.standings.entry(pod.clone()).or_default();
            of.insert(service.clone(), standing);
            let of = of
                .iter()
                .map(|(service, standing)| (service.to_string(), standing));
            gates.push((pod.clone(), Gate::of(of)));
        }
        gates
    }

    /// The Service has no load balancer that points at pods.
    pub fn forget(&self, service: &NamespacedName) {
        self.hear(service, &HashSet::new(), BTreeMap::new());
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Contents ===

impl Contents {
    /// Drops what `service` said of other pods than these.
    fn let_go(&mut self, service: &NamespacedName, pods: &HashSet<&NamespacedName>) {
        let Some(before) = self.pods.remove(service) else {
            return;
        };
        let (kept, gone): (HashSet<_>, HashSet<_>) =
            before.into_iter().partition(|pod| pods.contains(pod));
        for pod in gone {
            if let Some(of) = self.standings.get_mut(&pod) {
                of.remove(service);
                if of.is_empty() {
                    self.standings.remove(&pod);
                }
            }
        }
        if !kept.is_empty() {
            self.pods.insert(service.clone(), kept);
        }
    }
}

// === impl Context ===

impl Context {
    /// Opens and closes the gates of the pods among `targets` that wait for the load balancer of `service`, as `answer`
    /// says they fare. If that must be tried again, the answer is to be asked for again soon.
    pub(super) async fn keep_gates(
        &self,
        service: &NamespacedName,
        targets: &Targets,
        answer: &mut Ensured,
    ) {
        let (Ensured::Ready(outcome) | Ensured::Pending { outcome, .. }) = &*answer;
        let Some(soon) = self.keep(service, targets, &outcome.targets).await else {
            return;
        };
        match answer {
            Ensured::Ready(outcome) => {
                outcome.look_again = Some(outcome.look_again.map_or(soon, |after| after.min(soon)));
            }
            Ensured::Pending { retry_after, .. } => *retry_after = soon.min(*retry_after),
        }
    }

    /// How soon it must be tried again, if it must.
    async fn keep(
        &self,
        service: &NamespacedName,
        targets: &Targets,
        states: &[TargetState],
    ) -> Option<Duration> {
        let Targets::Exactly(targets) = targets else {
            return None;
        };
        let waiting = self.waiting(targets);
        let gates = self.gates.hear(
            service,
            &waiting.keys().copied().collect(),
            standings(states, &waiting),
        );
        let differing = gates
            .iter()
            .filter_map(|(name, gate)| Some((name, waiting.get(name)?, gate)))
            .filter(|(_, pod, gate)| !pod.says(gate));
        let written = join_all(differing.map(|(name, pod, gate)| self.keep_gate(name, pod, gate)));
        written.await.contains(&false).then_some(WRITE_AGAIN)
    }

    /// The pods among `targets` that declare our gate.
    fn waiting<'t>(&self, targets: &'t [Target]) -> HashMap<&'t NamespacedName, GatedPod> {
        targets
            .iter()
            .filter_map(|target| target.pod.as_ref())
            .filter_map(|pod| Some((pod, self.caches.gated().get(pod)?)))
            .collect()
    }

    /// False if it must be tried again.
    async fn keep_gate(&self, name: &NamespacedName, pod: &GatedPod, gate: &Gate) -> bool {
        match self
            .writes
            .gate(name, pod, pod.render(gate, Timestamp::now()))
            .await
        {
            Ok(written) => {
                tracing::info!(pod = %name, open = gate.open, "the pod's readiness gate changed");
                self.caches.gated().wrote(&written);
                true
            }
            // A pod that is gone, or another one of its name: the watch brings it.
            Err(
                writes::Error::Gone { .. }
                | writes::Error::Stale { .. }
                | writes::Error::NotLeading { .. },
            ) => true,
            Err(error @ (writes::Error::Refused { .. } | writes::Error::Timeout { .. })) => {
                tracing::warn!(
                    error = explain(&error),
                    "the API server took no write; trying again"
                );
                false
            }
        }
    }
}

/// How each of the `waiting` pods fares: well if it does at every one of its ports.
fn standings<'w>(
    states: &[TargetState],
    waiting: &HashMap<&'w NamespacedName, GatedPod>,
) -> BTreeMap<&'w NamespacedName, Standing> {
    let mut standings: BTreeMap<&NamespacedName, Standing> = BTreeMap::new();
    for state in states {
        let TargetState {
            address: _,
            port: _,
            pod,
            healthy,
            reason,
        } = state;
        let Some((pod, _)) = pod.as_ref().and_then(|pod| waiting.get_key_value(pod)) else {
            continue;
        };
        let standing = Standing {
            healthy: *healthy,
            reason: reason.clone(),
        };
        match standings.get_mut(pod) {
            None => {
                standings.insert(pod, standing);
            }
            Some(there) if there.healthy && !healthy => *there = standing,
            Some(_) => {}
        }
    }
    standings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(name: &str) -> NamespacedName {
        NamespacedName::new("shop", name)
    }

    fn standing(healthy: bool) -> Standing {
        Standing {
            healthy,
            reason: "timed out".to_owned(),
        }
    }

    #[test]
    fn a_pod_of_two_load_balancers_waits_for_both_until_one_lets_go_of_it() {
        let gates = Gates::default();
        let (web, api, pod) = (shop("web"), shop("api"), shop("pod-1"));
        let hear = |service, healthy| {
            let said = BTreeMap::from([(&pod, standing(healthy))]);
            gates
                .hear(service, &HashSet::from([&pod]), said)
                .remove(0)
                .1
                .open
        };
        assert!(hear(&web, true));
        assert!(!hear(&api, false));
        assert!(
            !hear(&web, true),
            "the other one does not send it traffic yet"
        );
        gates.hear(&api, &HashSet::new(), BTreeMap::new());
        assert!(
            hear(&web, true),
            "it is no target of the other one any more"
        );
        gates.forget(&web);
        let Contents { standings, pods } = &*gates.lock();
        assert!(
            standings.is_empty() && pods.is_empty(),
            "nothing is kept of what is gone"
        );
    }

    #[test]
    fn a_pod_fares_well_if_it_does_at_every_port() {
        let pod = shop("pod-1");
        let state = |port: u16, healthy: bool| TargetState {
            address: "10.1.0.1".parse().unwrap(),
            port: port.try_into().unwrap(),
            pod: Some(pod.clone()),
            healthy,
            reason: port.to_string(),
        };
        let gated = GatedPod {
            uid: "u".to_owned(),
            version: None,
            addresses: Vec::new(),
            fit: true,
            said: None,
        };
        let waiting = HashMap::from([(&pod, gated)]);
        let one_ill = standings(
            &[state(80, true), state(81, false), state(82, true)],
            &waiting,
        );
        assert_eq!(
            (one_ill[&pod].healthy, one_ill[&pod].reason.as_str()),
            (false, "81")
        );
        assert!(standings(&[state(80, true), state(81, true)], &waiting)[&pod].healthy);
        assert!(
            standings(&[state(80, true)], &HashMap::new()).is_empty(),
            "it waits for nobody"
        );
    }
}
