//! What does a program ask of AWS, and what if AWS answers badly?
//!
//! An HTTP proxy on 127.0.0.1 between a program and `LocalStack`: it logs every call, and refuses, delays, loses or
//! holds those that a test names. It believes nothing and remembers everything; what AWS would have answered it only
//! knows from `LocalStack`.

mod answers;
mod call;
mod hold;
mod limits;
mod log;
mod recorder;
mod script;
mod serve;
mod shared;
mod upstream;
mod visibility;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, MutexGuard},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};

pub use call::{Answer, AwsService, Call, Calls, Fate, Operation};
pub use limits::Limits;
pub use log::Mark;
pub use script::{Fault, Scope, When};

use hold::{Side, Verdict};
use limits::Buckets;
use recorder::Recorder;
use shared::{Behaviour, Shared, lock};
use upstream::Upstream;

use crate::wait::DEFAULT_DEADLINE;

/// A proxy of AWS's APIs.
///
/// It belongs to the runtime it was started on. Dropping it ends every connection and every call.
///
/// ```no_run
/// # use roadstead_testbed::{FaultProxy, fault_proxy::{Fault, Scope, When}};
/// # async fn example() -> anyhow::Result<()> {
/// let aws = FaultProxy::start("http://127.0.0.1:4566").await?;
/// // …start a program with AWS_ENDPOINT_URL set to aws.endpoint()…
/// let mark = aws.mark();
/// aws.script(Scope::action("CreateListener"), When::Nth(1), Fault::CutAfter);
/// aws.wait_for("a listener", |call| call.is("CreateListener") && call.answer.is_some()).await?;
/// assert_eq!(aws.since(mark).count("CreateListener"), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    endpoint: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

// === impl FaultProxy ===

impl FaultProxy {
    /// Listens on a free port of 127.0.0.1 and hands every call to `upstream`, as in `http://127.0.0.1:4566`.
    ///
    /// # Errors
    /// `upstream` is no URL, or no port can be had.
    pub async fn start(upstream: &str) -> Result<Self> {
        let listening = || format!("listening as a proxy of {upstream}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.with_context(listening)?;
        let address: SocketAddr = listener.local_addr().with_context(listening)?;
        let shared = Arc::new(Shared::new(Upstream::new(upstream)?));
        Ok(Self {
            address,
            endpoint: format!("http://{address}"),
            accepting: tokio::spawn(serve::accept(listener, Arc::clone(&shared))),
            shared,
        })
    }

    /// Where it listens: the value of `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All calls since the start or the last [`Self::reset`].
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.shared.log.all()
    }

    /// The calls that arrived after `mark`.
    #[must_use]
    pub fn since(&self, mark: Mark) -> Calls {
        self.shared.log.since(mark)
    }

    /// How often an action was asked for.
    #[must_use]
    pub fn count(&self, action: &str) -> usize {
        self.calls().count(action)
    }

