//! Whose is an AWS object? The marks that say so, as tags, and which tags are left to users. Pure.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_core::{ClusterUid, LoadBalancerId, NamespacedName, OwnerUid};

/// The prefix of our own tags.
pub(crate) const PREFIX: &str = "roadstead.dev/";
/// The uid of the cluster: what we own is what carries this, and nothing else is ever changed.
pub(crate) const CLUSTER: &str = "roadstead.dev/cluster";
/// The uid of the owner within the cluster.
pub(crate) const OWNER: &str = "roadstead.dev/owner";
/// `namespace/name` of the Service, for people and for reports.
pub(crate) const SERVICE: &str = "roadstead.dev/service";
/// What the object is for.
pub(crate) const ROLE: &str = "roadstead.dev/role";
/// Which of several of one role it is.
pub(crate) const SLOT: &str = "roadstead.dev/slot";
/// The cluster's name as people know it; never identity.
pub(crate) const CLUSTER_NAME: &str = "roadstead.dev/cluster-name";
/// A fingerprint of the settings that were applied last.
pub(crate) const SETTINGS: &str = "roadstead.dev/settings";
/// When the object is to go, in seconds since 1970.
pub(crate) const RETIRE_AT: &str = "roadstead.dev/retire-at";
/// What AWS's console shows as a name of an object that has none.
pub(crate) const NAME: &str = "Name";

/// What the tags begin with that say which clusters an instance, a subnet or a security group is for: the cluster's name follows,
/// and the value is `owned` or `shared`. Nodes of EKS must have it.
/// <https://docs.aws.amazon.com/eks/latest/userguide/worker.html>.
pub(crate) const KUBERNETES_CLUSTER: &str = "kubernetes.io/cluster/";
/// Tags whose value is the name of the cluster that an instance is a node of: EKS's own, that of its node groups, and Karpenter's.
const NODE_OF: [&str; 3] = [
    "aws:eks:cluster-name",
    "eks:cluster-name",
    "eks:eks-cluster-name",
];

/// Tags that one resource may carry (not adjustable).
const MAX_TAGS: usize = 50;
/// How many of them are ours: the eight above, and `Name`.
const OURS: usize = 9;
/// How many tags a user may add.
pub(crate) const MAX_USER_TAGS: usize = MAX_TAGS - OURS;
/// The longest key of a tag, in characters; EC2 takes one more.
const MAX_KEY: usize = 127;
/// The longest value of a tag, in characters; EC2 takes one more.
const MAX_VALUE: usize = 255;
/// What AWS keeps for itself, in any mixture of cases.
const RESERVED: &str = "aws:";

/// The tags of one object.
pub(crate) type Tags = BTreeMap<String, String>;

/// What an object of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The load balancer.
    LoadBalancer,
    /// A listener of one.
    Listener,
    /// A target group.
    TargetGroup,
    /// The security group of one load balancer: who may connect.
    FrontendGroup,
    /// The security group that all load balancers of the cluster carry and that its nodes let in.
    BackendGroup,
}

/// What the tags of an object of ours say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The cluster.
    pub(crate) cluster: ClusterUid,
    /// The owner; none where the object belongs to the whole cluster.
    pub(crate) owner: Option<OwnerUid>,
    /// The Service, for people.
    pub(crate) service: Option<NamespacedName>,
    /// What it is for; `None` if the tag is missing or says what this version does not know.
    pub(crate) role: Option<Role>,
    /// Which of several of its role.
    pub(crate) slot: Option<String>,
    /// The cluster's name, for people.
    pub(crate) cluster_name: Option<String>,
    /// A fingerprint of the settings that were applied last.
    pub(crate) settings: Option<String>,
    /// When it is to go, in seconds since 1970.
    pub(crate) retire_at: Option<u64>,
}

// === impl Role ===

impl Role {
    const ALL: [Self; 5] = [
        Self::LoadBalancer,
        Self::Listener,
        Self::TargetGroup,
        Self::FrontendGroup,
        Self::BackendGroup,
    ];

