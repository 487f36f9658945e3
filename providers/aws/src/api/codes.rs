//! What does each of AWS's error codes mean, and what can the user do about it? One table. Pure.

use roadstead_core::ErrorKind;

/// One code: what kind of failure it is, and what the user can do (empty: nothing, it is tried again).
struct Meaning {
    code: &'static str,
    kind: ErrorKind,
    advice: &'static str,
}

const fn means(code: &'static str, kind: ErrorKind, advice: &'static str) -> Meaning {
    Meaning { code, kind, advice }
}

const POLICY: &str = "allow it in the controller's IAM policy";
const RENEW: &str = "check the controller's credentials: its role, and that they are renewed";
const CLOCK: &str = "check the clock of the machine that the controller runs on";
const NAME_TAKEN: &str =
    "the name is taken by one with other settings; choose another name or remove that one";
const SUBNETS: &str = "check the subnets that are named or tagged for load balancers";
const TAGS: &str =
    "AWS allows 50 tags on a resource, keys of 128 and values of 256 characters; ask for fewer";

/// The codes that reference documentation of ELBv2 and EC2 names for the calls made here, and those common to all of AWS.
const MEANINGS: &[Meaning] = {
    use ErrorKind::{Conflict, Internal, InvalidSpec, Quota, Throttled, Unauthorized, Unavailable};
    &[
        means("Throttling", Throttled, ""),
        means("ThrottlingException", Throttled, ""),
        means("ThrottledException", Throttled, ""),
        means("RequestThrottled", Throttled, ""),
        means("RequestThrottledException", Throttled, ""),
        means("RequestLimitExceeded", Throttled, ""),
        means("TooManyRequestsException", Throttled, ""),
        means("EC2ThrottledException", Throttled, ""),
        means("SlowDown", Throttled, ""),
        //
        means("AccessDenied", Unauthorized, POLICY),
        means("AccessDeniedException", Unauthorized, POLICY),
        means("UnauthorizedOperation", Unauthorized, POLICY),
        means("Client.UnauthorizedOperation", Unauthorized, POLICY),
        means("NotAuthorized", Unauthorized, POLICY),
        means("AuthFailure", Unauthorized, RENEW),
        means("ExpiredToken", Unauthorized, RENEW),
        means("ExpiredTokenException", Unauthorized, RENEW),
        means("InvalidClientTokenId", Unauthorized, RENEW),
        means("UnrecognizedClientException", Unauthorized, RENEW),
        means("MissingAuthenticationToken", Unauthorized, RENEW),
        means("InvalidAccessKeyId", Unauthorized, RENEW),
        means("SignatureDoesNotMatch", Unauthorized, RENEW),
        means("IncompleteSignature", Unauthorized, RENEW),
        means("RequestExpired", Unauthorized, CLOCK),
        means("RequestTimeTooSkewed", Unauthorized, CLOCK),
        means(
            "OptInRequired",
            Unauthorized,
            "subscribe the account to the service, or enable the region for it",
        ),
        means(
            "Blocked",
            Unauthorized,
            "the account is blocked; ask AWS's support",
        ),
        means(
            "PendingVerification",
            Unauthorized,
            "AWS is still verifying the account; ask AWS's support if it lasts",
        ),
        //
        means(
            "TooManyLoadBalancers",
            Quota,
            "raise the quota \"Network Load Balancers per Region\" in AWS Service Quotas, or remove load balancers",
        ),
        means(
            "TooManyTargetGroups",
            Quota,
            "raise the quota \"Target Groups per Region\" in AWS Service Quotas, or remove target groups",
        ),
        means(
            "TooManyTargets",
            Quota,
            "raise the quotas of targets per load balancer, zone or target group in AWS Service Quotas, or select fewer nodes with target-node-labels",
        ),
        means(
            "TooManyRegistrationsForTargetId",
            Quota,
            "the target is in too many target groups; use fewer ports or fewer Services on these nodes",
        ),
        means(
            "TooManyListeners",
            Quota,
            "AWS allows 50 listeners on a load balancer; spread the ports over several Services",
        ),
        means(
            "TooManyCertificates",
            Quota,
            "raise the quota \"Certificates per Network Load Balancer\" in AWS Service Quotas, or name fewer",
        ),
        means("TooManyTags", Quota, TAGS),
        means("TagLimitExceeded", Quota, TAGS),
        means(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            Quota,
            "raise the quota of target groups per load balancer in AWS Service Quotas, or spread the ports over several Services",
        ),
        means(
            "TooManyActions",
            Quota,
            "AWS allows no more actions on a listener",
        ),
        means(
            "TooManyRules",
            Quota,
            "AWS allows no more rules on a load balancer",
        ),
        means(
            "RulesPerSecurityGroupLimitExceeded",
            Quota,
            "raise the quota \"Inbound or outbound rules per security group\" in AWS Service Quotas, or use fewer ports, source ranges or prefix lists",
        ),
        means(
            "SecurityGroupLimitExceeded",
            Quota,
            "raise the quota \"VPC security groups per Region\" in AWS Service Quotas, or remove security groups",
        ),
        means(
            "SecurityGroupsPerInterfaceLimitExceeded",
            Quota,
            "raise the quota \"Security groups per network interface\" in AWS Service Quotas, or name fewer",
        ),
        means(
            "NetworkInterfaceLimitExceeded",
            Quota,
            "raise the quota \"Network interfaces per Region\" in AWS Service Quotas",
        ),
        means(
            "AddressLimitExceeded",
            Quota,
            "raise the quota \"EC2-VPC Elastic IPs\" in AWS Service Quotas",
        ),
        means(
            "InsufficientFreeAddressesInSubnet",
            Quota,
            "free addresses in the subnet (a load balancer needs 8) or use another one",
        ),
        means(
            "CapacityUnitsLimitExceeded",
            Quota,
            "raise the quota of reserved load balancer capacity units in AWS Service Quotas, or reserve fewer",
        ),
        means(
            "CapacityDecreaseRequestsLimitExceeded",
            Quota,
            "AWS allows no more decreases of the reserved capacity today",
        ),
        //
        means("InvalidSubnet", InvalidSpec, SUBNETS),
        means("SubnetNotFound", InvalidSpec, SUBNETS),
        means("InvalidSubnetID.NotFound", InvalidSpec, SUBNETS),
        means("InvalidSubnetID.Malformed", InvalidSpec, SUBNETS),
        means("AvailabilityZoneNotSupported", InvalidSpec, SUBNETS),
        means(
            "InvalidSecurityGroup",
            InvalidSpec,
            "check the security groups that the Service names: they must be in the load balancer's VPC",
        ),
        means(
            "InvalidGroupId.Malformed",
            InvalidSpec,
            "check the security groups that the Service names",
        ),
        means(
            "InvalidPrefixListID.NotFound",
            InvalidSpec,
            "check the prefix lists that the Service names",
        ),
        means(
            "InvalidPrefixListId.NotFound",
            InvalidSpec,
            "check the prefix lists that the Service names",
        ),
        means(
            "InvalidPrefixListId.Malformed",
            InvalidSpec,
            "check the prefix lists that the Service names",
        ),
        means(
            "AllocationIdNotFound",
            InvalidSpec,
            "check the Elastic IP allocations that the Service names: they must exist in this region and be in no other use",
        ),
        means(
            "InvalidAllocationID.NotFound",
            InvalidSpec,
            "check the Elastic IP allocations that the Service names",
        ),
        means(
            "InvalidConfigurationRequest",
            InvalidSpec,
            "change the Service's annotations so that AWS allows the combination",
        ),
        means(
            "ValidationError",
            InvalidSpec,
            "change the value in the Service's annotations",
        ),
        means(
            "InvalidParameterValue",
            InvalidSpec,
            "change the value in the Service's annotations",
        ),
        means(
            "InvalidParameterCombination",
            InvalidSpec,
            "change the Service's annotations so that AWS allows the combination",
        ),
        means(
            "CertificateNotFound",
            InvalidSpec,
            "check the certificates that the Service names: they must be issued, in ACM or IAM, in this region",
        ),
        means(
            "UnsupportedCertificate",
            InvalidSpec,
            "use a certificate with a key that Network Load Balancers support",
        ),
        means(
            "SSLPolicyNotFound",
            InvalidSpec,
            "name one of AWS's TLS security policies, such as ELBSecurityPolicy-TLS13-1-2-2021-06",
        ),
        means(
            "ALPNPolicyNotSupported",
            InvalidSpec,
            "use one of HTTP1Only, HTTP2Only, HTTP2Optional, HTTP2Preferred, None, on a TLS listener",
        ),
        means(
            "UnsupportedProtocol",
            InvalidSpec,
            "use TCP, UDP or TLS on the port",
        ),
        means(
            "IncompatibleProtocols",
            InvalidSpec,
            "the listener's and the targets' protocol do not go together; change one of them",
        ),
        means(
            "InvalidScheme",
            InvalidSpec,
            "use internal or internet-facing",
        ),
        means(
            "InvalidTarget",
            Unavailable,
            "targets must be running, and in the load balancer's VPC",
        ),
        means(
            "OperationNotPermitted",
            InvalidSpec,
            "AWS does not allow it in the load balancer's present state: deletion protection is set, or something else uses it",
        ),
        means(
            "DuplicateTagKeys",
            InvalidSpec,
            "name each tag's key once; keys differ in more than case",
        ),
        //
        means("DuplicateLoadBalancerName", Conflict, NAME_TAKEN),
        means("DuplicateTargetGroupName", Conflict, NAME_TAKEN),
        means("InvalidGroup.Duplicate", Conflict, NAME_TAKEN),
        means(
            "DuplicateListener",
            Conflict,
            "the load balancer listens on that port already; remove that listener or use another port",
        ),
        means("InvalidPermission.Duplicate", Conflict, ""),
        means(
            "TargetGroupAssociationLimit",
            Conflict,
            "the target group is in use by another load balancer",
        ),
        //
        means(
            "ResourceInUse",
            Unavailable,
            "something still uses it (a listener, a VPC endpoint service, or another load balancer has the Elastic IP)",
        ),
        means(
            "DependencyViolation",
            Unavailable,
            "something still uses it; a load balancer's network interfaces go away some minutes after it",
        ),
        means("PriorRequestNotComplete", Unavailable, ""),
        means("CapacityReservationPending", Unavailable, ""),
        means(
            "InsufficientCapacity",
            Unavailable,
            "AWS has too little capacity in a zone; use another one if it lasts",
        ),
        means("HealthUnavailable", Unavailable, ""),
        means("ServiceUnavailable", Unavailable, ""),
        means("Unavailable", Unavailable, ""),
        means("InternalFailure", Unavailable, ""),
        means("InternalError", Unavailable, ""),
        means("InternalServerError", Unavailable, ""),
        means("RequestTimeout", Unavailable, ""),
        means("LoadBalancerNotFound", Unavailable, ""),
        means("TargetGroupNotFound", Unavailable, ""),
        means("ListenerNotFound", Unavailable, ""),
        means("InvalidGroup.NotFound", Unavailable, ""),
        means("InvalidGroupId.NotFound", Unavailable, ""),
        means("InvalidSecurityGroupID.NotFound", Unavailable, ""),
        means("InvalidPermission.NotFound", Unavailable, ""),
        means("InvalidInstanceID.NotFound", Unavailable, ""),
        //
        means(
            "InvalidVpcID.NotFound",
            Internal,
            "check the VPC that the controller was told to use, and its region",
        ),
    ]
};

