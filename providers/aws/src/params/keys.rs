//! Which annotations are AWS's? Their keys, and the vocabulary that tells typos from wishes.

use roadstead_core::Vocabulary;

/// Declares the keys below AWS Load Balancer Controller's prefix, and the vocabulary that holds them all.
macro_rules! keys {
    (prefix $prefix:literal; $($name:ident = $suffix:literal;)+) => {
        $(pub(crate) const $name: &str = concat!($prefix, $suffix);)+

        /// The annotations that the provider knows, those included that it has to refuse.
        pub(crate) const VOCABULARY: Vocabulary = Vocabulary {
            prefixes: &[$prefix, "roadstead.dev/"],
            keys: &[ADOPT, SOURCE_RANGES, $($name,)+],
            families: &[TARGET_GROUP_ATTRIBUTES_OF, LISTENER_ATTRIBUTES_OF, ACTIONS_OF],
        };
    };
}

/// Takes over the load balancer with this name or ARN.
pub(crate) const ADOPT: &str = "roadstead.dev/adopt";
/// Who may connect, where `spec.loadBalancerSourceRanges` says nothing; the controller reads it.
pub(crate) const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
/// Followed by a Service port: attributes of that port's target group.
pub(crate) const TARGET_GROUP_ATTRIBUTES_OF: &str =
    "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes.";
/// Followed by `PROTOCOL-PORT`: attributes of that listener.
pub(crate) const LISTENER_ATTRIBUTES_OF: &str =
    "service.beta.kubernetes.io/aws-load-balancer-listener-attributes.";
/// Followed by `PROTOCOL-PORT`: a weighted forward; not supported yet.
pub(crate) const ACTIONS_OF: &str = "service.beta.kubernetes.io/actions.";

keys! {
    prefix "service.beta.kubernetes.io/aws-load-balancer-";
    ACCESS_LOG_ENABLED = "access-log-enabled";
    ACCESS_LOG_BUCKET = "access-log-s3-bucket-name";
    ACCESS_LOG_PREFIX = "access-log-s3-bucket-prefix";
    ALPN_POLICY = "alpn-policy";
    ATTRIBUTES = "attributes";
    BACKEND_PROTOCOL = "backend-protocol";
    CAPACITY = "minimum-load-balancer-capacity";
    CROSS_ZONE = "cross-zone-load-balancing-enabled";
    DISABLE_SECURITY_GROUPS = "disable-nlb-sg";
    EIP_ALLOCATIONS = "eip-allocations";
    HEALTH_CHECK_HEALTHY_THRESHOLD = "healthcheck-healthy-threshold";
    HEALTH_CHECK_INTERVAL = "healthcheck-interval";
    HEALTH_CHECK_PATH = "healthcheck-path";
    HEALTH_CHECK_PORT = "healthcheck-port";
    HEALTH_CHECK_PROTOCOL = "healthcheck-protocol";
    HEALTH_CHECK_SUCCESS_CODES = "healthcheck-success-codes";
    HEALTH_CHECK_TIMEOUT = "healthcheck-timeout";
    HEALTH_CHECK_UNHEALTHY_THRESHOLD = "healthcheck-unhealthy-threshold";
    ICMP_FOR_PATH_MTU = "enable-icmp-for-path-mtu-discovery";
    INTERNAL = "internal";
    IP_ADDRESS_TYPE = "ip-address-type";
    IPV6_ADDRESSES = "ipv6-addresses";
    IPV6_SOURCE_NAT = "enable-prefix-for-ipv6-source-nat";
    MANAGE_BACKEND_RULES = "manage-backend-security-group-rules";
    MULTI_CLUSTER = "multi-cluster-target-group";
    NAME = "name";
    PREFIX_LISTS = "security-group-prefix-lists";
    PRIVATE_IPV4_ADDRESSES = "private-ipv4-addresses";
    PRIVATE_LINK = "inbound-sg-rules-on-private-link-traffic";
    PROXY_PROTOCOL = "proxy-protocol";
    PROXY_PROTOCOL_PORTS = "proxy-protocol-per-target-group";
    QUIC_PORTS = "quic-enabled-ports";
    SCHEME = "scheme";
    SECURITY_GROUPS = "security-groups";
    SOURCE_NAT_PREFIXES = "source-nat-ipv6-prefixes";
    SSL_CERT = "ssl-cert";
    SSL_POLICY = "ssl-negotiation-policy";
    SSL_PORTS = "ssl-ports";
    SUBNETS = "subnets";
    TAGS = "additional-resource-tags";
    TARGET_GROUP_ATTRIBUTES = "target-group-attributes";
    TARGET_NODE_LABELS = "target-node-labels";
    TARGET_TYPE = "nlb-target-type";
    TCP_UDP = "enable-tcp-udp-listener";
    TYPE = "type";
}
