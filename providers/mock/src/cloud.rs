//! What exists in the mock's world? Held in memory, or in a folder so that it outlives the process. Decides nothing.

use std::{
    collections::BTreeMap,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;
use roadstead_core::{
    Address, Host, IpFamily, LoadBalancerId, NamespacedName, PortNumber, Protocol, SessionAffinity,
    Target, TrafficPolicy,
};
use serde::{Deserialize, Serialize};

use crate::{Failure, state::State};

/// A load balancer as the world holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balancer {
    /// The owner's mark; `None` for something that Roadstead did not make.
    pub id: Option<LoadBalancerId>,
    /// The Service it was made for.
    pub service: Option<NamespacedName>,
    /// Where clients reach it.
    pub addresses: Vec<Address>,
    /// Its listeners.
    pub listeners: Vec<Listener>,
    /// Its targets.
    pub targets: Arc<[Target]>,
    /// Who may connect; empty: everybody.
    pub source_ranges: Vec<IpNet>,
    /// How nodes forward.
    pub traffic_policy: TrafficPolicy,
    /// Whether clients stick.
    pub session_affinity: SessionAffinity,
    /// False while all that is known is the published address: the process before this one made it.
    #[serde(default = "yes")]
    pub known: bool,
}

/// A port that a balancer answers on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Listener {
    /// The port that clients connect to.
    pub port: PortNumber,
    /// Its protocol.
    pub protocol: Protocol,
    /// The node port behind it.
    pub node_port: Option<PortNumber>,
}

/// A method of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `plan`.
    Plan,
    /// `ensure`.
    Ensure,
    /// `release`.
    Release,
    /// `owned`.
    Owned,
}

/// A call that the mock was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// For whom; `None` for `owned`.
    pub id: Option<LoadBalancerId>,
    /// When it began.
    pub at: tokio::time::Instant,
}

/// A state folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("reading the mock's state in {path}")]
pub struct OpenError {
    pub(crate) path: PathBuf,
    #[source]
    pub(crate) source: io::Error,
}

/// The world. Cheap to share; several providers, also of several clusters, may act on one.
#[derive(Debug, Default)]
pub struct Cloud {
    state: Mutex<State>,
    /// Where it is written through to.
    folder: Option<PathBuf>,
}

fn yes() -> bool {
    true
}

// === impl Balancer ===

impl Default for Balancer {
    fn default() -> Self {
        Self {
            id: None,
            service: None,
            addresses: Vec::new(),
            listeners: Vec::new(),
            targets: Arc::new([]),
            source_ranges: Vec::new(),
            traffic_policy: TrafficPolicy::Cluster,
            session_affinity: SessionAffinity::None,
            known: true,
        }
    }
}

impl Balancer {
    /// Its IP addresses.
    pub(crate) fn ips(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses
            .iter()
            .filter_map(|address| match &address.host {
                Host::Ip(ip) => Some(*ip),
                Host::Hostname(_) => None,
            })
    }
}

// === impl Cloud ===

impl Cloud {
    /// An empty world that keeps a log of its calls.
    #[must_use]
    pub fn recording() -> Self {
        let cloud = Self::default();
        cloud.lock().calls = Some(Vec::new());
        cloud
    }

