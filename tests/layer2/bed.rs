//! Who takes part: a lab of four nodes, one of them on another segment, with Roadstead's own processes.

use std::{collections::BTreeSet, net::IpAddr, path::Path, time::Duration};

use k8s_openapi::{
    api::core::v1::Service,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, api::PostParams};
use roadstead::pools::crd::{AddressPool, definition};
use roadstead_testbed::{
    Lab, LabOptions, ServiceBuilder, addresses, condition,
    lab::{Fleet, FleetOptions, Mac, Segment},
    namespace, poll_until, service,
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

pub(crate) const ARP: &str = "roadstead.dev/arp";
pub(crate) const HEALTHY: &str = "roadstead.dev/Healthy";
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// The nodes on the client's segment.
pub(crate) const NEAR: [u8; 3] = [1, 2, 3];
/// The node on another one.
pub(crate) const FAR: u8 = 4;

/// The pool of every Service that asks for none.
pub(crate) const POOL: &str = "lab";
/// How often a question about an address is asked before an answer is believed.
const QUESTIONS: usize = 20;

/// The lab, and what runs in it.
pub(crate) struct Bed {
    pub(crate) lab: Lab,
    pub(crate) fleet: Fleet,
    /// Nodes without power.
    pub(crate) dark: BTreeSet<u8>,
    /// Whether nodes may still be waiting before they ask an API server again that was away.
    pub(crate) behind: bool,
    /// Namespaces with Services of tests that are over.
    pub(crate) places: Vec<String>,
}

/// A Service with addresses.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) service: Service,
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) vips: Vec<IpAddr>,
}

/// The bed, tidied, for one test at a time.
pub(crate) async fn bed() -> MutexGuard<'static, Bed> {
    static BED: OnceCell<Mutex<Bed>> = OnceCell::const_new();

    let start = async || Mutex::new(Bed::start().await);
    let mut bed = BED.get_or_init(start).await.lock().await;
    bed.tidy().await;
    bed
}

/// A Service of the arp provider whose pods answer, not made yet.
pub(crate) fn web(name: &str) -> ServiceBuilder {
    service(name).class(ARP).port(80).target_port(8080)
}

/// The same with both families.
pub(crate) fn dual(name: &str) -> ServiceBuilder {
    web(name).families("RequireDualStack", &["IPv4", "IPv6"])
}

// === impl Bed ===

impl Bed {
    async fn start() -> Self {
        let options = LabOptions::default().nodes(3).node_on(Segment(1));
        let lab = Lab::start(options).await.unwrap();
        let client = lab.control_plane().client().await.unwrap();
        let kinds: Api<CustomResourceDefinition> = Api::all(client.clone());
        kinds
            .create(&PostParams::default(), &definition())
            .await
            .unwrap();
        let pool = json!({ "addresses": ["172.30.0.100-172.30.0.169", "fd30::1000-fd30::10ff"] });
        add_pool(&lab, POOL, pool).await;
        let binary = Path::new(env!("CARGO_BIN_EXE_roadstead"));
        let args = ["--leader-elect=false"];
        let fleet = FleetOptions::new(binary)
            .controller_args(&args)
            .start(&lab, DEADLINE)
            .await;
        Self {
            lab,
            fleet: fleet.unwrap(),
            dark: BTreeSet::new(),
            behind: false,
            places: Vec::new(),
        }
    }

    pub(crate) async fn add_pool(&self, name: &str, spec: Value) {
        add_pool(&self.lab, name, spec).await;
    }

    /// Creates the Service in a namespace of its own, with pods on these nodes, and waits for its addresses.
    pub(crate) async fn serve(&mut self, builder: ServiceBuilder, pods: &[u8]) -> Served {
        let place = self.place().await;
        self.serve_in(&place, builder, pods).await
    }

    /// A new namespace.
    pub(crate) async fn place(&mut self) -> String {
        let client = self.lab.control_plane().client().await.unwrap();
        let place = namespace(&client, "layer2").await.unwrap();
        self.places.push(place.clone());
        place
    }

    pub(crate) async fn serve_in(
        &self,
        place: &str,
        builder: ServiceBuilder,
        pods: &[u8],
    ) -> Served {
        let wanted = builder.namespace(place).build();
        let created = self.lab.service_with_pods(wanted, pods).await.unwrap();
        let name = created.metadata.name.clone().unwrap();
        let addressed = self
            .until(place, &name, "it to have an address", |service| {
                !addresses(service).is_empty()
            })
            .await;
        let vips = addresses(&addressed);
        Served {
            vips: vips.iter().map(|vip| vip.parse().unwrap()).collect(),
            service: addressed,
            place: place.to_owned(),
            name,
        }
    }

    /// Waits until a Service is so.
    pub(crate) async fn until(
        &self,
        place: &str,
        name: &str,
        what: &str,
        is: impl Fn(&Service) -> bool,
    ) -> Service {
        let client = self.lab.control_plane().client().await.unwrap();
        let services: Api<Service> = Api::namespaced(client, place);
        let mut last = None;
        let came = poll_until(what, DEADLINE, async || {
            last = services.get(name).await.ok();
            last.clone().filter(|service| is(service))
        })
        .await;
        came.unwrap_or_else(|error| {
            panic!(
                "{error:#}: {:#?}\n{}",
                last.map(|it| it.status),
                self.logs()
            )
        })
    }

