//! Which instances are nodes of this cluster, or were? EC2 is asked for all Services together, and each answer is kept for an hour.
//! What follows from it for targets is decided elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Ec2, Facts, Failure, Flights,
    cached::{Flight, lock},
};
use crate::ids::InstanceId;

/// The clusters that instances are for.
///
/// Whoever wants to know makes a call a moment later, for all who want to know something by then.
#[derive(Clone, Default)]
pub(super) struct Members(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    known: HashMap<InstanceId, Known>,
    flights: Flights<Arc<Mutex<Boarding>>, Result<(), Failure>>,
}

struct Known {
    at: Instant,
    /// Empty: EC2 knows no such instance, or its tags name none.
    clusters: Arc<BTreeSet<String>>,
}

/// What a call is for.
#[derive(Default)]
struct Boarding {
    ids: BTreeSet<InstanceId>,
    /// It was made: nothing can be added.
    departed: bool,
}

/// An instance does not change its cluster: what may change is that a forgotten tag is put on.
const KEPT: Duration = Duration::from_hours(1);

/// So long the first one waits for others who want to know something too. Nobody waits for targets that are to go.
const GATHER: Duration = Duration::from_millis(200);

/// So many nodes are asked whether instances of this cluster carry its name at all.
const WITNESSES: usize = 3;

// === impl Facts ===

impl Facts {
    /// Those of `strangers` that are instances of the cluster `name`: their tags name it, and no other one.
    ///
    /// None of them is, unless one of the first of `nodes`, which are this cluster's without doubt, is found to be by the same
    /// rule: else the name that was configured is not the one that its instances carry, and may be another cluster's.
    pub(crate) async fn of_cluster(
        &self,
        calls: &impl Ec2,
        name: &str,
        nodes: &[InstanceId],
        strangers: &BTreeSet<InstanceId>,
    ) -> Result<BTreeSet<InstanceId>, Failure> {
        let witnesses = nodes.iter().take(WITNESSES);
        let asked = witnesses.clone().chain(strangers).cloned().collect();
        let clusters = self.members.clusters(calls, &asked).await?;
        let is_of = |id: &&InstanceId| {
            let named = clusters.get(*id).map(|named| named.iter());
            named.is_some_and(|named| named.eq([name]))
        };
        if !witnesses.clone().any(|id| is_of(&id)) {
            tracing::debug!(
                name,
                "the nodes' instances carry no tag of this name: whose other targets are is not known"
            );
            return Ok(BTreeSet::new());
        }
        Ok(strangers.iter().filter(is_of).cloned().collect())
    }
}

// === impl Members ===

impl Members {
    /// The clusters that the tags of these instances name; none for one that EC2 does not know.
    async fn clusters(
        &self,
        calls: &impl Ec2,
        ids: &BTreeSet<InstanceId>,
    ) -> Result<BTreeMap<InstanceId, Arc<BTreeSet<String>>>, Failure> {
        let flight = {
            let mut contents = lock(&self.0);
            let missing: BTreeSet<InstanceId> = ids
                .iter()
                .filter(|id| !contents.known.get(*id).is_some_and(Known::holds))
                .cloned()
                .collect();
            (!missing.is_empty()).then(|| self.board(&mut contents, calls, missing))
        };
        if let Some(flight) = flight {
            flight.await?;
        }
        let contents = lock(&self.0);
        let told = ids.iter().filter_map(|id| {
            let known = contents.known.get(id)?;
            Some((id.clone(), Arc::clone(&known.clusters)))
        });
        Ok(told.collect())
    }

    /// The call that will tell of `missing`: one that can still take them, one that has them already, or a new one.
    fn board(
        &self,
        contents: &mut Contents,
        calls: &impl Ec2,
        missing: BTreeSet<InstanceId>,
    ) -> Flight<Result<(), Failure>> {
        let suits = |boarding: &Arc<Mutex<Boarding>>| {
            let mut boarding = lock(boarding);
            if !boarding.departed {
                boarding.ids.extend(missing.iter().cloned());
            }
            missing.is_subset(&boarding.ids)
        };
        if let Some(flight) = contents.flights.join(suits) {
            return flight;
        }
        let boarding = Arc::new(Mutex::new(Boarding {
            ids: missing,
            departed: false,
        }));
        let call = self.call(calls.clone(), Arc::clone(&boarding));
        contents.flights.start(boarding, call)
    }

    fn call(
        &self,
        calls: impl Ec2,
        boarding: Arc<Mutex<Boarding>>,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'static {
        let members = self.clone();
        async move {
            tokio::time::sleep(GATHER).await;
            let ids: Vec<InstanceId> = {
                let mut boarding = lock(&boarding);
                boarding.departed = true;
                boarding.ids.iter().cloned().collect()
            };
            let what = || format!("reading the tags of {} EC2 instances", ids.len());
            let seen = calls.instances(&ids).await;
            let seen = seen.map_err(|error| Failure::call(error, what()))?;
            let mut clusters: HashMap<InstanceId, BTreeSet<String>> = seen
                .into_iter()
                .map(|instance| (instance.id, instance.clusters))
                .collect();
            let at = Instant::now();
            let mut contents = lock(&members.0);
            contents.known.retain(|_, known| known.holds());
            for id in ids {
                let clusters = Arc::new(clusters.remove(&id).unwrap_or_default());
                contents.known.insert(id, Known { at, clusters });
            }
            Ok(())
        }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contents = lock(&self.0);
        write!(
            f,
            "{} answers, {:?}",
            contents.known.len(),
            contents.flights
        )
    }
}

// === impl Known ===

impl Known {
    fn holds(&self) -> bool {
        self.at.elapsed() <= KEPT
    }
}
