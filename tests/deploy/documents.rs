//! Do the files around the chart speak of what is there? Values in the README, metrics on the dashboard and in alerts,
//! the toolchain in the image.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use roadstead::{
    announcer::metrics::Readings,
    metrics::Metrics,
    service::{intent::Traits, request::request},
};
use roadstead_arp::{Addresses, ArpProvider, PoolMetrics, pool::Pool};
use roadstead_aws::AwsMetrics;
use roadstead_core::{ClusterUid, Guarded, LoadBalancerId, LoadBalancerProvider as _, OwnerUid};
use roadstead_mock::{Cloud, MockProvider, NAME, Settings};
use roadstead_testbed::service;
use serde_json::Value;

use super::chart;

const DEADLINE: Duration = Duration::from_secs(10);

/// Metrics of which each was measured once: those that never were are not exposed.
async fn touched() -> Result<Metrics> {
    let metrics = Metrics::default();
    metrics.reconciled("ready", Duration::ZERO);
    metrics.address_after(NAME, Duration::ZERO);
    metrics.api_request("list", "services".to_owned(), 200);
    metrics.load_balancers([((NAME, "Programmed".to_owned()), 1)]);
    metrics.orphans(NAME, 0);
    metrics.orphan_released(NAME);
    metrics.add(|registry| registry.register_collector(Box::new(Readings::default())));
    let aws = AwsMetrics::default();
    metrics.add(|registry| aws.register(registry));
    aws.measure_each_once();
    let addresses = Arc::new(Addresses::new(Duration::ZERO));
    addresses.set_pools(vec![Pool::new("pool", &["192.0.2.0/24".parse()?])]);
    ArpProvider::new(ClusterUid::parse("cluster")?, Arc::clone(&addresses))
        .restore(&[])
        .await?;
    metrics.add(|registry| registry.register_collector(Box::new(PoolMetrics(addresses))));
    let settings = Settings {
        failures: "unavailable=1".parse().map_err(anyhow::Error::msg)?,
        ..Settings::default()
    };
    let id = LoadBalancerId {
        cluster: ClusterUid::parse("cluster")?,
        owner: OwnerUid::parse("owner")?,
    };
    let mock = MockProvider::new(Arc::new(Cloud::default()), id.cluster.clone(), settings);
    let want = request(id, &service("web").port(80).build(), &Traits::of(&mock))
        .map_err(|problems| anyhow!("asking for a load balancer: {problems:?}"))?;
    let guarded = Guarded::new(Arc::new(mock), DEADLINE, metrics.providers.clone());
    let failed = guarded.ensure(&want).await;
    ensure!(failed.is_err(), "a mock that always fails said {failed:?}");
    Ok(metrics)
}

/// The series that a process exposes, by the names that queries use, each with the name of its metric.
async fn series() -> Result<Vec<(String, String)>> {
    let text = touched().await?.render()?;
    let mut series = Vec::new();
    for line in text.lines() {
        let Some((metric, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => &[""],
        };
        let named = endings.iter().map(|ending| format!("{metric}{ending}"));
        series.extend(named.map(|name| (name, metric.to_owned())));
    }
    Ok(series)
}

/// The names of our series in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.split(|letter| !inside(letter))
        .filter(|word| word.starts_with("roadstead_"))
        .collect()
}

/// The paths of all values, as `controller.resync`.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value.as_object() {
        Some(map) if !map.is_empty() && !FREE.contains(&path) => {
            for (key, value) in map {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(value, &format!("{path}{dot}{key}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

/// Values whose inside is Kubernetes' business.
const FREE: [&str; 4] = [
    "controller.resources",
    "controller.nodeSelector",
    "announcer.resources",
    "announcer.nodeSelector",
];

#[tokio::test]
async fn the_dashboard_and_the_alerts_ask_for_metrics_that_exist() -> Result<()> {
    let series = series().await?;
    for file in ["dashboards/roadstead.json", "alerts.yaml"] {
        let text = chart::read(file)?;
        for name in names(&text) {
            assert!(
                series.iter().any(|(known, _)| known == name),
                "{file} asks for {name}, which is not among {series:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_metric_is_on_the_dashboard() -> Result<()> {
    let dashboard = chart::read("dashboards/roadstead.json")?;
    let shown = names(&dashboard);
    let series = series().await?;
    for (_, metric) in &series {
        let mut of_it = series.iter().filter(|(_, whose)| whose == metric);
        assert!(
            of_it.any(|(name, _)| shown.contains(&**name)),
            "{metric} is on no panel"
        );
    }
    Ok(())
}

#[test]
fn every_alert_says_what_to_do() -> Result<()> {
    let rules: Value = serde_yaml::from_str(&chart::read("alerts.yaml")?)?;
    let groups = rules["spec"]["groups"]
        .as_array()
        .context("reading the groups")?;
    let alerts: Vec<&Value> = groups
        .iter()
        .filter_map(|group| group["rules"].as_array())
        .flatten()
        .collect();
    assert!(alerts.len() >= 6, "{alerts:?}");
    for alert in alerts {
        for annotation in ["summary", "description", "runbook"] {
            assert!(
                alert["annotations"][annotation].is_string(),
                "{} lacks {annotation}",
                alert["alert"]
            );
        }
    }
    Ok(())
}

#[test]
fn the_readme_lists_every_value() -> Result<()> {
    let values: Value = serde_yaml::from_str(&chart::read("helm/roadstead/values.yaml")?)?;
    let readme = chart::read("README.md")?;
    let mut paths = Vec::new();
    leaves(&values, "", &mut paths);
    for path in paths {
        assert!(
            readme.contains(&format!("`{path}`")),
            "deploy/README.md does not list {path}"
        );
    }
    Ok(())
}

#[test]
fn the_image_is_built_by_the_pinned_toolchain() -> Result<()> {
    let toolchain = include_str!("../../rust-toolchain.toml");
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .context("reading the toolchain's channel")?
        .trim_matches('"');
    let dockerfile = chart::read("Dockerfile")?;
    let image = format!("rust:{channel}-");
    assert!(
        dockerfile.contains(&image),
        "deploy/Dockerfile builds with another image than {image}*"
    );
    Ok(())
}
