//! What is a node, and what runs on it?
//!
//! A namespace with interfaces, a kube-proxy, programs and pods. What can fail is in `failures`; the Node object is
//! none of this file's business.

mod failures;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context as _, Result};
use tokio::runtime::Handle;

use super::{
    address::{Interface, Mac, Segment, node_host, pod_v4, pod_v6},
    kube_proxy::{KubeProxy, Place},
    lan::{Lan, Plug, forward},
    locked,
    namespace::Namespace,
    pod::{Identity, Port, Served},
};
use crate::process::Process;

/// A node of a lab.
#[derive(Debug)]
pub struct Node {
    name: String,
    number: u8,
    pub(super) namespace: Namespace,
    /// Where its pods are.
    pods_namespace: Namespace,
    lan: Arc<Lan>,
    interfaces: Mutex<Vec<Interface>>,
    kube_proxy: KubeProxy,
    pods: Mutex<BTreeMap<String, Pod>>,
    /// Of the last pod.
    last_host: Mutex<u8>,
    runs: AtomicU32,
    logs: PathBuf,
    runtime: Handle,
}

/// What a node is made with.
#[derive(Debug)]
pub(super) struct Setup<'a> {
    pub(super) number: u8,
    pub(super) segment: Segment,
    pub(super) lan: &'a Arc<Lan>,
    pub(super) logs: &'a Path,
    /// The program that kube-proxy is part of, and the file that says where the API server is.
    pub(super) kube_proxy: (&'a Path, &'a Path),
    pub(super) runtime: &'a Handle,
}

#[derive(Debug)]
struct Pod {
    identity: Arc<Identity>,
    ports: Vec<Port>,
    /// `None`: its node has no power.
    served: Option<Served>,
}

// === impl Node ===

impl Node {
    pub(super) fn create(setup: &Setup<'_>) -> Result<Self> {
        let Setup {
            number,
            segment,
            lan,
            logs,
            kube_proxy: (program, kubeconfig),
            runtime,
        } = *setup;
        let name = format!("node-{number}");
        let namespace = Namespace::create(&name)?;
        let pods_namespace = Namespace::create(&format!("pods-{number}"))?;
        let plug = Plug {
            machine: &name,
            index: 0,
            segment,
            host: node_host(number, 0),
        };
        let interface = lan.plug(&namespace, plug)?;
        forward(&namespace)?;
        connect_pods(number, &namespace, &pods_namespace)?;
        let [pods_v4, pods_v6] = pod_networks(number);
        lan.route(&pods_v4, &interface.v4.to_string())?;
        lan.route(&pods_v6, &interface.v6.to_string())?;
        let place = Place {
            program,
            kubeconfig,
            node: &name,
            address: interface.v4.to_string(),
            log: logs.join(format!("kube-proxy-{number}.log")),
        };
        Ok(Self {
            kube_proxy: KubeProxy::new(&namespace, place),
            name,
            number,
            namespace,
            pods_namespace,
            lan: Arc::clone(lan),
            interfaces: Mutex::new(vec![interface]),
            pods: Mutex::default(),
            last_host: Mutex::new(1),
            runs: AtomicU32::new(0),
            logs: logs.to_path_buf(),
            runtime: runtime.clone(),
        })
    }

    /// The name of its Node object: `node-1` and on.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The interfaces in the order they were plugged in, `eth0` first, as they are now.
    #[must_use]
    pub fn interfaces(&self) -> Vec<Interface> {
        locked(&self.interfaces).clone()
    }

    /// Its address on its first segment.
    #[must_use]
    pub fn v4(&self) -> Ipv4Addr {
        self.segment_and_host().0.v4(node_host(self.number, 0))
    }

    /// See [`Self::v4`].
    #[must_use]
    pub fn v6(&self) -> Ipv6Addr {
        self.segment_and_host()
            .0
            .v6(node_host(self.number, 0).into())
    }

