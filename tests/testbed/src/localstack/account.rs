//! What may a test do to an AWS account that no AWS API lets it do?
//!
//! Requests to the routes below `/_roadstead` of our LocalStack, one each. Nothing is remembered here.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use serde::{Serialize, de::DeserializeOwned};

use super::{LandscapeBuilder, REGION, Settings};
use crate::http;

/// An account in a LocalStack.
#[derive(Clone, Debug)]
pub struct Account {
    address: SocketAddr,
    number: u64,
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

    /// Sets all delays and quotas.
    pub async fn set(&self, settings: &Settings) -> Result<()> {
        self.post("settings", settings).await
    }

    /// Begins a VPC with subnets, a node security group and instances for the cluster `name`.
    pub fn landscape(&self, cluster: &str) -> LandscapeBuilder {
        LandscapeBuilder::new(self.clone(), cluster)
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        what: &str,
        asked: &(impl Serialize + Sync),
    ) -> Result<T> {
        let path = format!("/_roadstead/{}/{what}", self.id());
        let body = serde_json::to_string(asked).with_context(|| format!("encoding {what}"))?;
        let answer = http::post_json(self.address, &path, &body).await?;
        read(&path, answer)
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
