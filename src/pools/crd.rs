//! What is an `AddressPool` to the API server? The types that its schema is generated from; what they mean is decided
//! elsewhere.
#![expect(
    unreachable_pub,
    reason = "the derive of a schema repeats each type within a function of its own"
)]
#![expect(
    clippy::duplicated_attributes,
    reason = "several columns are of one type"
)]

use std::collections::BTreeMap;

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{CustomResource, CustomResourceExt as _, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The name of the resource, as RBAC and `kubectl get` say it.
pub const RESOURCE: &str = "addresspools";

/// Addresses that Services of the arp provider get, and who announces them.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "roadstead.dev",
    version = "v1alpha1",
    kind = "AddressPool",
    plural = "addresspools",
    category = "roadstead",
    doc = "Addresses on the nodes' own network, for Services of the arp provider.",
    status = "AddressPoolStatus",
    derive = "PartialEq",
    printcolumn(
        name = "Total",
        type_ = "integer",
        json_path = ".status.total",
        description = "How many addresses it has"
    ),
    printcolumn(
        name = "In use",
        type_ = "integer",
        json_path = ".status.inUse",
        description = "How many of them Services have"
    ),
    printcolumn(
        name = "Free",
        type_ = "integer",
        json_path = ".status.free",
        description = "How many of them a Service could get"
    ),
    printcolumn(
        name = "Valid",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Valid\")].status",
        description = "Whether all of it can be used"
    ),
    printcolumn(
        name = "Addresses",
        type_ = "string",
        json_path = ".spec.addresses",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct AddressPoolSpec {
    /// Ranges of IPv4 and IPv6 addresses: 192.0.2.0/24, or 192.0.2.10-192.0.2.20.
    #[schemars(length(min = 1, max = 256), inner(length(max = 128)))]
    #[x_kube(validation = Rule::new(RANGES).message(
        "each is a CIDR such as 192.0.2.0/24, or a range such as 192.0.2.10-192.0.2.20 whose ends are of one family"
    ))]
    pub addresses: Vec<String>,
    /// Whether a Service gets an address of this pool without asking for it.
    #[serde(default = "yes")]
    pub auto_assign: bool,
    /// Leave out IPv4 addresses that end in .0 or .255, which some old devices take for the network's own.
    #[serde(default, rename = "avoidBuggyIPs")]
    pub avoid_buggy_ips: bool,
    /// Of several pools that a Service may use the one with the lowest number is used first; 0 comes last.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub priority: i32,
    /// Only Services of these namespaces, or of those that namespaceSelector selects; all if neither is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub namespaces: Vec<String>,
    /// Only Services of namespaces with these labels, or of those in namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Only Services with these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_selector: Option<LabelSelector>,
    /// Who announces the addresses; every node on their subnet, if nothing is said.
    #[serde(default)]
    pub announce: Announce,
}

/// Who announces the addresses of a pool.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announce {
    /// false: nobody; something else, such as a router, sends the traffic.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Only on interfaces of these names; without any on those whose own subnet contains the address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 15)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub interfaces: Vec<String>,
    /// Only nodes with these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<LabelSelector>,
}

/// Which labels something must have; all of it must hold, and with nothing in it everything is selected.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels with their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// What else must hold of labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub match_expressions: Vec<LabelExpression>,
}

/// What must hold of one label.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)").message(
    "In and NotIn need values, Exists and DoesNotExist have none"
))]
pub struct LabelExpression {
    /// The label.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// How it is compared.
    pub operator: LabelOperator,
    /// With what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LabelOperator {
    /// It has one of the values.
    In,
    /// It has none of the values, or is absent.
    NotIn,
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
}

/// How a pool fares. Written by the controller that leads.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressPoolStatus {
    /// How many addresses it has; as many as this field can say, where it has more.
    #[serde(default)]
    pub total: i64,
    /// How many of them Services have.
    #[serde(default)]
    pub in_use: i64,
    /// How many of them a Service could get now: neither in use, nor a node's, nor in use by a foreign host.
    #[serde(default)]
    pub free: i64,
    /// Valid; and, where something is wrong with it, what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// What the API server itself can tell of a range; that it does not run backwards, it cannot.
const RANGES: &str = "self.all(a, isCIDR(a.trim()) || (size(a.split('-')) == 2 && a.split('-').all(e, isIP(e.trim())) \
                      && ip(a.split('-')[0].trim()).family() == ip(a.split('-')[1].trim()).family()))";

/// The definition that the API server must have before there can be pools.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    AddressPool::crd()
}

fn yes() -> bool {
    true
}

/// The schema of conditions as Kubernetes' own objects have it.
fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": { "type": "string", "maxLength": 316 },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
                "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0 },
                "lastTransitionTime": { "type": "string", "format": "date-time" },
                "reason": { "type": "string", "minLength": 1, "maxLength": 1024 },
                "message": { "type": "string", "maxLength": 32768 },
            },
        },
    })
}

// === impl Announce ===

impl Default for Announce {
    fn default() -> Self {
        Self {
            enabled: true,
            interfaces: Vec::new(),
            node_selector: None,
        }
    }
}
