//! How is one thing asked of AWS once, however many want to know it? Answers kept for a stated time, and calls that are joined.
//! It knows nothing of what it keeps.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared, try_join_all},
};
use tokio::time::Instant;

use super::Failure;
use crate::api::Priority;

/// So old may an answer be that tells of something missing, before AWS is asked again: what the user adds works at once, and
/// fifty Services that miss the same thing still ask once.
pub(crate) const RECENT: Duration = Duration::from_secs(5);

/// How old an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// As old as such answers are kept.
    Kept,
    /// At most [`RECENT`]: what was kept does not do.
    Recent,
}

/// Calls under way, which whoever wants the same joins instead of making one more.
///
/// A call lives as long as somebody waits for it: when the last one is cut off, so is the call, and the next one makes it anew.
pub(crate) struct Flights<K, T>(Vec<(K, Fading<T>)>);

/// A call under way.
pub(crate) type Flight<T> = Shared<BoxFuture<'static, T>>;

/// A call that is under way as long as somebody waits for it.
type Fading<T> = WeakShared<BoxFuture<'static, T>>;

/// Answers by what was asked for.
///
/// - Of several who ask for the same at once one makes the call; those who may go first never wait for a call of lower priority.
/// - A failure is not kept: everybody who waited gets it, and the next one asks again.
/// - That something does not exist is believed for [`RECENT`] only.
pub(crate) struct Cached<K, V> {
    lifetime: Duration,
    slots: Arc<Mutex<Slots<K, V>>>,
}

struct Slots<K, V> {
    known: HashMap<K, Known<V>>,
    flights: Flights<Errand<K>, Answer<K, V>>,
}

struct Known<V> {
    at: Instant,
    /// `None`: AWS knows no such thing.
    answer: Option<V>,
}

type Answer<K, V> = Result<Arc<HashMap<K, V>>, Failure>;

/// The calls that somebody waits for.
type Boarded<K, V> = Vec<Flight<Answer<K, V>>>;

/// Why, and what for.
type Errand<K> = (Priority, HashSet<K>);

/// The lock is held between statements only, and what it guards is whole between them.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Flights ===

impl<K, T: Clone> Flights<K, T> {
    /// A call under way that `suits` takes.
    pub(crate) fn join(&self, suits: impl Fn(&K) -> bool) -> Option<Flight<T>> {
        self.under_way()
            .find_map(|(key, flight)| suits(key).then_some(flight))
    }

    fn under_way(&self) -> impl Iterator<Item = (&K, Flight<T>)> {
        self.0.iter().filter_map(|(key, flight)| {
            // One that has landed lives on while somebody has not taken note of it yet.
            let flight = flight.upgrade().filter(|it| it.peek().is_none())?;
            Some((key, flight))
        })
    }

    /// Starts a call that others may join.
    pub(crate) fn start(
        &mut self,
        key: K,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Flight<T> {
        let is_under_way = |flight: Flight<T>| flight.peek().is_none();
        self.0
            .retain(|(_, flight)| flight.upgrade().is_some_and(is_under_way));
        let flight = call.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            self.0.push((key, weak));
        }
        flight
    }
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, T> fmt::Debug for Flights<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} flights", self.0.len())
    }
}

// === impl Cached ===

impl<K, V> Cached<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Nothing known yet; answers are kept for `lifetime`.
    pub(crate) fn kept_for(lifetime: Duration) -> Self {
        Self {
            lifetime,
            slots: Arc::new(Mutex::new(Slots {
                known: HashMap::new(),
                flights: Flights::default(),
            })),
        }
    }

    /// What is known of `keys`; those of which nothing is known, or only too old things, are asked for with one `ask`.
    ///
    /// What does not exist is absent from the answer.
    pub(crate) async fn get<A>(
        &self,
        keys: &[K],
        trust: Trust,
        priority: Priority,
        ask: impl FnOnce(Vec<K>) -> A,
    ) -> Result<HashMap<K, V>, Failure>
    where
        A: Future<Output = Result<Vec<(K, V)>, Failure>> + Send + 'static,
    {
        let (mut answers, flights) = self.board(keys, trust, priority, ask);
        for found in try_join_all(flights).await? {
            for key in keys {
                if let Some(value) = found.get(key) {
                    answers.insert(key.clone(), value.clone());
                }
            }
        }
        Ok(answers)
    }

    /// What is known already, and the calls that will tell the rest.
    fn board<A>(
        &self,
        keys: &[K],
        trust: Trust,
        priority: Priority,
        ask: impl FnOnce(Vec<K>) -> A,
    ) -> (HashMap<K, V>, Boarded<K, V>)
    where
        A: Future<Output = Result<Vec<(K, V)>, Failure>> + Send + 'static,
    {
        let mut slots = lock(&self.slots);
        let mut answers = HashMap::new();
        let mut missing = HashSet::new();
        for key in keys {
            match slots.known.get(key).filter(|it| self.holds(it, trust)) {
                Some(known) => answers.extend(known.answer.clone().map(|it| (key.clone(), it))),
                None => {
                    missing.insert(key.clone());
                }
            }
        }
        let mut flights = Vec::new();
        for ((theirs, asked), flight) in slots.flights.under_way() {
            if *theirs > priority {
                continue;
            }
            let before = missing.len();
            missing.retain(|key| !asked.contains(key));
            if missing.len() < before {
                flights.push(flight);
            }
        }
        if !missing.is_empty() {
            let asked: Vec<K> = missing.iter().cloned().collect();
            let call = self.call(asked.clone(), ask(asked));
            flights.push(slots.flights.start((priority, missing), call));
        }
        (answers, flights)
    }

    /// The call itself: it notes its answer, whoever waits for it.
    fn call<A>(&self, asked: Vec<K>, ask: A) -> impl Future<Output = Answer<K, V>> + Send + 'static
    where
        A: Future<Output = Result<Vec<(K, V)>, Failure>> + Send + 'static,
    {
        let slots = Arc::clone(&self.slots);
        let lifetime = self.lifetime;
        async move {
            let found: HashMap<K, V> = ask.await?.into_iter().collect();
            let at = Instant::now();
            let mut slots = lock(&slots);
            slots.known.retain(|_, it| it.at.elapsed() <= lifetime);
            for key in asked {
                let answer = found.get(&key).cloned();
                slots.known.insert(key, Known { at, answer });
            }
            Ok(Arc::new(found))
        }
    }

    fn holds(&self, known: &Known<V>, trust: Trust) -> bool {
        let lifetime = match (trust, &known.answer) {
            (Trust::Kept, Some(_)) => self.lifetime,
            (Trust::Recent, _) | (_, None) => RECENT,
        };
        known.at.elapsed() <= lifetime
    }
}

impl<K, V> fmt::Debug for Cached<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = lock(&self.slots);
        write!(f, "{} answers, {:?}", slots.known.len(), slots.flights)
    }
}
