//! How does the announcer's process begin and end? Wiring only: which parts there are, and who outlives whom.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use kube::Client;
use roadstead_arp::{
    NAME, engine,
    net::{self, LinkSelection},
    wire::hello,
};
use tokio::{sync::watch, task::JoinSet, time::timeout};

use super::{
    Announcer, Ask, Ears,
    admin::Admin,
    engine::Segments,
    forwarding,
    key::KeyFile,
    metrics::Readings,
    pool::Pool,
    tell::Teller,
    watch::{Scope, Watches},
};
use crate::{
    args::{AdminAddress, AnnounceArgs, selection},
    client::{self, Connection},
    controller::{events::Events, watch_over, writes::Writes},
    leader::Leadership,
    metrics::Metrics,
    run::{on_signals, usage},
    service::class::Classes,
};

/// How long events may take to be written at shutdown.
const EVENT_GRACE: Duration = Duration::from_secs(1);

/// Runs `roadstead announce` until it is asked to end, or until it cannot announce any more.
pub async fn announce(args: AnnounceArgs, connection: &Connection) -> anyhow::Result<ExitCode> {
    let classes = match classes(&args) {
        Ok(classes) => classes,
        Err(error) => return Ok(usage(&error)),
    };
    let (key_file, keys) = KeyFile::open(&args.hello_key_file)?;
    let metrics = Arc::new(Metrics::of_announcer());
    let config = client::config(connection).await?;
    let server = config.cluster_url.to_string();
    let client = client::client(config, &metrics)?;
    let shutdown = on_signals()?;

    let links = selection(&args.interfaces);
    // Says what is missing, and which capability it would take.
    let (segments, events) = start(&args, keys, links)?;
    let ended = segments.ended();
    let signing = segments.clone();
    let segments: Arc<dyn Segments> = Arc::new(segments);
    tracing::info!(node = %args.node_name, server, version = env!("CARGO_PKG_VERSION"), "listening on the segment");

    let mut tasks = JoinSet::new();
    let (tell, forwarding) = watch::channel(None);
    tasks.spawn(forwarding::follow(args.forwarding_check.clone(), tell));
    tasks.spawn(key_file.follow(move |keys| signing.set_keys(keys)));
    let scope = Scope {
        classes: classes.clone(),
        heed_label: args.heed_exclude_label,
        pool: Pool::of_flags(&args.pools.arp_pools),
    };
    let watches = Watches::start(&client, scope, &mut tasks);
    let (ask, questions) = Ask::new();
    let readings = Readings::default();
    metrics.add(|registry| registry.register_collector(Box::new(readings.clone())));
    let admin = Admin {
        metrics: Arc::clone(&metrics),
        readings,
        ask,
        segments: Arc::clone(&segments),
        health: watches.health(),
        forwarding: forwarding.clone(),
        joined: Arc::default(),
    };
    if let AdminAddress::At(address) = args.admin_address {
        let (address, work) = admin.serve(address).await?;
        tracing::info!(%address, "serving /livez, /readyz, /metrics, /view and the status page");
        tasks.spawn(work);
    }
    let ears = Ears {
        watches,
        events,
        forwarding,
        questions,
    };

    let (teller, said, event_writer) = teller(client, &metrics, classes);
    let announcer = Announcer::new(Arc::clone(&args.node_name), segments, teller);
    tokio::select! {
        () = announcer.run(ears, shutdown) => {}
        reason = ended => {
            tracing::error!(%reason, "ending: nothing is announced from this node any more");
            return Ok(ExitCode::FAILURE);
        }
        () = watch_over(&mut tasks) => return Ok(ExitCode::FAILURE),
    }
    said.close();
    // An event that is not written in time is not worth a pod that hangs.
    let _ = timeout(EVENT_GRACE, event_writer).await;
    tracing::info!("handed everything over and ended in order");
    Ok(ExitCode::SUCCESS)
}

/// The classes whose Services are announced; what is said of other providers is none of an announcer's business.
fn classes(args: &AnnounceArgs) -> Result<Classes, crate::service::class::ClassError> {
    let ours: Vec<_> = args
        .classes
        .iter()
        .filter(|mapping| mapping.provider == NAME.as_str())
        .cloned()
        .collect();
    let default = args.default_provider.as_deref();
    Classes::new(
        &[NAME],
        &ours,
        default.filter(|name| *name == NAME.as_str()),
    )
}

type Started = (
    net::Announcer,
    tokio::sync::mpsc::UnboundedReceiver<engine::Event>,
);

fn start(args: &AnnounceArgs, keys: hello::Keys, links: LinkSelection) -> anyhow::Result<Started> {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock of this node is before 1970; set it first")?;
    let settings = engine::Settings {
        node: Arc::clone(&args.node_name),
        incarnation: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
        started: std::time::Instant::now(),
        started_wall: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
        keys,
        interval: args.hello_interval,
        rebalance: args.rebalance,
        seed: rand::random(),
    };
    net::start(settings, links).context("beginning to announce")
}

fn teller(
    client: Client,
    metrics: &Arc<Metrics>,
    classes: Classes,
) -> (Teller, Events, tokio::task::JoinHandle<()>) {
    // Announcers agree on the segment: each writes of what it holds, and none leads.
    let writes = Arc::new(Writes::new(client, Leadership::unopposed()));
    let (events, write_events) = Events::new(Arc::clone(&writes), Arc::clone(metrics));
    let teller = Teller::new(writes, events.clone(), classes);
    (teller, events, tokio::spawn(write_events))
}