    /// Waits until the condition `Healthy` of a Service has this reason, and returns its message.
    pub(crate) async fn until_said(&self, served: &Served, reason: &str) -> String {
        let said = |service: &Service| {
            let healthy = condition(service, HEALTHY)?;
            (healthy.reason == reason).then(|| healthy.message.clone())
        };
        let what = format!("{HEALTHY} to have the reason {reason}");
        let service = self
            .until(&served.place, &served.name, &what, |service| {
                said(service).is_some()
            })
            .await;
        said(&service).unwrap()
    }

    /// Waits until the condition `Healthy` of a Service names node `number`.
    pub(crate) async fn until_named(&self, served: &Served, number: u8) {
        let name = format!("node-{number} ");
        let named = |service: &Service| {
            condition(service, HEALTHY).is_some_and(|said| said.message.contains(&name))
        };
        let what = format!("node {number} to be named");
        self.until(&served.place, &served.name, &what, named).await;
    }

    /// Starts an announcer on a node, in place of one that was there, and waits until it is ready.
    pub(crate) async fn announce(&mut self, number: u8) {
        let Self { lab, fleet, .. } = self;
        fleet.begin(lab, number).unwrap();
        fleet.ready(lab, DEADLINE).await.unwrap();
    }

    /// Waits until one node answers alone, every time of twenty, the client sends there, and is answered by a pod. Returns the
    /// node's number.
    pub(crate) async fn settled(&self, vip: IpAddr) -> u8 {
        let mac = self.settled_at(vip).await;
        let found = self.lab.nodes().iter().position(|node| {
            node.interfaces()
                .iter()
                .any(|interface| interface.mac == mac)
        });
        u8::try_from(found.unwrap() + 1).unwrap()
    }

    /// The same, by the address of the interface that answers.
    pub(crate) async fn settled_at(&self, vip: IpAddr) -> Mac {
        let mut last = String::new();
        let settled = poll_until("one node to answer", DEADLINE, async || {
            let answers = self.lab.arp_answers(vip, QUESTIONS).await.ok()?;
            let client = self.lab.client();
            let reached = client.get_until(vip, 80, Duration::from_secs(1)).await;
            let sends_to = client.neighbour(vip).ok()?;
            let said = match &reached {
                Ok(answer) => format!("is answered by {}", answer.pod),
                Err(error) => format!("{error:#}"),
            };
            last = format!("{answers:?}; the client: {said}, and sends to {sends_to:?}");
            answers
                .only()
                .filter(|mac| reached.is_ok() && sends_to == Some(*mac))
        })
        .await;
        settled.unwrap_or_else(|error| panic!("{vip}: {error:#}: {last}\n{}", self.logs()))
    }

    /// Waits until another node than `before` answers alone, as [`Self::settled`] does.
    pub(crate) async fn moved(&self, vip: IpAddr, before: u8) -> u8 {
        let moved = poll_until("another node", DEADLINE, async || {
            let now = self.settled(vip).await;
            (now != before).then_some(now)
        });
        moved
            .await
            .unwrap_or_else(|error| panic!("{vip}: {error:#}\n{}", self.logs()))
    }

    /// Waits until no node answers for an address.
    pub(crate) async fn silent(&self, vip: IpAddr) {
        let silent = poll_until("nobody to answer", DEADLINE, async || {
            let answers = self.lab.arp_answers(vip, 5).await.ok()?;
            answers.none().then_some(())
        });
        silent
            .await
            .unwrap_or_else(|error| panic!("{vip}: {error:#}\n{}", self.logs()));
    }

    /// How the logs of all announcers end.
    pub(crate) fn logs(&self) -> String {
        let numbers = (1u8..).zip(self.lab.nodes()).map(|(number, _)| number);
        let announcers = numbers.filter_map(|number| {
            let announcer = self.fleet.announcer(number).ok()?;
            Some(format!(
                "node {number}:\n{}",
                announcer.process().log_tail()
            ))
        });
        let controller = self.fleet.controller().into_iter();
        let controller = controller.map(|it| format!("controller:\n{}", it.process().log_tail()));
        announcers.chain(controller).collect::<Vec<_>>().join("\n")
    }
}

async fn add_pool(lab: &Lab, name: &str, spec: Value) {
    let client = lab.control_plane().client().await.unwrap();
    let pools: Api<AddressPool> = Api::all(client);
    let pool = json!({ "metadata": { "name": name }, "spec": spec });
    let pool: AddressPool = serde_json::from_value(pool).unwrap();
    // Right after its kind was made the API server may not know it yet.
    let made = poll_until("the pool", DEADLINE, async || {
        match pools.create(&PostParams::default(), &pool).await {
            Ok(_) => Some(Ok(())),
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => Some(Err(error)),
        }
    });
    made.await.unwrap().unwrap();
}
