//! What may a test do to an AWS account that no AWS API lets it do?
//!
//! Requests to the routes below `/_roadstead` of our LocalStack, one each. Nothing is remembered here.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{Caller, Dump, LandscapeBuilder, REGION, Settings};
use crate::http;

/// An account in a LocalStack.
#[derive(Clone, Debug)]
pub struct Account {
    address: SocketAddr,
    number: u64,
}

/// How a test wants a target to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// `healthy`.
    Healthy,
    /// `initial`, `Elb.RegistrationInProgress`.
    RegistrationInProgress,
    /// `initial`, `Elb.InitialHealthChecking`.
    InitialHealthChecking,
    /// `unhealthy`, `Target.ResponseCodeMismatch`.
    ResponseCodeMismatch,
    /// `unhealthy`, `Target.Timeout`.
    Timeout,
    /// `unhealthy`, `Target.FailedHealthChecks`.
    FailedHealthChecks,
    /// `unhealthy`, `Elb.InternalError`.
    InternalError,
    /// `unavailable`, `Elb.InternalError`.
    Unavailable,
}

/// Which target a [`Health`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets<'a> {
    /// Every target of the group, those to come as well.
    All,
    /// One registration. Without a port, that with the group's own.
    One {
        /// An instance's id, or an address.
        id: &'a str,
        /// The port it was registered with.
        port: Option<u16>,
    },
}

// === impl Account ===

impl Account {
    pub(super) fn new(address: SocketAddr, number: u64) -> Self {
        Self { address, number }
    }

    /// Its twelve digits, as they stand in ARNs.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{:012}", self.number)
    }

    /// What a process needs in its environment to act in this account, through LocalStack's own endpoint or through
    /// one in front of it.
    #[must_use]
    pub fn environment(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        // LocalStack takes twelve digits for the account they name, and everything else for the first one.
        let key = match self.number {
            0 => "test".to_owned(),
            _ => self.id(),
        };
        vec![
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            // Else the SDK waits for a metadata service.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// This account, for [`Self::call`] through something in front of LocalStack.
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Self {
        Self {
            address,
            number: self.number,
        }
    }

    /// Sets all delays and quotas.
    pub async fn set(&self, settings: &Settings) -> Result<()> {
        self.post("settings", settings).await
    }

    /// Begins a VPC with subnets, a node security group and instances for the cluster `name`.
    pub fn landscape(&self, cluster: &str) -> LandscapeBuilder {
        LandscapeBuilder::new(self.clone(), cluster)
    }

    /// Everything there is in this account.
    pub async fn dump(&self) -> Result<Dump> {
        let path = self.path("dump");
        read(&path, http::get(self.address, &path).await?)
    }

    /// Makes a load balancer one that an endpoint service uses, so that it cannot be deleted, or no longer.
    ///
    /// # Errors
    /// There is no such load balancer.
    pub async fn hold_for_endpoint_service(
        &self,
        load_balancer_arn: &str,
        in_use: bool,
    ) -> Result<()> {
        let asked = json!({ "load_balancer_arn": load_balancer_arn, "in_use": in_use });
        self.post("endpoint-service", &asked).await
    }

    /// Gives a load balancer a state, as `failed` or `active_impaired`; `None` lets things take their own course again.
    ///
    /// # Errors
    /// There is no such load balancer.
    pub async fn force_state(&self, load_balancer_arn: &str, state: Option<&str>) -> Result<()> {
        let asked = json!({ "load_balancer_arn": load_balancer_arn, "state": state });
        self.post("load-balancer-state", &asked).await
    }

    /// Makes targets of a group so, whatever else would decide it; `None` lets things take their own course again.
    /// It has no effect on a target that is draining, stopped, or in a group without a load balancer.
    ///
    /// # Errors
    /// There is no such target group, or no such target.
    pub async fn force_health(
        &self,
        target_group_arn: &str,
        targets: Targets<'_>,
        health: Option<Health>,
    ) -> Result<()> {
        let (id, port) = match targets {
            Targets::All => (None, None),
            Targets::One { id, port } => (Some(id), port),
        };
        let (state, reason) = health.map(Health::words).unzip();
        let asked = json!({
            "target_group_arn": target_group_arn, "id": id, "port": port, "state": state, "reason": reason.flatten(),
        });
        self.post("target-health", &asked).await
    }

    /// The ARN of a new certificate in ACM.
    pub async fn certificate(&self, domain: &str) -> Result<String> {
        self.post("certificate", &json!({ "domain": domain })).await
    }

    /// Calls an action of AWS's query API, as `call("ec2", "StopInstances", &[("InstanceId.1", id)])`, and returns
    /// the XML of its answer. For what a test has to do besides what it tests, without an SDK.
    ///
    /// # Errors
    /// It is refused; the error shows the answer.
    pub async fn call(
        &self,
        service: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        self.caller().call(service, action, parameters).await
    }

    /// As [`call`](Self::call), many times, on connections that are kept.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::new(self.clone())
    }

    /// Where calls go.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The header of a request for `service`. Signatures are not verified, but the scope says whose request it is, and for which
    /// service.
    pub(super) fn signed(&self, service: &str) -> String {
        let scope = format!(
            "{:012}/20250101/{REGION}/{service}/aws4_request",
            self.number
        );
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
    }

    fn path(&self, what: &str) -> String {
        format!("/_roadstead/{}/{what}", self.id())
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        what: &str,
        asked: &(impl Serialize + Sync),
    ) -> Result<T> {
        let path = self.path(what);
        let body = serde_json::to_string(asked).with_context(|| format!("encoding {what}"))?;
        let answer = http::post_json(self.address, &path, &body).await?;
        read(&path, answer)
    }
}

// === impl Health ===

impl Health {
    /// State and reason, in AWS's words.
    fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Healthy => ("healthy", None),
            Self::RegistrationInProgress => ("initial", Some("Elb.RegistrationInProgress")),
            Self::InitialHealthChecking => ("initial", Some("Elb.InitialHealthChecking")),
            Self::ResponseCodeMismatch => ("unhealthy", Some("Target.ResponseCodeMismatch")),
            Self::Timeout => ("unhealthy", Some("Target.Timeout")),
            Self::FailedHealthChecks => ("unhealthy", Some("Target.FailedHealthChecks")),
            Self::InternalError => ("unhealthy", Some("Elb.InternalError")),
            Self::Unavailable => ("unavailable", Some("Elb.InternalError")),
        }
    }
}

fn read<T: DeserializeOwned>(path: &str, answer: (u16, String)) -> Result<T> {
    match answer {
        (200, body) => {
            serde_json::from_str(&body).with_context(|| format!("reading the answer of {path}"))
        }
        (status, body) => bail!("LocalStack answered {path} with {status}: {body}"),
    }
}
