//! What happens between a client's packet and a pod?
//!
//! A lab is a cluster on one machine whose network is real: nodes are network namespaces on a bridge, each with the
//! real kube-proxy; pods answer in namespaces behind them; a client and an observer sit beside them on the same segment,
//! and the API server is reached through the segment's router. Everything can fail on request. Nothing here
//! knows how an address comes to be announced.

mod address;
mod apart;
mod background;
mod client;
mod fleet;
mod frames;
mod growth;
mod kube_proxy;
mod lan;
mod namespace;
mod node;
mod observer;
mod options;
mod plain;
mod pod;
mod prober;
mod running;
mod sys;
mod trouble;
mod watch;
mod workload;

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result, anyhow};
use futures::future::try_join_all;

use self::{
    address::{CLIENT, OBSERVER, OBSERVER_ADDRESSES},
    background::Background,
    growth::Proxies,
    lan::{Lan, Plug},
    namespace::Namespace,
    observer::Ear,
};
pub use self::{
    address::{Interface, Mac, Segment, vip4, vip6},
    apart::Apart,
    client::{Answer, Client, Connection},
    fleet::{Announcer, Fleet, FleetOptions},
    kube_proxy::KubeProxy,
    node::Node,
    observer::Answers,
    options::LabOptions,
    plain::PlainAnswerer,
    prober::{Outage, Probe, Prober, Probes},
    trouble::Foreign,
    watch::{ArpWatch, Overheard, Overhearing, Question, Watched},
};
use crate::{control_plane::ControlPlane, install, target::RunDir, tcp_proxy::TcpProxy};

/// A cluster with a network of its own.
///
/// # Guarantees
/// Labs do not touch each other, nor the machine's own network. All of it is gone when it is dropped, or when the test
/// process ends in whatever way: the namespaces have no names, and the kernel removes what nobody holds.
#[derive(Debug)]
pub struct Lab {
    nodes: Vec<Node>,
    client: Client,
    observer: Client,
    /// Carries what the nodes say to the API server.
    way: TcpProxy,
    kubeconfig: PathBuf,
    lan: Arc<Lan>,
    proxies: Proxies,
    /// What answers as pods.
    pods: Background,
    /// Only held: the way to the API server.
    _carrying: Background,
    control_plane: ControlPlane,
    // Last, so that every program has ended before its log goes.
    dir: RunDir,
}

// === impl Lab ===

impl Lab {
    /// Starts a lab and waits until its nodes forward. Takes about 6 s.
    ///
    /// # Errors
    /// This is not root and not in a user namespace, `ip` or `nft` are missing and cannot be installed, or a part of it does not
    /// start; the error says which and shows its log.
    pub async fn start(options: LabOptions) -> Result<Self> {
        let LabOptions {
            nodes,
            kube_proxy,
            node_port_range,
        } = options;
        install::network_tools().await?;
        let program = install::control_plane().await?;
        let dir = RunDir::create()?;
        let pods = Background::first("pods")?;
        let carrying = Background::ordinary("way")?;

        let mut control_plane = ControlPlane::builder().audit();
        if let Some(range) = &node_port_range {
            control_plane = control_plane.node_port_range(range);
        }
        // The network is there long before the API server is.
        let (control_plane, wired) = tokio::join!(
            control_plane.start(),
            tokio::task::spawn_blocking({
                let segments: Vec<Segment> = nodes.iter().copied().chain([Segment::MAIN]).collect();
                move || Wires::lay(segments)
            })
        );
        let Wires {
            lan,
            client,
            observer,
        } = wired.context("laying the wires of a lab")??;
        let control_plane = control_plane?;
        let way = way(&carrying, &lan, &control_plane)?;
        let kubeconfig =
            |user: &str| way.kubeconfig_through(&control_plane.kubeconfig_of(user)?, dir.path());
        let proxies = Proxies {
            program,
            kubeconfig: kubeconfig("proxy")?,
            run: kube_proxy,
        };
        let announcer_kubeconfig = kubeconfig("announcer")?;

        let mut lab = Self {
            nodes: Vec::new(),
            client,
            observer,
            way,
            kubeconfig: announcer_kubeconfig,
            lan,
            proxies,
            pods,
            _carrying: carrying,
            control_plane,
            dir,
        };
        for segment in nodes {
            lab.nodes.push(lab.next_node(segment)?);
        }
        let api = lab.control_plane.client().await?;
        try_join_all(lab.nodes.iter().map(|node| lab.join(&api, node))).await?;
        Ok(lab)
    }

