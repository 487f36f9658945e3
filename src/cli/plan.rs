//! What would the controller do for this Service? Everything it reads is read, nothing is written.

use std::{collections::BTreeMap, io::Write, path::Path, sync::Arc, time::Duration};

use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use kube::{Api, Client, ResourceExt, api::ListParams};
use roadstead_core::{
    ClusterUid, LoadBalancer, LoadBalancerProvider, Plan, ProviderMetrics, ProviderName, Published,
    Target, TargetKind, Targets, chain,
};
use serde::{Deserialize, Serialize};

use crate::{
    args::{Output, PlanArgs, ProviderArgs},
    client, providers,
    service::{
        class::{ClassError, Classes},
        endpoints,
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
        (Some(path), _) => from_manifest(path, client.default_namespace())?,
        (None, Some(name)) => from_cluster(name, &client).await?,
        (None, None) => return Err(Error::NoService("the command line".to_owned())),
    };
    let planner = Planner::new(&client, &providers).await?;
    let answer = planner.plan(&client, &service).await?;
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
    cluster: ClusterUid,
    classes: Classes,
    providers: Vec<Arc<dyn LoadBalancerProvider>>,
}

// === impl Planner ===

impl Planner {
    async fn new(client: &Client, args: &ProviderArgs) -> Result<Self, Error> {
        let classes = Classes::new(
            &providers::names(args),
            &args.classes,
            args.default_provider.as_deref(),
        );
        let classes = classes.map_err(Error::Class)?;
        let cluster = client::cluster_uid(client).await.map_err(Error::Client)?;
        let metrics = ProviderMetrics::default();
        let providers =
            providers::start(args, &cluster, DEADLINE, &metrics).map_err(Error::Provider)?;
        Ok(Self {
            cluster,
            classes,
            providers,
        })
    }

    async fn plan(&self, client: &Client, service: &Service) -> Result<Answer, Error> {
        let traits: Vec<Traits> = self
            .providers
            .iter()
            .map(|provider| Traits {
                name: provider.name(),
                vocabulary: provider.vocabulary(),
                outlives_service: provider.outlives_service(),
            })
            .collect();
        let mut answer = Answer {
            service: request::name_of(service).to_string(),
            provider: None,
            verdict: String::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            steps: Vec::new(),
        };
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
                reject(&mut answer, problems);
            }
            Intent::Ensure { provider, want } => {
                answer.provider = Some(provider.as_str());
                if let Some(provider) = self.providers.iter().find(|p| p.name() == provider) {
                    self.ensure(client, service, &**provider, *want, &mut answer)
                        .await?;
                }
            }
        }
        Ok(answer)
    }

    async fn ensure(
        &self,
        client: &Client,
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
        want.targets = targets(client, service, provider, kind).await?;
        if want.targets == Targets::Keep {
            answer.warnings.push(
                "no node is eligible to receive traffic; the targets stay as they are".to_owned(),
            );
        }
        // A manifest has no node ports before it is applied: the API server chooses them.
        let applied = service.metadata.resource_version.is_some();
        let problems = request::unreachable_ports(&want, kind);
        if applied && !problems.is_empty() {
            reject(answer, problems.iter().map(ToString::to_string).collect());
            return Ok(());
        }
        provider
            .restore(&self.published(client, name).await?)
            .await
            .map_err(|error| Error::Plan(name, error))?;
        let plan = match provider.plan(&want).await {
            Ok(plan) => plan,
            Err(error) if error.kind() == roadstead_core::ErrorKind::InvalidSpec => {
                reject(answer, vec![chain(&error).to_string()]);
                return Ok(());
            }
            Err(error) => return Err(Error::Plan(name, error)),
        };
        accept(answer, service, provider, &plan);
        Ok(())
    }

    async fn published(
        &self,
        client: &Client,
        provider: ProviderName,
    ) -> Result<Vec<Published>, Error> {
        let services: Api<Service> = Api::all(client.clone());
        let services = services
            .list(&ListParams::default())
            .await
            .map_err(|error| cluster("Services", error))?;
        let published = services.items.iter().filter_map(|service| {
            let theirs = self.classes.provider_of(service) == Some(provider)
                || intent::has_finalizer(service, provider);
            let addresses = status::addresses(service);
            (theirs && !addresses.is_empty()).then_some(())?;
            Some(Published {
                id: request::id_of(&self.cluster, service)?,
                service: request::name_of(service),
                addresses,
            })
        });
        Ok(published.collect())
    }
}

