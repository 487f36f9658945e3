"""Which policies and certificates may a TLS listener have?"""

from typing import Any

from roadstead_localstack.ec2 import facts
from roadstead_localstack.errors import invalid, refused
from roadstead_localstack.world import World

DEFAULT_POLICY = "ELBSecurityPolicy-2016-08"
ALPN_POLICIES = ("HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None")
# Security policies for your Network Load Balancer: TLS 1.3, FIPS, forward secrecy and TLS policies.
POLICIES = {
    f"ELBSecurityPolicy-{name}"
    for name in (
        "TLS13-1-3-2021-06", "TLS13-1-2-2021-06", "TLS13-1-2-Res-2021-06", "TLS13-1-2-Ext1-2021-06",
        "TLS13-1-2-Ext2-2021-06", "TLS13-1-1-2021-06", "TLS13-1-0-2021-06",
        "TLS13-1-3-PQ-2025-09", "TLS13-1-2-PQ-2025-09", "TLS13-1-2-Res-PQ-2025-09", "TLS13-1-2-Ext1-PQ-2025-09",
        "TLS13-1-2-Ext2-PQ-2025-09", "TLS13-1-0-PQ-2025-09",
        "TLS13-1-3-FIPS-2023-04", "TLS13-1-2-FIPS-2023-04", "TLS13-1-2-Res-FIPS-2023-04",
        "TLS13-1-2-Ext0-FIPS-2023-04", "TLS13-1-2-Ext1-FIPS-2023-04", "TLS13-1-2-Ext2-FIPS-2023-04",
        "TLS13-1-1-FIPS-2023-04", "TLS13-1-0-FIPS-2023-04",
        "TLS-1-2-2017-01", "TLS-1-1-2017-01", "TLS-1-2-Ext-2018-06", "TLS-1-0-2015-04", "2015-05", "2016-08",
        "FS-2018-06", "FS-1-1-2019-08", "FS-1-2-2019-08", "FS-1-2-Res-2019-08", "FS-1-2-Res-2020-10",
    )
}  # fmt: skip


def checked_policy(asked: str | None) -> str:
    policy = asked or DEFAULT_POLICY
    if policy not in POLICIES:
        raise refused("SSLPolicyNotFound", f"SSL policy '{policy}' not found")
    return policy


def checked_alpn(asked: list[str] | None) -> str | None:
    if not asked:
        return None
    if len(asked) > 1 or asked[0] not in ALPN_POLICIES:
        raise refused("ALPNPolicyNotFound", f"ALPN policy '{', '.join(asked)}' is not supported")
    return asked[0]


def checked_certificates(world: World, asked: list[dict[str, Any]] | None) -> list[str]:
    arns = [certificate.get("CertificateArn") or "" for certificate in asked or []]
    if any("IsDefault" in certificate for certificate in asked or []):
        raise invalid("IsDefault cannot be set when specifying a certificate")
    for arn in arns:
        if not arn.startswith("arn:"):
            raise invalid(f"Certificate ARN '{arn}' is not valid")
        if ":server-certificate/" not in arn and not facts.certificate_exists(world, arn):
            raise refused("CertificateNotFound", f"Certificate '{arn}' not found")
    return arns


def default_certificate(world: World, asked: list[dict[str, Any]] | None) -> str:
    arns = checked_certificates(world, asked)
    if not arns:
        raise invalid("A certificate must be specified for TLS listeners")
    if len(arns) > 1:
        raise invalid("Up to '1' certificates can be specified for a listener")
    return arns[0]


def describe_policies(world: World, request: dict[str, Any]) -> dict[str, Any]:
    names = request.get("Names") or sorted(POLICIES)
    for name in names:
        checked_policy(name)
    return {"SslPolicies": [{"Name": name, "SupportedLoadBalancerTypes": ["application", "network"]} for name in names]}


OPERATIONS = {"DescribeSSLPolicies": describe_policies}