    /// The world kept in `folder`, one file a load balancer; the folder is made if it is not there.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(folder).map_err(|source| OpenError {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            state: Mutex::new(State::read(folder)?),
            folder: Some(folder.to_owned()),
        })
    }

    /// Looks into the folder again, if there is one: who stood by while another process acted knows an old world.
    pub(crate) fn refresh(&self) -> Result<(), OpenError> {
        if let Some(folder) = &self.folder {
            let State {
                balancers, used, ..
            } = State::read(folder)?;
            let mut state = self.lock();
            state.balancers = balancers;
            state.used = used;
        }
        Ok(())
    }

    /// A copy of the world kept in `folder`, for somebody who only looks: what changes in it stays in memory.
    pub fn look(folder: &Path) -> Result<Self, OpenError> {
        if !folder.exists() {
            return Ok(Self::default());
        }
        let mut cloud = Self::open(folder)?;
        cloud.folder = None;
        Ok(cloud)
    }

    /// Everything that exists, by name.
    #[must_use]
    pub fn balancers(&self) -> BTreeMap<String, Balancer> {
        self.lock().balancers.clone()
    }

    /// The balancer of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Balancer> {
        self.lock().balancers.get(name).cloned()
    }

    /// Puts a balancer there from outside: drift, or somebody else's.
    pub fn put(&self, name: &str, balancer: Balancer) -> io::Result<()> {
        self.store(name, Some(&balancer))?;
        self.lock().put(name.to_owned(), balancer);
        Ok(())
    }

    /// Takes a balancer away; its addresses are free again.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        self.store(name, None)?;
        self.lock().remove(name);
        Ok(())
    }

    /// Makes the next calls of `method` fail, in this order.
    pub fn script(&self, method: Method, failures: impl IntoIterator<Item = Failure>) {
        self.lock()
            .scripted
            .entry(method)
            .or_default()
            .extend(failures);
    }

    /// The target at `address` fails its health checks for this reason; `None`: it is well again.
    pub fn sicken(&self, address: IpAddr, reason: Option<&str>) {
        let sick = &mut self.lock().sick;
        match reason {
            Some(reason) => sick.insert(address, reason.to_owned()),
            None => sick.remove(&address),
        };
    }

    /// Why the target at `address` fails its health checks, if it does.
    pub(crate) fn sickness(&self, address: &IpAddr) -> Option<String> {
        self.lock().sick.get(address).cloned()
    }

    /// The calls so far; empty unless this world is [recording](Self::recording).
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone().unwrap_or_default()
    }

    /// Notes a call, and tells how it is to fail.
    pub(crate) fn called(&self, method: Method, id: Option<&LoadBalancerId>) -> Option<Failure> {
        let mut state = self.lock();
        if let Some(calls) = &mut state.calls {
            calls.push(Call {
                method,
                id: id.cloned(),
                at: tokio::time::Instant::now(),
            });
        }
        let scripted = state.scripted.get_mut(&method)?;
        (!scripted.is_empty()).then(|| scripted.remove(0))
    }

    /// Puts a balancer there unless another one has one of its addresses; false if so.
    pub(crate) fn claim(
        &self,
        name: &str,
        balancer: &Balancer,
        ranges: &[IpNet],
    ) -> io::Result<bool> {
        {
            let mut state = self.lock();
            let held: Vec<IpAddr> = state
                .balancers
                .get(name)
                .map(|b| b.ips().collect())
                .unwrap_or_default();
            let clash = |ip: IpAddr| !held.contains(&ip) && state.used.contains(&ip);
            if balancer.ips().any(clash) {
                return Ok(false);
            }
            for ip in balancer.ips().filter(|ip| !held.contains(ip)) {
                state.advance(ranges, ip);
            }
            state.put(name.to_owned(), balancer.clone());
        }
        self.store(name, Some(balancer))?;
        Ok(true)
    }

    /// A free address of `family` in `ranges`, least recently released last; `None` if there is none.
    ///
    /// It is not taken yet: [`claim`](Self::claim) takes it.
    pub(crate) fn free_address(&self, ranges: &[IpNet], family: IpFamily) -> Option<IpAddr> {
        let state = self.lock();
        ranges
            .iter()
            .filter(|range| IpFamily::of(range.addr()) == family)
            .find_map(|range| state.free_in(range))
    }

    /// Whether somebody has `address`.
    pub(crate) fn is_used(&self, address: IpAddr) -> bool {
        self.lock().used.contains(&address)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic is one of the failures the mock is asked for; what it holds is whole between statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, name: &str, balancer: Option<&Balancer>) -> io::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let path = folder.join(format!("{name}.json"));
        match balancer {
            Some(balancer) => {
                let draft = folder.join(format!("{name}.draft"));
                fs::write(&draft, serde_json::to_vec_pretty(balancer)?)?;
                fs::rename(draft, path)
            }
            None => match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ip: &str) -> Balancer {
        Balancer {
            addresses: vec![Address::ip(ip.parse().unwrap())],
            ..Balancer::default()
        }
    }

    #[test]
    fn a_released_address_is_used_last() {
        let cloud = Cloud::default();
        let ranges = ["192.0.2.0/29".parse().unwrap()];
        let mut given = Vec::new();
        for _ in 0..7 {
            let ip = cloud.free_address(&ranges, IpFamily::V4).unwrap();
            given.push(ip.to_string());
            assert!(cloud.claim("only", &at(&ip.to_string()), &ranges).unwrap());
        }
        let hosts: Vec<String> = (1..=6).map(|n| format!("192.0.2.{n}")).collect();
        assert_eq!(
            given[..6],
            hosts,
            "every other address comes before a released one"
        );
        assert_eq!(given[6], "192.0.2.1");
    }

    #[test]
    fn a_full_range_gives_nothing_and_no_address_twice() {
        let cloud = Cloud::default();
        let ranges = [
            "192.0.2.0/30".parse().unwrap(),
            "2001:db8::/126".parse().unwrap(),
        ];
        for n in 0..2 {
            let ip = cloud.free_address(&ranges, IpFamily::V4).unwrap();
            assert!(!cloud.is_used(ip));
            assert!(
                cloud
                    .claim(&n.to_string(), &at(&ip.to_string()), &ranges)
                    .unwrap()
            );
            assert!(
                !cloud.claim("late", &at(&ip.to_string()), &ranges).unwrap(),
                "an address is never held twice"
            );
        }
        assert_eq!(cloud.free_address(&ranges, IpFamily::V4), None);
        assert!(
            cloud.free_address(&ranges, IpFamily::V6).is_some(),
            "the other family has room"
        );
    }
}