    /// The hardware address that `eth0` has now.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.segment_and_host().1
    }

    fn segment_and_host(&self) -> (Segment, Mac) {
        let interfaces = locked(&self.interfaces);
        let first = interfaces.first();
        first.map_or((Segment::MAIN, Mac::BROADCAST), |first| {
            (first.segment, first.mac)
        })
    }

    /// Its kube-proxy.
    #[must_use]
    pub fn kube_proxy(&self) -> &KubeProxy {
        &self.kube_proxy
    }

    /// A path to its network namespace, for a shell beside the test: `nsenter --net=PATH`. Good while the test runs.
    #[must_use]
    pub fn namespace(&self) -> PathBuf {
        self.namespace.path()
    }

    /// Starts a program on the node. [`Process`] has its log, signals and end.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run<A, K, V>(
        &self,
        program: &Path,
        args: impl IntoIterator<Item = A>,
        envs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Process>
    where
        A: AsRef<OsStr>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let file = program.file_name().unwrap_or_default().to_string_lossy();
        let log = self.logs.join(format!("{}-{file}-{run}.log", self.name));
        self.namespace.spawn(program, args, envs, &log)
    }

    /// Does `work` on a thread of the node: a socket that is made there belongs to the node.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        self.namespace.inside(work)
    }

    /// Adds an address to an interface. The kernel answers for it when this returns.
    ///
    /// # Errors
    /// There is no such interface, or it has the address.
    pub fn add_address(&self, ip: IpAddr, interface: &str) -> Result<()> {
        self.namespace.add_address(ip, host_prefix(ip), interface)
    }

    /// Takes an address away from an interface.
    ///
    /// # Errors
    /// The interface does not have it.
    pub fn remove_address(&self, ip: IpAddr, interface: &str) -> Result<()> {
        let prefix = host_prefix(ip);
        self.namespace
            .ip(&format!("address del {ip}/{prefix} dev {interface}"))
    }

    /// Lets the processors of `mask` take in what arrives; "0": whichever brings it.
    pub(super) fn steer(&self, mask: &str) -> Result<()> {
        // What is under /sys/class/net depends on who mounted it.
        let script = "mount -t sysfs sysfs /sys \
                      && for it in /sys/class/net/eth*/queues/rx-*/rps_cpus; do echo \"$0\" > \"$it\" || exit; done";
        self.namespace
            .output("unshare", &["--mount", "sh", "-c", script, mask])
            .map(drop)
    }

    /// Plugs one more interface into a segment that the lab has; it becomes `eth1` and on.
    ///
    /// # Errors
    /// The lab has no such segment.
    pub fn add_interface(&self, segment: Segment) -> Result<Interface> {
        let mut interfaces = locked(&self.interfaces);
        let index = u8::try_from(interfaces.len()).context("numbering an interface")?;
        let plug = Plug {
            machine: &self.name,
            index,
            segment,
            host: node_host(self.number, index),
        };
        let interface = self.lan.plug(&self.namespace, plug)?;
        interfaces.push(interface.clone());
        Ok(interface)
    }

    /// Starts what a pod of that name does, and returns its addresses.
    pub(super) fn add_pod(&self, name: &str, ports: &[Port]) -> Result<(Ipv4Addr, Ipv6Addr)> {
        let host = {
            let mut last = locked(&self.last_host);
            *last = last
                .checked_add(1)
                .context("a node has room for 253 pods")?;
            *last
        };
        let (v4, v6) = (pod_v4(self.number, host), pod_v6(self.number, host));
        self.pods_namespace.ip(&format!(
            "address add {v4}/24 dev eth0
             address add {v6}/64 dev eth0 nodad"
        ))?;
        let identity = Arc::new(Identity {
            pod: name.to_owned(),
            node: self.name.clone(),
            addresses: vec![v4.into(), v6.into()],
        });
        let served = Served::start(&self.pods_namespace, &identity, ports, &self.runtime)?;
        let pod = Pod {
            identity,
            ports: ports.to_vec(),
            served: Some(served),
        };
        locked(&self.pods).insert(name.to_owned(), pod);
        Ok((v4, v6))
    }

    /// Ends what a pod does. Whether there was one.
    pub(super) fn remove_pod(&self, name: &str) -> bool {
        locked(&self.pods).remove(name).is_some()
    }

    /// Takes it off every segment, for good.
    pub(super) fn unplug(&self) -> Result<()> {
        for network in pod_networks(self.number) {
            self.lan.unroute(&network)?;
        }
        let interfaces = self.interfaces();
        interfaces
            .iter()
            .try_for_each(|interface| self.lan.unplug(interface))
    }

    /// The ports of the bridges that it is plugged into.
    pub(super) fn ports(&self) -> Vec<String> {
        let interfaces = self.interfaces();
        interfaces.into_iter().map(|known| known.port).collect()
    }
}

/// The networks of the pods of node `number`.
fn pod_networks(number: u8) -> [String; 2] {
    [
        format!("{}/24", pod_v4(number, 0)),
        format!("{}/64", pod_v6(number, 0)),
    ]
}

/// The cable between a node and its pods.
fn connect_pods(number: u8, node: &Namespace, pods: &Namespace) -> Result<()> {
    let (v4, v6) = (pod_v4(number, 1), pod_v6(number, 1));
    node.ip(&format!(
        "link add pods type veth peer name eth0 netns {}
         address add {v4}/24 dev pods
         address add {v6}/64 dev pods nodad
         link set pods up",
        pods.path().display()
    ))?;
    // An address of the namespace itself is first, so that its routes outlive every pod.
    pods.ip(&format!(
        "address add {}/24 dev eth0
         address add {}/64 dev eth0 nodad
         link set eth0 up
         route add default via {v4}
         route add ::/0 via {v6}",
        pod_v4(number, 254),
        pod_v6(number, 254)
    ))
}

/// The prefix of an address alone, without a network.
const fn host_prefix(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}
