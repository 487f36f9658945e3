//! How do the Services of ours fare? A table read off the cluster alone: no controller is asked.

use std::{collections::BTreeMap, io::Write, pin::pin};

use futures::StreamExt;
use k8s_openapi::{
    api::core::v1::Service, apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::ListParams,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use serde::Serialize;

use crate::{
    args::{Output, StatusArgs},
    service::{class::PREFIX, conditions::Kind, request, status},
};

/// One Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// `namespace/name`.
    pub service: String,
    /// Who made, or is to make, its load balancer.
    pub provider: String,
    /// Where clients reach it.
    pub address: String,
    /// Accepted: `True`, `False`, or `-`.
    pub accepted: String,
    /// Programmed, with the reason where it does not hold.
    pub programmed: String,
    /// What is said of its targets.
    pub healthy: String,
    /// How long it exists.
    pub age: String,
    /// What is wrong, or what is waited for; empty if nothing.
    pub message: String,
}

/// The Services cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not answer.
    #[error("listing Services")]
    List(#[source] Box<kube::Error>),
    /// Standard output is gone.
    #[error("printing")]
    Print(#[source] std::io::Error),
    /// The rows could not be put into JSON.
    #[error("writing JSON")]
    Json(#[source] serde_json::Error),
}

/// The provider that a class or a finalizer names, for a table that knows no flags.
fn provider(service: &Service) -> Option<String> {
    let finalizers = service.metadata.finalizers.iter().flatten();
    let named =
        finalizers.filter_map(|finalizer| finalizer.strip_suffix(".roadstead.dev/load-balancer"));
    let class = service
        .spec
        .as_ref()
        .and_then(|spec| spec.load_balancer_class.as_deref());
    let classed = class
        .and_then(|class| class.strip_prefix(PREFIX))
        .filter(|_| {
            let spec = service.spec.as_ref();
            spec.and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer")
        });
    named
        .map(str::to_owned)
        .next()
        .or_else(|| classed.map(str::to_owned))
        .or_else(|| {
            let ours = status::condition(service, Kind::Accepted)?;
            // Neither ours by name nor held by a finalizer: a mapped class of a provider that needs none.
            let words: Vec<&str> = ours.message.split_whitespace().collect();
            words.windows(2).find_map(|pair| match pair {
                ["the", name] => Some((*name).to_owned()),
                _ => None,
            })
        })
}

/// The rows of those among `services` that are ours, by name.
pub fn rows<'s>(services: impl IntoIterator<Item = &'s Service>) -> Vec<Row> {
    let now = Timestamp::now();
    let mut rows: Vec<Row> = services
        .into_iter()
        .filter_map(|service| row(service, now))
        .collect();
    rows.sort_by(|a, b| a.service.cmp(&b.service));
    rows
}

fn row(service: &Service, now: Timestamp) -> Option<Row> {
    let provider = provider(service)?;
    let [accepted, programmed, healthy] = Kind::ALL.map(|kind| status::condition(service, kind));
    let addresses: Vec<String> = status::addresses(service)
        .iter()
        .map(ToString::to_string)
        .collect();
    let holds = |condition: Option<&Condition>| {
        condition.map_or_else(|| "-".to_owned(), |c| c.status.clone())
    };
    Some(Row {
        service: request::name_of(service).to_string(),
        provider,
        address: if addresses.is_empty() {
            "<pending>".to_owned()
        } else {
            addresses.join(",")
        },
        accepted: holds(accepted),
        programmed: match programmed {
            Some(condition) if condition.status != "True" => {
                format!("{} ({})", condition.status, condition.reason)
            }
            other => holds(other),
        },
        healthy: healthy.map_or_else(|| "-".to_owned(), |condition| condition.message.clone()),
        age: age(service, now),
        message: message(service, accepted, programmed),
    })
}

/// The first thing that does not hold, in the order in which it must come to hold.
fn message(
    service: &Service,
    accepted: Option<&Condition>,
    programmed: Option<&Condition>,
) -> String {
    let deleting = service.metadata.deletion_timestamp.is_some();
    for condition in [accepted, programmed].into_iter().flatten() {
        let remark = condition.message.split_once("; ").map(|(_, remark)| remark);
        match (condition.status.as_str(), remark) {
            ("True", None) => {}
            ("True", Some(remark)) => return remark.to_owned(),
            _ => return condition.message.clone(),
        }
    }
    match (accepted, deleting) {
        (_, true) => "being deleted".to_owned(),
        (None, false) => {
            "no controller has taken it yet; does roadstead controller run with this provider?"
                .to_owned()
        }
        (Some(_), false) => String::new(),
    }
}

fn age(service: &Service, now: Timestamp) -> String {
    let Some(created) = &service.metadata.creation_timestamp else {
        return "-".to_owned();
    };
    let seconds = now.duration_since(created.0).as_secs().max(0);
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7_199 => format!("{}m", seconds / 60),
        7_200..=172_799 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

// === impl Row ===

impl Row {
    /// True if nothing is wrong and nothing is waited for.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.accepted == "True" && self.programmed == "True" && self.message.is_empty()
    }

    fn cells(&self) -> [&str; 8] {
        [
            &self.service,
            &self.provider,
            &self.address,
            &self.accepted,
            &self.programmed,
            &self.healthy,
            &self.age,
            &self.message,
        ]
    }
}

/// Prints the table, and with `--watch` what changes afterwards.
pub async fn run(args: StatusArgs, client: Client) -> Result<(), Error> {
    let StatusArgs {
        namespace,
        output,
        watch,
    } = args;
    let api: Api<Service> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut out = std::io::stdout().lock();
    if watch {
        return follow(api, output, &mut out).await;
    }
    let services = api
        .list(&ListParams::default())
        .await
        .map_err(|error| Error::List(Box::new(error)))?;
    let rows = rows(&services.items);
    match output {
        Output::Json => print_json(&rows, &mut out),
        Output::Text => print_table(&rows, true, &mut out),
    }
}

async fn follow(api: Api<Service>, output: Output, out: &mut impl Write) -> Result<(), Error> {
    let mut shown: BTreeMap<String, Row> = BTreeMap::new();
    let mut header = true;
    let mut changes = pin!(watcher(api, watcher::Config::default()).default_backoff());
    while let Some(change) = changes.next().await {
        let service = match change {
            Ok(watcher::Event::Apply(service) | watcher::Event::InitApply(service)) => service,
            Ok(watcher::Event::Delete(service)) => {
                if let Some(mut gone) = shown.remove(&request::name_of(&service).to_string()) {
                    gone.message = String::from("deleted");
                    print(&gone, output, &mut header, out)?;
                }
                continue;
            }
            Ok(watcher::Event::Init | watcher::Event::InitDone) => continue,
            Err(error) => {
                tracing::warn!(
                    error = crate::explain::explain(&error),
                    "watching Services failed; trying again"
                );
                continue;
            }
        };
        let Some(row) = row(&service, Timestamp::now()) else {
            continue;
        };
        let same = |before: &Row| {
            Row {
                age: String::new(),
                ..before.clone()
            } == Row {
                age: String::new(),
                ..row.clone()
            }
        };
        if !shown.get(&row.service).is_some_and(same) {
            print(&row, output, &mut header, out)?;
            shown.insert(row.service.clone(), row);
        }
    }
    Ok(())
}

fn print(row: &Row, output: Output, header: &mut bool, out: &mut impl Write) -> Result<(), Error> {
    match output {
        Output::Json => {
            let line = serde_json::to_string(row).map_err(Error::Json)?;
            writeln!(out, "{line}").map_err(Error::Print)
        }
        Output::Text => print_table(std::slice::from_ref(row), std::mem::take(header), out),
    }
}

fn print_json(rows: &[Row], out: &mut impl Write) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(rows).map_err(Error::Json)?;
    writeln!(out, "{text}").map_err(Error::Print)
}