    /// How often each action was asked for.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.calls().counts()
    }

    /// The calls that may have changed something.
    #[must_use]
    pub fn mutating(&self) -> Calls {
        self.calls().mutating()
    }

    /// This moment, to count from.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.shared.log.mark()
    }

    /// Forgets all calls; numbers go on. How calls are treated stays.
    pub fn reset(&self) {
        self.shared.log.forget();
    }

    /// Waits up to 30 s until a call is in the log for which `check` holds, and returns it. It is asked again when
    /// something becomes of a call, and may take one that was made before.
    ///
    /// # Errors
    /// None came; the error says `what` was waited for and which actions were asked for.
    pub async fn wait_for(&self, what: &str, check: impl Fn(&Call) -> bool) -> Result<Call> {
        match timeout(DEFAULT_DEADLINE, self.shared.log.wait_for(check)).await {
            Ok(Some(call)) => Ok(call),
            Ok(None) | Err(_) => bail!(
                "waited {DEFAULT_DEADLINE:?} for {what}; there were {:?}",
                self.counts()
            ),
        }
    }

    /// [`Self::wait_for`] among the calls that arrived after `mark`.
    ///
    /// # Errors
    /// Those of [`Self::wait_for`].
    pub async fn wait_for_since(
        &self,
        mark: Mark,
        what: &str,
        check: impl Fn(&Call) -> bool,
    ) -> Result<Call> {
        self.wait_for(what, |call| mark.is_before(call) && check(call))
            .await
    }

    /// Lets every call wait this long before anything is done with it. Zero ends that.
    pub fn set_latency(&self, latency: Duration) {
        self.behaviour().latency = latency;
    }

    /// [`Self::set_latency`] of one action, instead of the general one.
    pub fn set_latency_of(&self, action: &str, latency: Duration) {
        self.behaviour()
            .latencies
            .insert(action.to_owned(), latency);
    }

    /// Refuses what goes beyond AWS's limits, from now on and with full buckets. Off at the start; `None` switches it
    /// off again. What is refused so, no rule and no hold sees.
    pub fn limit(&self, limits: Option<Limits>) {
        self.behaviour().buckets = limits.map(Buckets::new);
    }

    /// Hides every load balancer, target group, listener and security group that is made from now on: for so long after
    /// its creation lists leave it out and calls that name it are answered that there is none. Zero ends that and shows
    /// what is hidden. Answers of the tagging API are left as they are.
    pub fn hide_new(&self, delay: Duration) {
        self.behaviour().visibility.set(delay);
    }

    /// Adds a rule. Of several rules that strike a call, the first one decides.
    pub fn script(&self, scope: Scope, when: When, fault: Fault) {
        self.behaviour().script.add(scope, when, fault);
    }

    /// Refuses an action as one that no policy allows, until [`Self::clear_script`].
    pub fn deny(&self, action: &str) {
        self.script(Scope::action(action), When::Always, Fault::Denied);
    }

    /// Removes all rules.
    pub fn clear_script(&self) {
        self.behaviour().script.clear();
    }

    /// Stops the world before the n-th mutating call from now on, counted from 1, takes effect: that call and all later
    /// mutating ones wait. Calls that a rule refuses do not count. Ends an earlier hold, whose calls go on.
    pub fn hold_before(&self, n: u64) {
        self.shared.gate.arm(Side::Before, n);
    }

    /// [`Self::hold_before`], after that call took effect and before it is answered; later mutating ones wait without
    /// having taken effect.
    pub fn hold_after(&self, n: u64) {
        self.shared.gate.arm(Side::After, n);
    }

    /// Waits up to 30 s until a call is held, and returns it.
    ///
    /// # Errors
    /// None is; the error says which actions were asked for.
    pub async fn held(&self) -> Result<Call> {
        let held = timeout(DEFAULT_DEADLINE, self.shared.gate.held()).await;
        let Ok(Some(number)) = held else {
            bail!(
                "waited {DEFAULT_DEADLINE:?} for a call to be held; there were {:?}",
                self.counts()
            );
        };
        let calls = self.calls();
        let call = calls.iter().find(|call| call.number == number);
        call.cloned()
            .ok_or_else(|| anyhow!("held call {number} was forgotten"))
    }

    /// Whether a call is held now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.shared.gate.is_held()
    }

    /// Ends a hold, met or not: the callers of all calls that waited get no answer, and those that had not taken effect
    /// never do.
    pub fn drop_held(&self) {
        self.shared.gate.end(Verdict::Drop);
    }

    /// Ends a hold, met or not: all calls that waited go on.
    pub fn release_held(&self) {
        self.shared.gate.end(Verdict::GoOn);
    }

    /// Writes every action that is forwarded from now on to a file, as `elasticloadbalancing:CreateListener`: one a
    /// line, each once by this proxy. Several proxies and processes may share the file; it is appended to.
    pub fn record_actions(&self, file: impl Into<PathBuf>) {
        *lock(&self.shared.recorder) = Some(Recorder::new(file.into()));
    }

    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        lock(&self.shared.behaviour)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        lock(&self.shared.calls).abort_all();
    }
}