    /// The kubeconfig of the user `announcer`, good on every node. It has all rights.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig of another user of [`ControlPlane::kubeconfig_of`], good on every node.
    ///
    /// # Errors
    /// There is no such user.
    pub fn kubeconfig_of(&self, user: &str) -> Result<PathBuf> {
        let original = self.control_plane.kubeconfig_of(user)?;
        self.way.kubeconfig_through(&original, self.dir.path())
    }

    /// The control plane, with an audit log. Its own kubeconfigs are good in the test, and not on nodes.
    #[must_use]
    pub fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// Where the nodes find the API server.
    #[must_use]
    pub fn api_address(&self) -> SocketAddr {
        self.way.address()
    }

    /// All nodes, in the order of their numbers.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Node `number`; the first is 1 and called `node-1`.
    ///
    /// # Panics
    /// There is no such node: the test is wrong.
    #[must_use]
    #[expect(clippy::panic, reason = "a test that names no node is wrong itself")]
    pub fn node(&self, number: u8) -> &Node {
        self.try_node(number)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_node(&self, number: u8) -> Result<&Node> {
        let index = usize::from(number).checked_sub(1);
        index
            .and_then(|index| self.nodes.get(index))
            .ok_or_else(|| anyhow!("the lab has no node {number}"))
    }

    /// The node that has that hardware address on one of its interfaces.
    #[must_use]
    pub fn node_with(&self, mac: Mac) -> Option<&Node> {
        self.nodes.iter().find(|node| {
            let interfaces = node.interfaces();
            interfaces.iter().any(|interface| interface.mac == mac)
        })
    }

    /// The client, on the main segment.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks `count` times who has `ip`, by ARP or neighbour solicitation, and says who answered each time. Takes
    /// 40 ms a question.
    ///
    /// # Errors
    /// Frames cannot be sent or heard.
    pub async fn arp_answers(&self, ip: IpAddr, count: usize) -> Result<Answers> {
        let interface = self.observer.interface.clone();
        let ask = move || observer::ask_times(&Ear::open(&interface)?, ip, count);
        self.observer.namespace.inside_async(ask).await
    }
}

/// What is there before any node is.
struct Wires {
    lan: Arc<Lan>,
    client: Client,
    observer: Client,
}

// === impl Wires ===

impl Wires {
    fn lay(mut segments: Vec<Segment>) -> Result<Self> {
        segments.sort_unstable();
        segments.dedup();
        let lan = Arc::new(Lan::create(segments)?);
        let client = Client::plug(&lan, "client", CLIENT)?;
        let observer = Client::plug(&lan, "observer", OBSERVER)?;
        // The kernel answers for the addresses that the observer asks with; it did not ask itself.
        for host in OBSERVER + 1..OBSERVER + OBSERVER_ADDRESSES {
            let (v4, v6) = (Segment::MAIN.v4(host), Segment::MAIN.v6(host.into()));
            observer.namespace.ip(&format!(
                "address add {v4}/24 dev eth0
                 address add {v6}/64 dev eth0 nodad"
            ))?;
        }
        Ok(Self {
            lan,
            client,
            observer,
        })
    }
}

// === impl Client ===

impl Client {
    fn plug(lan: &Lan, machine: &str, host: u8) -> Result<Self> {
        let namespace = Namespace::create(machine)?;
        let plug = Plug {
            machine,
            index: 0,
            segment: Segment::MAIN,
            host,
        };
        let interface = lan.plug(&namespace, plug)?;
        Ok(Self {
            namespace,
            interface,
        })
    }
}

/// The way from the nodes to the API server.
fn way(runtime: &Background, lan: &Lan, control_plane: &ControlPlane) -> Result<TcpProxy> {
    let _runtime = runtime.handle()?.enter();
    let listener = lan.listen()?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    TcpProxy::on(listener, control_plane.address()?)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
