//! What is to be done about a Service? The one decision, from the object and what is remembered of it. Pure.

use k8s_openapi::api::core::v1::Service;
use roadstead_core::{
    ClusterUid, LoadBalancer, LoadBalancerId, LoadBalancerProvider, Problem, ProviderName,
    Published, Typo, Vocabulary,
};

use super::{annotations, class::Classes, conditions::Kind, request, status};

/// The end of our finalizers: `<provider>.roadstead.dev/load-balancer`.
const FINALIZER_END: &str = ".roadstead.dev/load-balancer";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// It is none of our business.
    Ignore,
    /// It is no longer a load balancer and holds none; only our conditions are left to take away.
    Withdraw,
    /// It wants a load balancer.
    Ensure {
        /// From whom.
        provider: ProviderName,
        /// What; its targets are still to be filled in.
        want: Box<LoadBalancer>,
    },
    /// It wants a load balancer that cannot be.
    Reject {
        /// From whom.
        provider: ProviderName,
        /// Why not; never empty.
        problems: Vec<String>,
    },
    /// It had a load balancer that must go.
    Release {
        /// Who made it.
        provider: ProviderName,
        /// Which.
        id: LoadBalancerId,
        /// Why it must go.
        why: Why,
    },
}

/// Why a load balancer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The Service is being deleted.
    Deleted,
    /// The Service is of another type now.
    TypeChanged,
    /// The Service asks for another class now.
    ClassChanged,
}

/// What is known of a provider without asking it.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    /// Its name.
    pub name: ProviderName,
    /// The annotations it understands.
    pub vocabulary: Vocabulary,
    /// Whether it reads labels.
    pub reads_labels: bool,
}

impl Traits {
    /// What `provider` is known for.
    #[must_use]
    pub fn of(provider: &dyn LoadBalancerProvider) -> Self {
        Self {
            name: provider.name(),
            vocabulary: provider.vocabulary(),
            reads_labels: provider.reads_labels(),
        }
    }
}

/// The finalizer of a provider.
#[must_use]
pub fn finalizer(provider: ProviderName) -> String {
    format!("{provider}{FINALIZER_END}")
}

/// True if `service` carries the finalizer of `provider`.
#[must_use]
pub fn has_finalizer(service: &Service, provider: ProviderName) -> bool {
    let finalizer = finalizer(provider);
    finalizers(service).any(|there| there == finalizer)
}

/// Decides about `service`; `held` is the provider that this process made a load balancer with, if it remembers one.
#[must_use]
pub fn intent(
    service: &Service,
    cluster: &ClusterUid,
    classes: &Classes,
    traits: &[Traits],
    held: Option<ProviderName>,
) -> Intent {
    let Some(id) = request::id_of(cluster, service) else {
        return Intent::Ignore;
    };
    let deleting = service.metadata.deletion_timestamp.is_some();
    let wanted = classes.provider_of(service).filter(|_| !deleting);
    let holder = classes.providers().iter().copied().find(|provider| {
        Some(*provider) != wanted && (has_finalizer(service, *provider) || held == Some(*provider))
    });
    if let Some(provider) = holder {
        let why = match (deleting, is_load_balancer(service)) {
            (true, _) => Why::Deleted,
            (false, true) => Why::ClassChanged,
            (false, false) => Why::TypeChanged,
        };
        return Intent::Release { provider, id, why };
    }
    match traits.iter().find(|traits| Some(traits.name) == wanted) {
        Some(traits) => match request::request(id, service, traits) {
            Ok(want) => Intent::Ensure {
                provider: traits.name,
                want: Box::new(want),
            },
            Err(problems) => Intent::Reject {
                provider: traits.name,
                problems: problems.iter().map(Problem::to_string).collect(),
            },
        },
        None if left_behind(service) => Intent::Withdraw,
        None => Intent::Ignore,
    }
}

/// What `service` carries of the provider's of these `traits`, before anybody asked it for anything; `None` if nothing.
#[must_use]
pub fn published(
    service: &Service,
    cluster: &ClusterUid,
    classes: &Classes,
    traits: &Traits,
) -> Option<Published> {
    let provider = traits.name;
    let theirs = classes.provider_of(service) == Some(provider) || has_finalizer(service, provider);
    let addresses = status::addresses(service);
    if !theirs || addresses.is_empty() {
        return None;
    }
    let id = request::id_of(cluster, service)?;
    let want = request::request(id.clone(), service, traits).ok();
    Some(Published {
        id,
        service: request::name_of(service),
        addresses,
        want: want.map(Box::new),
    })
}

/// The annotations of `service` that are typos.
#[must_use]
pub fn typos(service: &Service, vocabulary: Vocabulary) -> Vec<Typo> {
    let annotations = service.metadata.annotations.as_ref();
    annotations
        .map(|written| annotations::typos(written, vocabulary))
        .unwrap_or_default()
}