    /// The value of the tag [`ROLE`].
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::LoadBalancer => "load-balancer",
            Self::Listener => "listener",
            Self::TargetGroup => "target-group",
            Self::FrontendGroup => "frontend-group",
            Self::BackendGroup => "backend-group",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

// === impl Marks ===

impl Marks {
    /// What `tags` say; `None` for an object that does not carry a cluster's mark, and so is not ours.
    pub(crate) fn read(tags: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| tags.get(key).cloned();
        Some(Self {
            cluster: ClusterUid::parse(tags.get(CLUSTER)?).ok()?,
            owner: tags.get(OWNER).and_then(|uid| OwnerUid::parse(uid).ok()),
            service: tags
                .get(SERVICE)
                .and_then(|text| text.split_once('/'))
                .map(|(namespace, name)| NamespacedName::new(namespace, name)),
            role: tags.get(ROLE).and_then(|text| Role::parse(text)),
            slot: text(SLOT),
            cluster_name: text(CLUSTER_NAME),
            settings: text(SETTINGS),
            retire_at: tags.get(RETIRE_AT).and_then(|at| at.parse().ok()),
        })
    }

    /// The tags that say this.
    pub(crate) fn write(&self) -> BTreeMap<String, String> {
        let Self {
            cluster,
            owner,
            service,
            role,
            slot,
            cluster_name,
            settings,
            retire_at,
        } = self;
        let optional = [
            (OWNER, owner.as_ref().map(ToString::to_string)),
            (SERVICE, service.as_ref().map(ToString::to_string)),
            (ROLE, role.map(|role| role.as_str().to_owned())),
            (SLOT, slot.clone()),
            (CLUSTER_NAME, cluster_name.clone()),
            (SETTINGS, settings.clone()),
            (RETIRE_AT, retire_at.map(|at| at.to_string())),
        ];
        let said = optional
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        std::iter::once((CLUSTER, cluster.to_string()))
            .chain(said)
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }

