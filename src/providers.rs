//! Which providers run? The only place that knows them by name; everything else knows the contract.

#[cfg(feature = "arp")]
mod arp;
#[cfg(feature = "aws")]
mod aws;

use std::{sync::Arc, time::Duration};

use roadstead_core::{ClusterUid, Guarded, LoadBalancerProvider, ProviderName};

#[cfg(feature = "mock")]
use crate::args::MockArgs;
use crate::{
    args::{ProviderArgs, ProviderKind},
    metrics::Metrics,
};

/// A provider that cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("starting the provider {provider}")]
pub struct Error {
    provider: ProviderName,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// What a provider is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make load balancers.
    Act,
    /// To say what it would do: nothing that outlives this process may change.
    Look,
}

/// The providers that run.
#[derive(Debug)]
pub struct Started {
    /// Each behind a guard.
    pub providers: Vec<Arc<dyn LoadBalancerProvider>>,
    /// What the arp provider gives addresses from, if it runs: somebody is to tell it of pools.
    #[cfg(feature = "arp")]
    pub addresses: Option<Arc<roadstead_arp::Addresses>>,
}

/// The names of the providers asked for, each once.
#[must_use]
pub fn names(args: &ProviderArgs) -> Vec<ProviderName> {
    let mut names: Vec<ProviderName> = Vec::new();
    for kind in &args.providers {
        let name = name(*kind);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Makes the providers asked for that `wanted` picks, each behind a guard whose calls take `deadline` at most.
#[cfg_attr(
    not(feature = "aws"),
    expect(clippy::unused_async, reason = "only aws has something to wait for")
)]
#[cfg_attr(
    not(any(feature = "aws", feature = "mock")),
    expect(
        unused_variables,
        reason = "what arp knows is the same for every purpose"
    )
)]
pub async fn start(
    args: &ProviderArgs,
    wanted: impl Fn(ProviderName) -> bool,
    purpose: Purpose,
    cluster: &ClusterUid,
    deadline: Duration,
    metrics: &Metrics,
) -> Result<Started, Error> {
    let mut started: Vec<Arc<dyn LoadBalancerProvider>> = Vec::new();
    #[cfg(feature = "arp")]
    let mut addresses = None;
    for kind in &args.providers {
        let name = name(*kind);
        if !wanted(name) || started.iter().any(|provider| provider.name() == name) {
            continue;
        }
        let made: Made = match kind {
            #[cfg(feature = "arp")]
            ProviderKind::Arp => {
                let (provider, told) = arp::make(&args.arp, cluster, metrics);
                addresses = Some(told);
                Ok(provider)
            }
            #[cfg(feature = "aws")]
            ProviderKind::Aws => aws::connect(&args.aws, purpose, cluster, metrics).await,
            #[cfg(feature = "mock")]
            ProviderKind::Mock => mock(&args.mock, purpose, cluster),
        };
        let inner = made.map_err(|source| Error {
            provider: name,
            source,
        })?;
        let guarded = Guarded::new(inner, deadline, metrics.providers.clone());
        started.push(Arc::new(guarded));
    }
    Ok(Started {
        providers: started,
        #[cfg(feature = "arp")]
        addresses,
    })
}

fn name(kind: ProviderKind) -> ProviderName {
    match kind {
        #[cfg(feature = "arp")]
        ProviderKind::Arp => roadstead_arp::NAME,
        #[cfg(feature = "aws")]
        ProviderKind::Aws => roadstead_aws::NAME,
        #[cfg(feature = "mock")]
        ProviderKind::Mock => roadstead_mock::NAME,
    }
}

type Made = Result<Arc<dyn LoadBalancerProvider>, Box<dyn std::error::Error + Send + Sync>>;

#[cfg(feature = "mock")]
fn mock(args: &MockArgs, purpose: Purpose, cluster: &ClusterUid) -> Made {
    let MockArgs {
        mock_addresses,
        mock_latency,
        mock_failures,
        mock_state,
    } = args;
    let mut settings = roadstead_mock::Settings {
        latency: *mock_latency,
        failures: mock_failures.clone(),
        seed: rand::random(),
        ..roadstead_mock::Settings::default()
    };
    if !mock_addresses.is_empty() {
        settings.addresses.clone_from(mock_addresses);
    }
    let cloud = match (mock_state, purpose) {
        (Some(folder), Purpose::Act) => roadstead_mock::Cloud::open(folder)?,
        (Some(folder), Purpose::Look) => roadstead_mock::Cloud::look(folder)?,
        (None, _) => roadstead_mock::Cloud::default(),
    };
    Ok(Arc::new(roadstead_mock::MockProvider::new(
        Arc::new(cloud),
        cluster.clone(),
        settings,
    )))
}