fn is_load_balancer(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer")
}

/// Our conditions on something that is no load balancer any more, and that no provider of ours, here or in another
/// process, still has to clean up.
fn left_behind(service: &Service) -> bool {
    !is_load_balancer(service)
        && service.metadata.deletion_timestamp.is_none()
        && !finalizers(service).any(|finalizer| finalizer.ends_with(FINALIZER_END))
        && [Kind::Accepted, Kind::Programmed]
            .iter()
            .any(|kind| status::condition(service, *kind).is_some())
}

fn finalizers(service: &Service) -> impl Iterator<Item = &str> {
    service
        .metadata
        .finalizers
        .iter()
        .flatten()
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOCK: ProviderName = ProviderName::new("mock");
    const ARP: ProviderName = ProviderName::new("arp");
    const NONE: Vocabulary = Vocabulary {
        prefixes: &[],
        keys: &[],
        families: &[],
    };

    fn decide(yaml: &str, held: Option<ProviderName>) -> String {
        let service: Service = serde_yaml::from_str(yaml).unwrap();
        let traits = [MOCK, ARP].map(|name| Traits {
            name,
            vocabulary: NONE,
            reads_labels: false,
        });
        let classes = Classes::new(&[MOCK, ARP], &[], None).unwrap();
        let cluster = ClusterUid::parse("c").unwrap();
        match intent(&service, &cluster, &classes, &traits, held) {
            Intent::Ignore => "ignore".to_owned(),
            Intent::Withdraw => "withdraw".to_owned(),
            Intent::Ensure { provider, want } => {
                format!("ensure {provider} {} ports", want.ports.len())
            }
            Intent::Reject { provider, problems } => format!("reject {provider} {problems:?}"),
            Intent::Release { provider, id, why } => format!("release {provider} {id} {why:?}"),
        }
    }

    #[test]
    fn one_decision_for_every_state() {
        let meta = |more: &str| format!("metadata: {{name: a, namespace: b, uid: u{more}}}\n");
        let spec = |type_: &str, class: &str| {
            format!(
                "spec: {{type: {type_}, loadBalancerClass: {class}, ports: [{{port: 80, nodePort: 30080}}]}}\n"
            )
        };
        let ours = spec("LoadBalancer", "roadstead.dev/mock");
        let finalized = ", finalizers: [other, mock.roadstead.dev/load-balancer]";
        let deleting = ", deletionTimestamp: '2026-01-01T00:00:00Z'";
        let said = "status: {conditions: [{type: roadstead.dev/Accepted, status: 'True', reason: A, message: m, lastTransitionTime: '2026-01-01T00:00:00Z'}]}";
        let table = [
            ("new", meta("") + &ours, None, "ensure mock 1 ports"),
            (
                "finalized",
                meta(finalized) + &ours,
                None,
                "ensure mock 1 ports",
            ),
            (
                "deleting",
                meta(&format!("{finalized}{deleting}")) + &ours,
                None,
                "release mock c/u Deleted",
            ),
            (
                "deleting, nothing of ours",
                meta(&format!(", finalizers: [x]{deleting}")) + &ours,
                None,
                "ignore",
            ),
            (
                "another type",
                meta(finalized) + &spec("ClusterIP", "null"),
                None,
                "release mock c/u TypeChanged",
            ),
            (
                "another class",
                meta(finalized) + &spec("LoadBalancer", "x/y"),
                None,
                "release mock c/u ClassChanged",
            ),
            (
                "another provider",
                meta(finalized) + &spec("LoadBalancer", "roadstead.dev/arp"),
                None,
                "release mock c/u ClassChanged",
            ),
            (
                "held in memory only",
                meta("") + &spec("ClusterIP", "null"),
                Some(ARP),
                "release arp c/u TypeChanged",
            ),
            (
                "left behind",
                meta("") + &spec("ClusterIP", "null") + said,
                None,
                "withdraw",
            ),
            (
                "left to another process",
                meta(", finalizers: [aws.roadstead.dev/load-balancer]")
                    + &spec("ClusterIP", "null")
                    + said,
                None,
                "ignore",
            ),
            (
                "class of another process",
                meta("") + &spec("LoadBalancer", "roadstead.dev/aws") + said,
                None,
                "ignore",
            ),
            (
                "no ports",
                meta("") + "spec: {type: LoadBalancer, loadBalancerClass: roadstead.dev/mock}",
                None,
                "reject mock [\"spec.ports: is empty; a load balancer needs a port\"]",
            ),
            (
                "never stored",
                "metadata: {name: a}\n".to_owned() + &ours,
                None,
                "ignore",
            ),
        ];
        for (name, yaml, held, expected) in table {
            assert_eq!(decide(&yaml, held), expected, "{name}");
        }
    }
}
