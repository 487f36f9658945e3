//! The contract between the controller and whatever makes a load balancer exist.
//!
//! What may a provider be asked, and what may it answer? This crate knows neither Kubernetes' client nor any cloud:
//! the controller translates a Service into a [`LoadBalancer`], a provider makes it so.

mod annotations;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod guarded;
mod id;
mod model;
mod plan;
mod provider;

pub use self::{
    annotations::{Problem, Typo, Vocabulary},
    error::{Error, ErrorKind, Result, Retry, chain},
    guarded::{Guarded, ProviderMetrics},
    id::{ClusterUid, LoadBalancerId, OwnerUid, ParseUidError},
    model::{
        Address, Host, IpFamily, IpFamilyPolicy, Labels, LoadBalancer, NamespacedName, NodeName,
        Port, PortNumber, Protocol, ProviderId, SessionAffinity, Target, TargetKind, Targets,
        TrafficPolicy,
    },
    plan::{Action, Plan, Step},
    provider::{
        Ensured, Health, LoadBalancerProvider, Outcome, Owned, ProviderName, Published, Released,
        TargetState,
    },
};