    /// Whose load balancer it belongs to; `None` where it belongs to the whole cluster.
    pub(crate) fn id(&self) -> Option<LoadBalancerId> {
        Some(LoadBalancerId {
            cluster: self.cluster.clone(),
            owner: self.owner.clone()?,
        })
    }
}

/// The names of the clusters that the tags of an instance say it is for.
pub(crate) fn clusters(tags: &Tags) -> BTreeSet<String> {
    let for_cluster = |(key, value): (&String, &String)| {
        let name = key.strip_prefix(KUBERNETES_CLUSTER);
        let name = name.or_else(|| NODE_OF.contains(&key.as_str()).then_some(value.as_str()))?;
        Some(name.to_owned())
    };
    tags.iter().filter_map(for_cluster).collect()
}

/// Checks that a user may add the tag `key` with `value` to what we make.
///
/// # Errors
///
/// What is wrong with it, and what would be right.
pub(crate) fn check_user_tag(key: &str, value: &str) -> Result<(), String> {
    let lower = key.to_ascii_lowercase();
    if key.starts_with(PREFIX) {
        return Err(format!(
            "the tag {key:?} is Roadstead's own; choose another key"
        ));
    }
    if lower.starts_with(RESERVED) {
        return Err(format!(
            "the tag {key:?} begins with \"aws:\", which AWS keeps for itself; choose another key"
        ));
    }
    if key.is_empty() || key.chars().count() > MAX_KEY {
        return Err(format!(
            "the tag {key:?} is no key; one has 1 to {MAX_KEY} characters"
        ));
    }
    if value.chars().count() > MAX_VALUE {
        return Err(format!(
            "the value of the tag {key:?} is longer than {MAX_VALUE} characters"
        ));
    }
    match key.chars().chain(value.chars()).find(|c| !is_legal(*c)) {
        Some(c) => Err(format!(
            "the tag {key:?} holds {c:?}; letters, digits, spaces and + - = . _ : / @ are allowed"
        )),
        None => Ok(()),
    }
}

/// What both `ELBv2` and EC2 take in a tag.
fn is_legal(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks() -> impl Strategy<Value = Marks> {
        let uid = "[a-z0-9-]{1,36}";
        (
            uid,
            proptest::option::of(uid),
            proptest::option::of(("[a-z0-9-]{1,63}", "[a-z0-9-]{1,63}")),
            proptest::option::of(proptest::sample::select(&Role::ALL[..])),
            proptest::option::of(("[ -~]{0,40}", "[ -~]{0,40}", "[ -~]{0,40}")),
            proptest::option::of(any::<u64>()),
        )
            .prop_map(|(cluster, owner, service, role, texts, retire_at)| Marks {
                cluster: ClusterUid::parse(&cluster).unwrap(),
                owner: owner.map(|uid| OwnerUid::parse(&uid).unwrap()),
                service: service.map(|(namespace, name)| NamespacedName::new(namespace, name)),
                role,
                slot: texts.as_ref().map(|texts| texts.0.clone()),
                cluster_name: texts.as_ref().map(|texts| texts.1.clone()),
                settings: texts.map(|texts| texts.2),
                retire_at,
            })
    }

    proptest! {
        #[test]
        fn marks_are_read_back_as_they_were_written(marks in marks()) {
            let mut tags = marks.write();
            prop_assert!(tags.len() < OURS);
            tags.insert("team".to_owned(), "shop".to_owned());
            prop_assert_eq!(Marks::read(&tags), Some(marks));
        }
    }

    #[test]
    fn what_carries_no_cluster_is_not_ours() {
        let tags = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        assert_eq!(Marks::read(&tags(&[])), None);
        assert_eq!(
            Marks::read(&tags(&[(OWNER, "o"), (ROLE, "load-balancer")])),
            None
        );
        assert_eq!(Marks::read(&tags(&[(CLUSTER, "not a uid")])), None);
        let odd = Marks::read(&tags(&[
            (CLUSTER, "c"),
            (OWNER, "not a uid"),
            (ROLE, "lake"),
        ]))
        .unwrap();
        assert_eq!((odd.id(), odd.role), (None, None));
    }

    #[test]
    fn an_instance_says_in_several_ways_which_cluster_it_is_for() {
        let told = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let tags = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Vec::from_iter(clusters(&tags.collect()))
        };
        assert_eq!(told(&[("Name", "prod")]), [""; 0]);
        let of_eks = [
            ("kubernetes.io/cluster/prod", "owned"),
            ("aws:eks:cluster-name", "prod"),
            ("eks:cluster-name", "prod"),
            ("eks:eks-cluster-name", "prod"),
        ];
        assert_eq!(told(&of_eks), ["prod"]);
        for one in of_eks {
            assert_eq!(told(&[one]), ["prod"], "{one:?}");
        }
        let both = [
            ("kubernetes.io/cluster/prod", "shared"),
            ("aws:eks:cluster-name", "test"),
        ];
        assert_eq!(told(&both), ["prod", "test"]);
    }

    #[test]
    fn a_tag_that_cannot_be_is_explained() {
        let long = "x".repeat(256);
        let refusals: Vec<String> = [
            ("roadstead.dev/owner", "x"),
            ("aws:cost", "x"),
            ("AWS:cost", "x"),
            ("", "x"),
            (&long[..128], "x"),
            ("team", &long),
            ("team", "a\nb"),
            ("te#m", "a"),
        ]
        .iter()
        .map(|(key, value)| check_user_tag(key, value).unwrap_err())
        .collect();
        insta::assert_yaml_snapshot!(refusals);
        for (key, value) in [
            ("team", ""),
            ("Größe", "+ - = . _ : / @"),
            (&long[..127], &long[..255]),
        ] {
            assert_eq!(check_user_tag(key, value), Ok(()));
        }
    }
}
