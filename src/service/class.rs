//! Which provider does a Service belong to? Its class alone decides. Pure.

use std::{collections::BTreeMap, str::FromStr};

use k8s_openapi::api::core::v1::Service;
use roadstead_core::ProviderName;

/// The classes that this controller answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    providers: Vec<ProviderName>,
    mapped: BTreeMap<String, ProviderName>,
    default: Option<ProviderName>,
}

/// A `NAME=PROVIDER` of `--class`, the provider's name unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassMapping {
    /// The value of `spec.loadBalancerClass`.
    pub class: String,
    /// The provider it chooses.
    pub provider: String,
}

/// Classes that contradict the providers that run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassError {
    /// Not of the form `NAME=PROVIDER`.
    #[error("{0:?} is no class mapping; write NAME=PROVIDER, for example service.k8s.aws/nlb=aws")]
    Malformed(String),
    /// The API server refuses such a class, so no Service can carry it.
    #[error(
        "{0:?} cannot be a load balancer class; one is made of letters, digits and -_. and may have a prefix, for example example.com/internal"
    )]
    NotAClass(String),
    /// It names a provider that does not run.
    #[error(
        "{class:?} is mapped to the provider {provider:?}, which does not run; add --provider {provider}"
    )]
    NotRunning {
        /// The class, or the flag that names the provider.
        class: String,
        /// The provider.
        provider: String,
    },
}

/// The prefix of the classes and of everything else that is ours.
pub const PREFIX: &str = "roadstead.dev/";

// === impl ClassMapping ===

impl FromStr for ClassMapping {
    type Err = ClassError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((class, provider)) if !class.is_empty() && !provider.is_empty() => {
                let legal = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
                if class.chars().all(legal) {
                    Ok(Self {
                        class: class.to_owned(),
                        provider: provider.to_owned(),
                    })
                } else {
                    Err(ClassError::NotAClass(class.to_owned()))
                }
            }
            _ => Err(ClassError::Malformed(text.to_owned())),
        }
    }
}

// === impl Classes ===

impl Classes {
    /// The class `roadstead.dev/<provider>` of each of `providers`, the mapped ones, and the default provider's Services
    /// without a class.
    pub fn new(
        providers: &[ProviderName],
        mappings: &[ClassMapping],
        default: Option<&str>,
    ) -> Result<Self, ClassError> {
        let running = |class: &str, provider: &str| {
            let found = providers
                .iter()
                .find(|name| name.as_str() == provider)
                .copied();
            found.ok_or_else(|| ClassError::NotRunning {
                class: class.to_owned(),
                provider: provider.to_owned(),
            })
        };
        let mut mapped: BTreeMap<String, ProviderName> = providers
            .iter()
            .map(|provider| (format!("{PREFIX}{provider}"), *provider))
            .collect();
        for ClassMapping { class, provider } in mappings {
            mapped.insert(class.clone(), running(class, provider)?);
        }
        Ok(Self {
            providers: providers.to_vec(),
            mapped,
            default: default
                .map(|provider| running("--default-provider", provider))
                .transpose()?,
        })
    }

    /// The provider that `service` asks for, if it is one that runs here.
    #[must_use]
    pub fn provider_of(&self, service: &Service) -> Option<ProviderName> {
        let spec = service.spec.as_ref()?;
        if spec.type_.as_deref() != Some("LoadBalancer") {
            return None;
        }
        match &spec.load_balancer_class {
            Some(class) => self.mapped.get(class).copied(),
            None => self.default,
        }
    }

    /// The providers that run here.
    #[must_use]
    pub fn providers(&self) -> &[ProviderName] {
        &self.providers
    }

    /// The classes, with the provider of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ProviderName)> {
        self.mapped
            .iter()
            .map(|(class, provider)| (class.as_str(), *provider))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ServiceSpec;

    use super::*;

    const MOCK: ProviderName = ProviderName::new("mock");

    fn service(type_: &str, class: Option<&str>) -> Service {
        Service {
            spec: Some(ServiceSpec {
                type_: Some(type_.to_owned()),
                load_balancer_class: class.map(str::to_owned),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        }
    }

    #[test]
    fn the_class_alone_chooses_the_provider() {
        let mapping = "example.com/lb=mock".parse().unwrap();
        let plain = Classes::new(&[MOCK], &[], None).unwrap();
        let mapped = Classes::new(&[MOCK], &[mapping], None).unwrap();
        let default = Classes::new(&[MOCK], &[], Some("mock")).unwrap();
        let table = [
            (
                "LoadBalancer",
                Some("roadstead.dev/mock"),
                [true, true, true],
            ),
            ("LoadBalancer", Some("example.com/lb"), [false, true, false]),
            (
                "LoadBalancer",
                Some("roadstead.dev/aws"),
                [false, false, false],
            ),
            ("LoadBalancer", None, [false, false, true]),
            (
                "ClusterIP",
                Some("roadstead.dev/mock"),
                [false, false, false],
            ),
            ("ClusterIP", None, [false, false, false]),
        ];
        for (type_, class, expected) in table {
            let ours = [&plain, &mapped, &default]
                .map(|classes| classes.provider_of(&service(type_, class)).is_some());
            assert_eq!(ours, expected, "{type_} {class:?}");
        }
    }

    #[test]
    fn a_mapping_to_a_provider_that_does_not_run_is_an_error() {
        let mapping: ClassMapping = "example.com/lb=aws".parse().unwrap();
        let error = Classes::new(&[MOCK], &[mapping], None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("add --provider aws"), "{error}");
        for bad in ["x", "=mock", "a=", "a b/c=mock", "nlb!=mock"] {
            assert!(bad.parse::<ClassMapping>().is_err(), "{bad:?}");
        }
    }
}