fn meaning(code: &str) -> Option<&'static Meaning> {
    MEANINGS.iter().find(|meaning| meaning.code == code)
}

/// What kind of failure this code is; `None`: the HTTP status decides.
pub(super) fn kind(code: &str) -> Option<ErrorKind> {
    meaning(code).map(|meaning| meaning.kind)
}

/// What the user can do about it; empty: nothing.
pub(super) fn advice(code: &str) -> &'static str {
    meaning(code).map_or("", |meaning| meaning.advice)
}

/// Whether a permission is missing, rather than the credentials being no good.
pub(super) fn is_denied(code: &str) -> bool {
    meaning(code).is_some_and(|meaning| meaning.advice == POLICY)
}

/// Whether the object that the call is about does not exist.
pub(super) fn is_not_found(code: &str) -> bool {
    matches!(
        code,
        "LoadBalancerNotFound"
            | "TargetGroupNotFound"
            | "ListenerNotFound"
            | "InvalidGroup.NotFound"
            | "InvalidGroupId.NotFound"
            | "InvalidSecurityGroupID.NotFound"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_code_has_one_meaning() {
        let mut seen = BTreeSet::new();
        for meaning in MEANINGS {
            assert!(seen.insert(meaning.code), "{} is there twice", meaning.code);
        }
    }

    #[test]
    fn what_the_user_must_change_says_how() {
        for Meaning { code, kind, advice } in MEANINGS {
            let is_the_users = match kind {
                ErrorKind::InvalidSpec | ErrorKind::Quota | ErrorKind::Unauthorized => true,
                ErrorKind::Conflict
                | ErrorKind::Throttled
                | ErrorKind::Unavailable
                | ErrorKind::Internal => false,
            };
            assert!(!is_the_users || !advice.is_empty(), "{code} helps nobody");
        }
    }

    #[test]
    fn what_does_not_exist_yet_is_tried_again() {
        for code in [
            "LoadBalancerNotFound",
            "TargetGroupNotFound",
            "ListenerNotFound",
            "InvalidGroup.NotFound",
        ] {
            assert!(is_not_found(code), "{code}");
            assert_eq!(kind(code), Some(ErrorKind::Unavailable), "{code}");
        }
        assert!(!is_not_found("CertificateNotFound"), "that is not ours");
    }
}