const HEADER: [&str; 8] = [
    "SERVICE",
    "PROVIDER",
    "ADDRESS",
    "ACCEPTED",
    "PROGRAMMED",
    "HEALTHY",
    "AGE",
    "MESSAGE",
];

fn print_table(rows: &[Row], header: bool, out: &mut impl Write) -> Result<(), Error> {
    if rows.is_empty() {
        return writeln!(out, "No Service asks for a load balancer of ours: set spec.loadBalancerClass to roadstead.dev/PROVIDER.")
            .map_err(Error::Print);
    }
    let mut lines: Vec<[&str; 8]> = Vec::new();
    if header {
        lines.push(HEADER);
    }
    lines.extend(rows.iter().map(Row::cells));
    // Columns as wide as a first page needs, also when rows come one by one.
    let least = [24, 8, 16, 8, 12, 12, 4, 0];
    let widths: Vec<usize> = least
        .iter()
        .enumerate()
        .map(|(n, least)| {
            lines
                .iter()
                .filter_map(|line| line.get(n))
                .map(|cell| cell.len())
                .max()
                .unwrap_or(0)
                .max(*least)
        })
        .collect();
    for line in lines {
        let padded: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", padded.join("  ").trim_end()).map_err(Error::Print)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(yaml: &str) -> Service {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn the_table_says_what_is_wrong_and_what_is_waited_for() {
        let time = "lastTransitionTime: '2026-01-01T00:00:00Z'";
        let services = [
            service(&format!("
metadata: {{name: web, namespace: shop}}
spec: {{type: LoadBalancer, loadBalancerClass: roadstead.dev/mock}}
status:
  loadBalancer: {{ingress: [{{ip: 192.0.2.1}}]}}
  conditions:
  - {{type: roadstead.dev/Accepted, status: 'True', reason: Accepted, message: taken by the mock provider, {time}}}
  - {{type: roadstead.dev/Programmed, status: 'True', reason: Programmed, message: serving at 192.0.2.1, {time}}}
  - {{type: roadstead.dev/Healthy, status: 'True', reason: Healthy, message: 3/3 healthy, {time}}}")),
            service(&format!("
metadata: {{name: full, namespace: shop}}
spec: {{type: LoadBalancer, loadBalancerClass: other.io/x}}
status:
  conditions:
  - {{type: roadstead.dev/Accepted, status: 'True', reason: Accepted, message: taken by the arp provider, {time}}}
  - {{type: roadstead.dev/Programmed, status: 'False', reason: Quota, message: no IPv4 address is free, {time}}}")),
            service("{metadata: {name: new, namespace: shop}, spec: {type: LoadBalancer, loadBalancerClass: roadstead.dev/mock}}"),
            service("{metadata: {name: foreign, namespace: shop}, spec: {type: LoadBalancer}}"),
            service("{metadata: {name: plain, namespace: shop}, spec: {type: ClusterIP}}"),
        ];
        let mut out = Vec::new();
        print_table(&rows(&services), true, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