fn accept(
    answer: &mut Answer,
    service: &Service,
    provider: &dyn LoadBalancerProvider,
    plan: &Plan,
) {
    let name = provider.name();
    let finalized = !provider.outlives_service() || intent::has_finalizer(service, name);
    let addressed = !status::addresses(service).is_empty();
    if !finalized {
        answer
            .steps
            .push(format!("create finalizer {}", intent::finalizer(name)));
    }
    answer
        .steps
        .extend(plan.steps.iter().map(ToString::to_string));
    if !addressed {
        answer
            .steps
            .push("change status: write the address".to_owned());
    }
    answer.verdict = String::from(if answer.steps.is_empty() {
        "is as asked; nothing to do"
    } else {
        "would be brought to what it asks for"
    });
}

fn reject(answer: &mut Answer, problems: Vec<String>) {
    answer.verdict = String::from("cannot be: nothing would be changed");
    answer.problems = problems;
}

async fn targets(
    client: &Client,
    service: &Service,
    provider: &dyn LoadBalancerProvider,
    kind: TargetKind,
) -> Result<Targets, Error> {
    let targets: Vec<Target> = match kind {
        TargetKind::Nodes => {
            let nodes: Api<Node> = Api::all(client.clone());
            let nodes = nodes
                .list(&ListParams::default())
                .await
                .map_err(|error| cluster("nodes", error))?;
            let needs_id = provider.needs_provider_ids();
            let mut targets: Vec<Target> = nodes
                .items
                .iter()
                .filter_map(|node| nodes::target(node, needs_id).ok())
                .collect();
            targets.sort();
            if targets.is_empty() {
                return Ok(Targets::Keep);
            }
            targets
        }
        TargetKind::Endpoints => {
            let namespace = service
                .namespace()
                .unwrap_or_else(|| client.default_namespace().to_owned());
            let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), &namespace);
            let of_service = ListParams::default().labels(&format!(
                "{}={}",
                endpoints::SERVICE_LABEL,
                service.name_any()
            ));
            let slices = slices
                .list(&of_service)
                .await
                .map_err(|error| cluster("EndpointSlices", error))?;
            endpoints::targets(&slices.items)
        }
    };
    Ok(Targets::Exactly(targets.into()))
}

fn cluster(what: &str, error: kube::Error) -> Error {
    Error::Cluster(what.to_owned(), Box::new(error))
}

async fn from_cluster(name: &str, client: &Client) -> Result<Service, Error> {
    let (namespace, name) = name
        .split_once('/')
        .unwrap_or_else(|| (client.default_namespace(), name));
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    services
        .get(name)
        .await
        .map_err(|error| cluster(&format!("Service {namespace}/{name}"), error))
}

/// The first Service of a manifest, as the API server would have it: with a uid that no Service has.
fn from_manifest(path: &Path, default_namespace: &str) -> Result<Service, Error> {
    let shown = path.display().to_string();
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| Error::Read(shown.clone(), error))?;
    parse_manifest(&text, &shown, default_namespace)
}

fn parse_manifest(text: &str, shown: &str, default_namespace: &str) -> Result<Service, Error> {
    for document in serde_yaml::Deserializer::from_str(text) {
        let parsed = |error| Error::Parse(shown.to_owned(), error);
        let value = serde_yaml::Value::deserialize(document).map_err(parsed)?;
        if value.get("kind").and_then(serde_yaml::Value::as_str) != Some("Service") {
            continue;
        }
        let mut service: Service = serde_yaml::from_value(value).map_err(parsed)?;
        service
            .metadata
            .uid
            .get_or_insert_with(|| "not-created-yet".to_owned());
        service
            .metadata
            .namespace
            .get_or_insert_with(|| default_namespace.to_owned());
        return Ok(service);
    }
    Err(Error::NoService(shown.to_owned()))
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
    fn a_manifest_is_read_up_to_its_service() {
        let text = "kind: Namespace\nmetadata: {name: a}\n---\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer}\n";
        let service = parse_manifest(text, "x.yaml", "default").unwrap();
        assert_eq!(
            (service.name_any(), service.namespace()),
            ("web".to_owned(), Some("default".to_owned()))
        );
        let error = parse_manifest("kind: Pod\n", "x.yaml", "default").unwrap_err();
        assert_eq!(error.to_string(), "x.yaml has no Service");
        assert!(matches!(
            parse_manifest("a: [", "x.yaml", "d"),
            Err(Error::Parse(..))
        ));
    }

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
