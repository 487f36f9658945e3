//! What would the controller do for this Service? Everything it reads is read, nothing is written.

use std::{collections::BTreeMap, io::Write, sync::Arc, time::Duration};

use clap::ValueEnum;
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use roadstead_core::{
    ClusterUid, ErrorKind, LoadBalancer, LoadBalancerProvider, Plan, ProviderName, Targets, chain,
};
use serde::Serialize;

mod reads;

use super::manifest;
use crate::{
    args::{Output, PlanArgs, ProviderArgs, ProviderKind},
    client,
    metrics::Metrics,
    providers::{self, Purpose},
    service::{
        class::{ClassError, Classes},
        intent::{self, Intent, Traits},
        nodes, request, status,
    },
};

/// How long a provider may take to plan.
const DEADLINE: Duration = Duration::from_secs(30);

/// There is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest cannot be read.
    #[error("reading {0}")]
    Read(String, #[source] std::io::Error),
    /// The manifest is no YAML.
    #[error("parsing {0}")]
    Parse(String, #[source] serde_yaml::Error),
    /// The manifest has no Service.
    #[error("{0} has no Service")]
    NoService(String),
    /// The classes contradict the providers.
    #[error(transparent)]
    Class(ClassError),
    /// The cluster cannot be reached.
    #[error(transparent)]
    Client(client::Error),
    /// The cluster did not answer a question.
    #[error("reading {0}")]
    Cluster(String, #[source] Box<kube::Error>),
    /// A provider cannot begin.
    #[error(transparent)]
    Provider(providers::Error),
    /// The provider has no plan.
    #[error("asking the {0} provider for a plan")]
    Plan(ProviderName, #[source] roadstead_core::Error),
    /// Standard output is gone.
    #[error("printing")]
    Print(#[source] std::io::Error),
    /// The answer could not be put into JSON.
    #[error("writing JSON")]
    Json(#[source] serde_json::Error),
}

/// What would happen.
#[derive(Debug, Serialize)]
struct Answer {
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'static str>,
    /// One sentence that comes before the steps.
    verdict: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// The controller's own steps and the provider's, in order.
    steps: Vec<String>,
}

/// Prints the plan; false if the request cannot be.
pub async fn run(args: PlanArgs, client: Client) -> Result<bool, Error> {
    let PlanArgs {
        service,
        filename,
        output,
        providers,
    } = args;
    let service = match (&filename, &service) {
        (Some(path), _) => {
            let service = manifest::from_file(path, client.default_namespace())?;
            manifest::as_applied(service, &client).await?
        }
        (None, Some(name)) => manifest::from_cluster(name, &client).await?,
        (None, None) => return Err(Error::NoService("the command line".to_owned())),
    };
    let planner = Planner::new(client, providers, &service).await?;
    let answer = planner.plan(&service).await?;
    let mut out = std::io::stdout().lock();
    match output {
        Output::Json => {
            let text = serde_json::to_string_pretty(&answer).map_err(Error::Json)?;
            writeln!(out, "{text}").map_err(Error::Print)?;
        }
        Output::Text => print(&answer, &mut out).map_err(Error::Print)?,
    }
    Ok(answer.problems.is_empty())
}

struct Planner {
    client: Client,
    cluster: ClusterUid,
    classes: Classes,
    /// The one that the Service is for, if it is for one.
    providers: Vec<Arc<dyn LoadBalancerProvider>>,
}

// === impl Planner ===

impl Planner {
    async fn new(client: Client, mut args: ProviderArgs, service: &Service) -> Result<Self, Error> {
        if args.providers.is_empty() {
            args.providers = ProviderKind::value_variants().to_vec();
        }
        let classes = Classes::new(
            &providers::names(&args),
            &args.classes,
            args.default_provider.as_deref(),
        );
        let classes = classes.map_err(Error::Class)?;
        let cluster = client::cluster_uid(&client).await.map_err(Error::Client)?;
        // Who is not asked need not be reachable from here either.
        let going = service.metadata.deletion_timestamp.is_some();
        let asked = classes.provider_of(service).filter(|_| !going);
        let metrics = Metrics::default();
        let providers = providers::start(
            &args,
            |name| Some(name) == asked,
            Purpose::Look,
            &cluster,
            DEADLINE,
            &metrics,
        );
        let started = providers.await.map_err(Error::Provider)?;
        #[cfg(feature = "arp")]
        if let Some(addresses) = &started.addresses {
            reads::tell(addresses, &client, &args.arp.pools.arp_pools).await?;
        }
        Ok(Self {
            client,
            cluster,
            classes,
            providers: started.providers,
        })
    }

    async fn plan(&self, service: &Service) -> Result<Answer, Error> {
        let traits: Vec<Traits> = self
            .providers
            .iter()
            .map(|provider| Traits::of(&**provider))
            .collect();
        let mut answer = Answer::about(service);
        match intent::intent(service, &self.cluster, &self.classes, &traits, None) {
            Intent::Ignore => {
                let classes: Vec<&str> = self.classes.iter().map(|(class, _)| class).collect();
                answer.verdict = format!(
                    "is none of our business: it is of another type, or its spec.loadBalancerClass is none of {}",
                    classes.join(", ")
                );
            }
            Intent::Withdraw => {
                answer.verdict = String::from("is no load balancer any more");
                answer.steps = vec!["change status: withdraw our conditions".to_owned()];
            }
            Intent::Release { provider, .. } => {
                answer.provider = Some(provider.as_str());
                answer.verdict = String::from("gives its load balancer back");
                answer.steps = vec![
                    "change status: no address".to_owned(),
                    "delete everything the provider holds for it".to_owned(),
                    format!("delete finalizer {}", intent::finalizer(provider)),
                ];
            }
            Intent::Reject { provider, problems } => {
                answer.provider = Some(provider.as_str());
                answer.reject(problems);
            }
            Intent::Ensure { provider, want } => {
                answer.provider = Some(provider.as_str());
                if let Some(provider) = self.providers.iter().find(|p| p.name() == provider) {
                    self.ensure(service, &**provider, *want, &mut answer)
                        .await?;
                }
            }
        }
        Ok(answer)
    }

    async fn ensure(
        &self,
        service: &Service,
        provider: &dyn LoadBalancerProvider,
        mut want: LoadBalancer,
        answer: &mut Answer,
    ) -> Result<(), Error> {
        let name = provider.name();
        let typos = intent::typos(service, provider.vocabulary());
        answer
            .warnings
            .extend(typos.iter().map(ToString::to_string));
        let kind = provider.target_kind(&want);
        want.targets = self.targets(service, provider, kind, answer).await?;
        want.published = status::addresses(service);
        if want.targets == Targets::Keep {
            answer.warnings.push(nodes::NO_NODES.to_owned());
        }
        // A manifest has no node ports before it is applied: the API server chooses them.
        let applied = service.metadata.resource_version.is_some();
        let problems = request::unreachable_ports(&want, kind);
        if applied && !problems.is_empty() {
            answer.reject(problems.iter().map(ToString::to_string).collect());
            return Ok(());
        }
        let namespaces = self.namespaces(provider, answer).await?;
        want.labels.namespace = namespaces.of(&want.service.namespace);
        let traits = Traits::of(provider);
        let published = self
            .published(service, &traits, &namespaces, answer)
            .await?;
        provider
            .restore(&published)
            .await
            .map_err(|error| Error::Plan(name, error))?;
        match provider.plan(&want).await {
            Ok(plan) => answer.accept(service, provider, &plan),
            Err(error) if error.kind() == ErrorKind::InvalidSpec => {
                answer.reject(vec![chain(&error).to_string()]);
            }
            Err(error) => return Err(Error::Plan(name, error)),
        }
        Ok(())
    }
}

// === impl Answer ===

impl Answer {
    fn about(service: &Service) -> Self {
        Self {
            service: request::name_of(service).to_string(),
            provider: None,
            verdict: String::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn accept(&mut self, service: &Service, provider: &dyn LoadBalancerProvider, plan: &Plan) {
        let name = provider.name();
        if provider.outlives_service() && !intent::has_finalizer(service, name) {
            self.steps
                .push(format!("create finalizer {}", intent::finalizer(name)));
        }
        self.steps
            .extend(plan.steps.iter().map(ToString::to_string));
        self.warnings.extend(plan.notes.iter().cloned());
        if status::addresses(service).is_empty() {
            self.steps
                .push("change status: write the address".to_owned());
        }
        self.verdict = String::from(if self.steps.is_empty() {
            "is as asked; nothing to do"
        } else {
            "would be brought to what it asks for"
        });
    }

    fn reject(&mut self, problems: Vec<String>) {
        self.verdict = String::from("cannot be: nothing would be changed");
        self.problems = problems;
    }
}

pub(super) fn cluster(what: &str, error: kube::Error) -> Error {
    Error::Cluster(what.to_owned(), Box::new(error))
}

fn print(answer: &Answer, out: &mut impl Write) -> std::io::Result<()> {
    let by = answer
        .provider
        .map(|provider| format!(" (by {provider})"))
        .unwrap_or_default();
    writeln!(out, "Service {} {}{by}", answer.service, answer.verdict)?;
    for problem in &answer.problems {
        writeln!(out, "  problem: {problem}")?;
    }
    for warning in &answer.warnings {
        writeln!(out, "  warning: {warning}")?;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, step) in answer.steps.iter().enumerate() {
        writeln!(out, "{:>3}. {step}", n + 1)?;
        *counts
            .entry(step.split_whitespace().next().unwrap_or_default())
            .or_default() += 1;
    }
    if !counts.is_empty() {
        let counts: Vec<String> = counts
            .iter()
            .map(|(action, n)| format!("{n} to {action}"))
            .collect();
        writeln!(out, "{}. Nothing was done.", counts.join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_as_a_list_of_steps() {
        let answer = Answer {
            service: "shop/web".to_owned(),
            provider: Some("mock"),
            verdict: "would be brought to what it asks for".to_owned(),
            problems: Vec::new(),
            warnings: vec!["unknown annotation roadstead.dev/x; it has no effect".to_owned()],
            steps: vec![
                "create finalizer f".to_owned(),
                "create listener 80/TCP".to_owned(),
                "change status: write the address".to_owned(),
            ],
        };
        let mut out = Vec::new();
        print(&answer, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
