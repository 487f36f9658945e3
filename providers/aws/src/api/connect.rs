//! How is AWS reached? Through the SDK's standard chain and nothing else: it reads its own variables, files and metadata services.
//!
//! What is missing is said within seconds, before the first Service needs it.

use std::time::Duration;

use aws_config::{
    AppName, BehaviorVersion, ConfigLoader, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);

/// How long an answer may take. `RegisterTargets` and `CreateLoadBalancer` take seconds at times.
const ANSWER: Duration = Duration::from_secs(20);

/// How long region and credentials may take each. The metadata service answers within milliseconds, or it is not there.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;

/// Why AWS cannot be asked anything.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says which region.
    #[error(
        "no AWS region is known: set AWS_REGION (tried AWS_REGION, AWS_DEFAULT_REGION, the shared config file's profile, and the instance metadata service)"
    )]
    NoRegion,
    /// Nothing gives credentials; the source lists what was tried.
    #[error(
        "no AWS credentials were found: give the controller a role (EKS Pod Identity, IRSA, or the instance's), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials(#[source] CredentialsError),
    /// Something that gives credentials does not answer.
    #[error(
        "getting AWS credentials took longer than {} s (tried the environment, the shared config file's profile, IRSA's token exchange, EKS Pod Identity's endpoint and the instance metadata service, up to the one that did not answer)",
        PATIENCE.as_secs()
    )]
    SlowCredentials,
    /// What gives credentials is set up and does not.
    #[error(
        "getting AWS credentials from what is set up for it: check AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE (IRSA), AWS_CONTAINER_CREDENTIALS_FULL_URI (EKS Pod Identity), AWS_PROFILE and the files it means, or the instance's role"
    )]
    BadCredentials(#[source] CredentialsError),
}

/// What the SDK's clients are made of, once region and credentials are known to be there.
pub(super) async fn connect() -> Result<SdkConfig, ConnectError> {
    // What may take its time here is asking the metadata service for the region.
    let config = tokio::time::timeout(PATIENCE, loader().load())
        .await
        .map_err(|_| ConnectError::NoRegion)?;
    if config.region().is_none() {
        return Err(ConnectError::NoRegion);
    }
    check_credentials(&config).await?;
    Ok(config)
}

/// The standard chain, without retries: the limiter and the controller decide about those.
pub(super) fn loader() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ANSWER)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
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
