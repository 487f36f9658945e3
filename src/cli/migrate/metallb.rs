//! What does MetalLB's configuration say? Its resources as they are written, of its old `ConfigMap` too. Reads nothing itself.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use serde_json::Value;

/// Everything that MetalLB was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Configuration {
    /// `IPAddressPool`s, and the pools of the old `ConfigMap`.
    pub(super) pools: Vec<Named<PoolSpec>>,
    /// `L2Advertisement`s.
    pub(super) advertisements: Vec<Named<AdvertisementSpec>>,
    /// `BGPAdvertisement`s, of which only the choice of pools is of use.
    pub(super) bgp: Vec<Named<ChoosesPools>>,
    /// Everything else of MetalLB's that was found, as `KIND NAME`.
    pub(super) others: Vec<String>,
}

/// A resource of MetalLB's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Named<S> {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) spec: S,
}

/// `IPAddressPool.spec`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct PoolSpec {
    pub(super) addresses: Vec<String>,
    #[serde(default = "yes")]
    pub(super) auto_assign: bool,
    #[serde(default, rename = "avoidBuggyIPs")]
    pub(super) avoid_buggy_ips: bool,
    #[serde(default)]
    pub(super) service_allocation: Option<Allocation>,
    /// What this version does not know.
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, Value>,
}

/// `IPAddressPool.spec.serviceAllocation`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Allocation {
    /// A lower number comes first; none and 0 come last.
    pub(super) priority: Option<i32>,
    pub(super) namespaces: Vec<String>,
    pub(super) namespace_selectors: Vec<LabelSelector>,
    pub(super) service_selectors: Vec<LabelSelector>,
}

/// Which pools an advertisement is about: neither names nor selectors mean every one.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ChoosesPools {
    pub(super) ip_address_pools: Vec<String>,
    pub(super) ip_address_pool_selectors: Vec<LabelSelector>,
}

/// `L2Advertisement.spec`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AdvertisementSpec {
    #[serde(flatten)]
    pub(super) pools: ChoosesPools,
    pub(super) node_selectors: Vec<LabelSelector>,
    pub(super) interfaces: Vec<String>,
    pub(super) service_selectors: Vec<LabelSelector>,
    pub(super) preferred_node_selectors: Vec<Value>,
    /// What this version does not know.
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, Value>,
}

/// `data.config` of the `ConfigMap` that versions before 0.13 read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct OldConfig {
    peers: Vec<Value>,
    address_pools: Vec<OldPool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct OldPool {
    name: String,
    protocol: String,
    addresses: Vec<String>,
    #[serde(default = "yes")]
    auto_assign: bool,
    #[serde(default)]
    avoid_buggy_ips: bool,
}

/// A resource that is not as MetalLB would take it.
#[derive(Debug, thiserror::Error)]
#[error("reading {kind} {name}")]
pub struct Malformed {
    kind: String,
    name: String,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The API group of everything of MetalLB's.
pub(super) const GROUP: &str = "metallb.io";

fn yes() -> bool {
    true
}

// === impl Configuration ===

impl Configuration {
    /// Takes in one object, as Kubernetes has it; what is not MetalLB's is passed over.
    pub(super) fn take_in(&mut self, object: &Value) -> Result<(), Malformed> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let (group, kind) = (text("/apiVersion").unwrap_or_default(), text("/kind"));
        let name = text("/metadata/name").unwrap_or_default();
        match kind {
            Some("List") => {
                let items = object.get("items").and_then(Value::as_array);
                return items
                    .into_iter()
                    .flatten()
                    .try_for_each(|item| self.take_in(item));
            }
            Some("ConfigMap") => {
                if let Some(config) = text("/data/config") {
                    return self.take_in_old(name, config);
                }
            }
            Some(kind) if group.split('/').next() == Some(GROUP) => match kind {
                "IPAddressPool" => self.pools.push(parse(object, kind, name)?),
                "L2Advertisement" => self.advertisements.push(parse(object, kind, name)?),
                "BGPAdvertisement" => self.bgp.push(parse(object, kind, name)?),
                // What MetalLB says of itself is no configuration.
                "ServiceL2Status" | "ServiceBGPStatus" | "ConfigurationState" => {}
                _ => self.others.push(format!("{kind} {name}")),
            },
            _ => {}
        }
        Ok(())
    }

    fn take_in_old(&mut self, name: &str, config: &str) -> Result<(), Malformed> {
        let OldConfig {
            peers,
            address_pools,
        } = serde_yaml::from_str(config).map_err(|error| malformed("ConfigMap", name, error))?;
        for pool in address_pools {
            let OldPool {
                name,
                protocol,
                addresses,
                auto_assign,
                avoid_buggy_ips,
            } = pool;
            let advertised = ChoosesPools {
                ip_address_pools: vec![name.clone()],
                ..ChoosesPools::default()
            };
            if protocol == "layer2" {
                let spec = AdvertisementSpec {
                    pools: advertised,
                    ..AdvertisementSpec::default()
                };
                self.advertisements.push(Named {
                    name: name.clone(),
                    spec,
                    ..Named::default()
                });
            } else {
                self.bgp.push(Named {
                    name: name.clone(),
                    labels: BTreeMap::new(),
                    spec: advertised,
                });
            }
            self.pools.push(Named {
                name,
                labels: BTreeMap::new(),
                spec: PoolSpec {
                    addresses,
                    auto_assign,
                    avoid_buggy_ips,
                    service_allocation: None,
                    rest: BTreeMap::new(),
                },
            });
        }
        self.others.extend(peers.iter().map(|peer| {
            let address = peer.get("peer-address").and_then(Value::as_str);
            format!("BGP peer {}", address.unwrap_or("without an address"))
        }));
        Ok(())
    }
}

fn parse<S: for<'de> Deserialize<'de>>(
    object: &Value,
    kind: &str,
    name: &str,
) -> Result<Named<S>, Malformed> {
    let part = |path: &str| {
        object
            .pointer(path)
            .cloned()
            .unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    };
    let failed = |error| malformed(kind, name, error);
    Ok(Named {
        name: name.to_owned(),
        labels: serde_json::from_value(part("/metadata/labels")).map_err(failed)?,
        spec: serde_json::from_value(part("/spec")).map_err(failed)?,
    })
}

fn malformed(
    kind: &str,
    name: &str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> Malformed {
    Malformed {
        kind: kind.to_owned(),
        name: name.to_owned(),
        source: Box::new(source),
    }
}
