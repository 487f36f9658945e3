//! How does the controller process begin and end? Wiring only: which parts there are, and who outlives whom.

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use kube::Client;
use rand::Rng;
use roadstead_core::ClusterUid;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "arp")]
use crate::pools::{Keeper, Source};
use crate::{
    admin::Admin,
    args::{AdminAddress, ControllerArgs, LeaseArgs},
    client::{self, Connection},
    controller::{
        Controller, Settings, Stopped,
        caches::{Caches, KeptLabels},
        orphans::Orphanage,
        watch_over,
    },
    explain::explain,
    leader::{Candidate, Leadership, LeaseConfig},
    metrics::Metrics,
    providers::{self, Purpose},
    service::class::Classes,
};

/// The exit code of a wrong command line, as of clap's.
const USAGE: u8 = 2;

/// How long an API server that cannot be reached is left in peace.
const REACH_AGAIN: Duration = Duration::from_secs(2);

/// Runs `roadstead controller` until it is asked to end, or may not act any more.
pub async fn controller(args: ControllerArgs, connection: &Connection) -> anyhow::Result<ExitCode> {
    let classes = Classes::new(
        &providers::names(&args.providers),
        &args.providers.classes,
        args.providers.default_provider.as_deref(),
    );
    let classes = match classes {
        Ok(classes) => classes,
        Err(error) => return Ok(usage(&error)),
    };
    let config = client::config(connection).await?;
    let lease = lease(&args.lease, &config.default_namespace);
    if let Err(error) = lease.validate() {
        return Ok(usage(&error));
    }
    let metrics = Arc::new(Metrics::default());
    let server = config.cluster_url.to_string();
    let client = client::client(config, &metrics)?;
    let shutdown = on_signals()?;

    let mut tasks = JoinSet::new();
    let (candidate, leadership) = if args.lease.leader_elect {
        let (candidate, leadership) = Candidate::new(client.clone(), lease);
        (Some(candidate), leadership)
    } else {
        (None, Leadership::unopposed())
    };
    let context = Arc::new(OnceLock::new());
    let (trouble, troubles) = watch::channel(None);
    let admin = Admin::new(
        Arc::clone(&metrics),
        leadership.clone(),
        Arc::clone(&context),
        troubles,
    );
    if let AdminAddress::At(address) = args.admin_address {
        let (address, work) = admin.serve(address).await?;
        tracing::info!(%address, "serving /livez, /readyz, /metrics and the status page");
        tasks.spawn(work);
    }

    let Some(cluster) = reach(&client, &server, &trouble, &shutdown).await else {
        return Ok(ExitCode::SUCCESS);
    };
    tracing::info!(%cluster, version = env!("CARGO_PKG_VERSION"), "reached the cluster");
    let start = providers::start(
        &args.providers,
        |_| true,
        Purpose::Act,
        &cluster,
        args.provider_timeout,
        &metrics,
    );
    let started = tokio::select! {
        started = start => started?,
        () = shutdown.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    #[cfg(feature = "arp")]
    let source = Source::of(&args.providers.arp.pools.arp_pools);
    let labels = KeptLabels {
        services: started.providers.iter().any(|p| p.reads_labels()),
        #[cfg(feature = "arp")]
        namespaces: started.addresses.is_some() && source == Source::Objects,
        #[cfg(not(feature = "arp"))]
        namespaces: false,
    };
    let namespace = args.watch_namespace.as_deref();
    let caches = Arc::new(Caches::start(&client, namespace, labels, &mut tasks));
    #[cfg(feature = "arp")]
    if let Some(addresses) = started.addresses {
        let keeper = Keeper {
            addresses,
            caches: Arc::clone(&caches),
            client: client.clone(),
            leadership: leadership.clone(),
            namespace: args.watch_namespace.clone(),
        };
        keeper.start(source, &mut tasks);
    }
    let providers = started.providers;
    let settings = settings(args, cluster, classes);
    let controller = Controller::new(settings, providers, client, caches, leadership, metrics);
    // Nobody else sets it.
    let _ = context.set(controller.context());
    Ok(until_the_end(controller, candidate, tasks, shutdown).await)
}

/// Acts and stands for election; the Lease is handed over only when nothing of ours runs any more.
async fn until_the_end(
    controller: Controller,
    candidate: Option<Candidate>,
    mut tasks: JoinSet<()>,
    shutdown: CancellationToken,
) -> ExitCode {
    let vacate = CancellationToken::new();
    let election = candidate.map(|candidate| tokio::spawn(candidate.run(vacate.clone())));
    let stopped = tokio::select! {
        stopped = controller.run(shutdown) => stopped,
        () = watch_over(&mut tasks) => return ExitCode::FAILURE,
    };
    vacate.cancel();
    if let Some(election) = election
        && let Err(error) = election.await
    {
        tracing::error!(%error, "the election failed");
        return ExitCode::FAILURE;
    }
    match stopped {
        Stopped::Asked => {
            tracing::info!("ended in order");
            ExitCode::SUCCESS
        }
        Stopped::LeadershipLost => {
            tracing::error!(
                "ending: another process may act now, and this one starts afresh as a standby"
            );
            ExitCode::FAILURE
        }
    }
}

fn settings(args: ControllerArgs, cluster: ClusterUid, classes: Classes) -> Settings {
    let ControllerArgs {
        providers: _,
        watch_namespace,
        resync,
        provider_timeout: _,
        release_orphans,
        orphan_interval,
        orphan_grace,
        lease: _,
        admin_address: _,
        shutdown_grace,
    } = args;
    Settings {
        cluster,
        classes,
        namespace: watch_namespace,
        resync,
        orphanage: Orphanage {
            release: release_orphans,
            interval: orphan_interval,
            grace: orphan_grace,
        },
        shutdown_grace,
    }
}

fn lease(args: &LeaseArgs, default_namespace: &str) -> LeaseConfig {
    let identity = args.identity.clone().unwrap_or_else(|| {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{}_{:08x}", host.trim(), rand::rng().random::<u32>())
    });
    LeaseConfig {
        namespace: args
            .lease_namespace
            .clone()
            .unwrap_or_else(|| default_namespace.to_owned()),
        name: args.lease_name.clone(),
        identity,
        duration: args.lease_duration,
        renew_deadline: args.renew_deadline,
        retry_period: args.retry_period,
    }
}

/// Reads the cluster's identity, for as long as it takes; `None` if asked to end before that.
async fn reach(
    client: &Client,
    server: &str,
    trouble: &watch::Sender<Option<String>>,
    shutdown: &CancellationToken,
) -> Option<ClusterUid> {
    loop {
        let result = tokio::select! {
            result = client::cluster_uid(client) => result,
            () = shutdown.cancelled() => return None,
        };
        match result {
            Ok(cluster) => return Some(cluster),
            Err(error) => {
                let text = format!("{server}: {}", explain(&error));
                trouble.send_if_modified(|before| {
                    let news = before.as_ref() != Some(&text);
                    if news {
                        tracing::warn!(error = text, "the cluster cannot be reached; trying again");
                        *before = Some(text);
                    }
                    news
                });
            }
        }
        tokio::select! {
            () = tokio::time::sleep(REACH_AGAIN) => {}
            () = shutdown.cancelled() => return None,
        }
    }
}

/// Cancelled at SIGTERM or SIGINT. A second signal ends the process at once.
pub(crate) fn on_signals() -> anyhow::Result<CancellationToken> {
    let mut term = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let shutdown = CancellationToken::new();
    let asked = shutdown.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = term.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let signal = next().await;
        tracing::info!(signal, "ending in order; a second signal ends at once");
        asked.cancel();
        next().await;
        std::process::exit(1);
    });
    Ok(shutdown)
}

pub(crate) fn usage(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::from(USAGE)
}
