//! For how long does a client go without an answer when the node fails that announces its Service?

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::Service;
use kube::{Api, api::DeleteParams};
use roadstead_testbed::{
    Lab, Signal, addresses,
    figures::Distribution,
    lab::{Fleet, Mac, Outage, Watched},
    poll_until, service,
};

/// How an announcing node goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    /// Cable and programs at once.
    Crash,
    /// The announcer alone, by SIGKILL.
    Kill,
    /// The announcer alone, in order: SIGTERM.
    Handover,
    /// The cable alone.
    Link,
}

/// What was measured of one way.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Between two answers that a client got, in milliseconds.
    pub(crate) outages: Distribution,
    /// The longest time in which a trial sent no probe, in milliseconds: the machine's part of an outage.
    pub(crate) pauses: Distribution,
    /// For how long two nodes answered ARP.
    pub(crate) overlaps: Distribution,
    /// The longest time in which a trial asked nobody, in milliseconds: what went on then no overlap says.
    pub(crate) asking_pauses: Distribution,
    /// Probes without an answer.
    pub(crate) lost: u64,
}

pub(crate) const ARP: &str = "roadstead.dev/arp";
/// UDP: what a pod echoes.
const ECHO: u16 = 7;
const SOON: Duration = Duration::from_secs(30);
/// Before anything is done to it, a thing is watched for so many answers.
const BEFORE: Duration = Duration::from_millis(200);
/// How long a thing is watched after somebody else answered: an old owner's late answer would be seen.
const AFTER: Duration = Duration::from_millis(300);

/// A Service that is probed, with its pod on a node that nothing is done to: the last.
#[derive(Debug)]
pub(crate) struct Probed {
    pub(crate) vip: IpAddr,
    safe: u8,
}

// === impl Way ===

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Crash, Self::Kill, Self::Link, Self::Handover];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crash => "node crash",
            Self::Kill => "announcer killed",
            Self::Link => "link lost",
            Self::Handover => "planned handover",
        }
    }
}

/// Creates a Service with a pod on the last node, and waits until it is announced by another one.
pub(crate) async fn probed(lab: &Lab, fleet: &mut Fleet) -> Result<Probed> {
    let safe = u8::try_from(lab.nodes().len()).context("counting nodes")?;
    let wanted = service("probed")
        .class(ARP)
        .port(80)
        .target_port(8080)
        .udp_port(ECHO.into());
    let created = lab.service_with_pods(wanted.build(), &[safe]).await?;
    let vip = address(lab, &created).await?;
    let it = Probed { vip, safe };
    it.on_another_node(lab, fleet).await?;
    Ok(it)
}

/// Waits for the address of a Service in namespace `default`.
pub(crate) async fn address(lab: &Lab, service: &Service) -> Result<IpAddr> {
    let services: Api<Service> = Api::default_namespaced(lab.control_plane().client().await?);
    let name = service.metadata.name.clone().unwrap_or_default();
    poll_until("an address", SOON, async || {
        let service = services.get(&name).await.ok()?;
        addresses(&service).first()?.parse().ok()
    })
    .await
}

/// Deletes a Service of namespace `default`.
pub(crate) async fn delete(lab: &Lab, name: &str) -> Result<()> {
    let services: Api<Service> = Api::default_namespaced(lab.control_plane().client().await?);
    services
        .delete(name, &DeleteParams::default())
        .await
        .with_context(|| format!("deleting {name}"))?;
    Ok(())
}

/// So many trials of one way.
pub(crate) async fn measure(
    way: Way,
    trials: usize,
    lab: &Lab,
    fleet: &mut Fleet,
    it: &Probed,
) -> Result<Measured> {
    let (mut outages, mut pauses) = (Vec::new(), Vec::new());
    let (mut overlaps, mut asking_pauses) = (Vec::new(), Vec::new());
    let mut lost = 0;
    for trial in 0..trials {
        it.on_another_node(lab, fleet).await?;
        let one = it.trial(way, lab, fleet).await;
        let (outage, watched) = one.with_context(|| format!("{}, trial {trial}", way.name()))?;
        outages.push(millis(outage.gap));
        pauses.push(millis(outage.pause));
        overlaps.push(millis(watched.overlap()));
        asking_pauses.push(millis(watched.pause()));
        lost += outage.lost;
    }
    Ok(Measured {
        outages: outages.into_iter().collect(),
        pauses: pauses.into_iter().collect(),
        overlaps: overlaps.into_iter().collect(),
        asking_pauses: asking_pauses.into_iter().collect(),
        lost,
    })
}

// === impl Probed ===

impl Probed {
    /// The node that answers for it, alone.
    async fn holder(&self, lab: &Lab) -> Result<u8> {
        poll_until("one node to answer", SOON, async || {
            let mac = lab.arp_answers(self.vip, 3).await.ok()?.only()?;
            number(lab, mac)
        })
        .await
    }

    /// Makes sure that it is announced by a node that something can be done to.
    async fn on_another_node(&self, lab: &Lab, fleet: &mut Fleet) -> Result<()> {
        while self.holder(lab).await? == self.safe {
            let announcer = fleet.take(self.safe).context("restarting an announcer")?;
            announcer.signal(Signal::Term)?;
            announcer.wait(SOON).await?;
            fleet.fill(lab)?;
            fleet.ready(lab, SOON).await?;
        }
        lab.client().get_until(self.vip, 80, SOON).await?;
        Ok(())
    }

    async fn trial(&self, way: Way, lab: &Lab, fleet: &mut Fleet) -> Result<(Outage, Watched)> {
        let before = self.holder(lab).await?;
        let prober = lab.client().probe(self.vip, ECHO)?;
        prober.answered(SOON).await?;
        let watch = lab.watch_arp(self.vip)?;
        tokio::time::sleep(BEFORE).await;
        let node = lab.node(before);
        match way {
            Way::Crash => {
                node.power_off()?;
            }
            Way::Kill => fleet.announcer(before)?.signal(Signal::Kill)?,
            Way::Handover => fleet.announcer(before)?.signal(Signal::Term)?,
            Way::Link => node.link_down()?,
        }
        poll_until("another node to answer", SOON, async || {
            let (_, mac) = watch.last()?;
            (number(lab, mac)? != before).then_some(())
        })
        .await?;
        prober.answered(SOON).await?;
        tokio::time::sleep(AFTER).await;
        let (sent, watched) = (prober.stop().await?, watch.stop().await?);
        match way {
            Way::Crash => node.power_on(true)?,
            Way::Link => node.link_up()?,
            Way::Kill | Way::Handover => {}
        }
        fleet.fill(lab)?;
        fleet.ready(lab, SOON).await?;
        node.kube_proxy().ready().await?;
        let outage = sent.outage();
        if outage.gap.is_zero() {
            bail!("no probe was answered");
        }
        Ok((outage, watched))
    }
}

/// The number of the node with that hardware address.
pub(crate) fn number(lab: &Lab, mac: Mac) -> Option<u8> {
    let name = lab.node_with(mac)?.name();
    let found = lab.nodes().iter().position(|node| node.name() == name)?;
    u8::try_from(found + 1).ok()
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
