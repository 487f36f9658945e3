//! How is AWS reached? Through the SDK's standard chain and nothing else: it reads its own variables, files and metadata services.
//!
//! What is missing is said within seconds, before the first Service needs it.

use std::time::Duration;

use aws_config::{
    AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig, default_provider,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);

/// How long an answer may take. `RegisterTargets` and `CreateLoadBalancer` take seconds at times.
const ANSWER: Duration = Duration::from_secs(20);

/// How long region and credentials may take each. The metadata service answers within milliseconds, or it is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why AWS cannot be asked anything.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says which region.
    #[error(
        "no AWS region is known: set AWS_REGION (tried AWS_REGION, AWS_DEFAULT_REGION, the shared config file's profile, and the instance metadata service)"
    )]
    NoRegion,
    /// Nothing gives credentials.
    #[error(
        "no AWS credentials were found (tried environment variables, the shared config file's profile, a web identity token as of IRSA, the container credentials endpoint as of EKS Pod Identity, and the instance metadata service)"
    )]
    NoCredentials(#[source] CredentialsError),
    /// Something that gives credentials does not answer.
    #[error(
        "getting AWS credentials took longer than {} s (tried environment variables, the shared config file's profile, a web identity token as of IRSA, the container credentials endpoint as of EKS Pod Identity, and the instance metadata service; one of the last three did not answer)",
        PATIENCE.as_secs()
    )]
    SlowCredentials,
    /// Something gave credentials that cannot be used, or refused to.
    #[error("getting AWS credentials")]
    BadCredentials(#[source] CredentialsError),
}

/// What the SDK's clients are made of, once region and credentials are known to be there.
pub(super) async fn connect() -> Result<SdkConfig, ConnectError> {
    let config = loader(region().await?).load().await;
    check_credentials(&config).await?;
    Ok(config)
}

async fn region() -> Result<Region, ConnectError> {
    let chain = default_provider::region::Builder::default().build();
    match tokio::time::timeout(PATIENCE, chain.region()).await {
        Ok(Some(region)) => Ok(region),
        Ok(None) | Err(_) => Err(ConnectError::NoRegion),
    }
}

/// The standard chain, without retries: the limiter and the controller decide about those.
fn loader(region: Region) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ANSWER)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    match AppName::new("roadstead") {
        Ok(name) => loader.app_name(name),
        Err(_) => loader,
    }
}

async fn check_credentials(config: &SdkConfig) -> Result<(), ConnectError> {
    let Some(provider) = config.credentials_provider() else {
        return Err(ConnectError::NoCredentials(CredentialsError::not_loaded(
            "no provider of credentials",
        )));
    };
    match tokio::time::timeout(PATIENCE, provider.provide_credentials()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error @ CredentialsError::CredentialsNotLoaded(_))) => {
            Err(ConnectError::NoCredentials(error))
        }
        Ok(Err(CredentialsError::ProviderTimedOut(_))) | Err(_) => {
            Err(ConnectError::SlowCredentials)
        }
        Ok(Err(error)) => Err(ConnectError::BadCredentials(error)),
    }
}
