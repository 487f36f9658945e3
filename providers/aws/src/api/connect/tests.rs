//! What is said when AWS cannot be reached. Each try is a process of its own: the standard chain reads the process's environment.

use std::{net::TcpListener, process::Stdio, time::Duration};

use tokio::process::Command;

use super::*;

/// What a process prints that has region and credentials.
const CONNECTED: &str = "connected to";

/// Far beyond what a try may take: it ends a hang.
const HANG: Duration = Duration::from_mins(1);

#[tokio::test]
#[ignore = "the process that the other tests start"]
async fn connects_and_says_how() {
    match connect().await {
        Ok(config) => println!("{CONNECTED} {}", config.region().unwrap()),
        Err(error) => println!("error: {}", roadstead_core::chain(&error)),
    }
}

/// What a process says that is started in this environment and no other.
async fn said(environment: &[(&str, &str)]) -> String {
    let program = std::env::current_exe().unwrap();
    let tries = Command::new(program)
        .args(["api::connect::tests::connects_and_says_how", "--exact"])
        .args(["--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", "/nowhere")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(HANG, tries).await.expect("it hangs");
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// The address of a metadata service.
fn metadata(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
}

/// One that nobody listens at.
fn nowhere() -> String {
    metadata(&TcpListener::bind("127.0.0.1:0").unwrap())
}

const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const REGION: (&str, &str) = ("AWS_REGION", "eu-central-1");

#[tokio::test]
async fn without_a_region_the_error_says_how_to_set_one() {
    let said = said(&[(ENDPOINT, &nowhere())]).await;
    assert!(
        said.contains("error: no AWS region is known: set AWS_REGION"),
        "{said}"
    );
}

#[tokio::test]
async fn without_credentials_the_error_says_what_was_tried() {
    let said = said(&[REGION, (ENDPOINT, &nowhere())]).await;
    assert!(
        said.contains("error: no AWS credentials were found"),
        "{said}"
    );
    for tried in [
        "Environment",
        "Profile",
        "WebIdentityToken",
        "EcsContainer",
        "Ec2InstanceMetadata",
    ] {
        assert!(said.contains(tried), "{tried}: {said}");
    }
}

#[tokio::test]
async fn a_metadata_service_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = metadata(&silent);
    let environment = [REGION, (ENDPOINT, &silent)];
    let (with_region, without) = tokio::join!(said(&environment), said(&environment[1..]));
    assert!(
        with_region.contains("no AWS credentials were found"),
        "{with_region}"
    );
    assert!(with_region.contains("Ec2InstanceMetadata"), "{with_region}");
    assert!(without.contains("no AWS region is known"), "{without}");
}

#[tokio::test]
async fn a_web_identity_without_its_token_is_an_error_that_says_what_to_check() {
    let said = said(&[
        REGION,
        (ENDPOINT, &nowhere()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/roadstead"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token"),
    ])
    .await;
    assert!(said.contains("error: getting AWS credentials"), "{said}");
    assert!(said.contains("AWS_WEB_IDENTITY_TOKEN_FILE"), "{said}");
    assert!(said.contains("No such file"), "{said}");
}

#[tokio::test]
async fn keys_and_a_region_in_the_environment_are_enough() {
    let said = said(&[
        REGION,
        (ENDPOINT, &nowhere()),
        ("AWS_ACCESS_KEY_ID", "a key"),
        ("AWS_SECRET_ACCESS_KEY", "a secret"),
    ])
    .await;
    assert!(said.contains("connected to eu-central-1"), "{said}");
}
