"""Which attributes do load balancers, target groups and listeners have, with which defaults, and what may they be?

The tables are those of the API reference (LoadBalancerAttribute, TargetGroupAttribute, ListenerAttribute).
"""

from collections.abc import Callable
from typing import Any

from roadstead_localstack.errors import invalid, misconfigured

Check = Callable[[str], bool]


def boolean(value: str) -> bool:
    return value in ("true", "false")


def between(low: int, high: int) -> Check:
    return lambda value: value.isdigit() and low <= int(value) <= high


def one_of(*values: str) -> Check:
    return lambda value: value in values


def off_or_between(low: int, high: int) -> Check:
    return lambda value: value == "off" or between(low, high)(value)


def anything(_: str) -> bool:
    return True


class Attributes:
    """What one kind of object has: for each key its default and what it may be."""

    def __init__(self, what: str, table: dict[str, tuple[str, Check]]):
        self.what = what
        self.table = table

    def defaults(self, **other: str) -> dict[str, str]:
        return {key: default for key, (default, _) in self.table.items()} | {
            key.replace("__", "."): value for key, value in other.items()
        }

    def changes(self, asked: list[dict[str, str]]) -> dict[str, str]:
        """What a Modify call asks for, checked."""
        if not asked:
            raise invalid(f"{self.what} attributes must be specified")
        keys = [attribute.get("Key", "") for attribute in asked]
        if len(keys) != len(set(keys)):
            raise invalid(f"{self.what} attribute keys must be unique")
        changes = {}
        for attribute in asked:
            key, value = attribute.get("Key", ""), attribute.get("Value", "")
            if key not in self.table:
                raise invalid(f"{self.what} attribute key '{key}' is not recognized")
            if not self.table[key][1](value):
                raise invalid(f"{self.what} attribute value '{value}' for key '{key}' is not valid")
            changes[key] = value
        return changes


def listed(attributes: dict[str, str]) -> list[dict[str, Any]]:
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


# access_logs.s3.bucket and .prefix are empty until they are set.
LOAD_BALANCER = Attributes(
    "Load balancer",
    {
        "deletion_protection.enabled": ("false", boolean),
        "load_balancing.cross_zone.enabled": ("false", boolean),
        "access_logs.s3.enabled": ("false", boolean),
        "access_logs.s3.bucket": ("", anything),
        "access_logs.s3.prefix": ("", anything),
        "ipv6.deny_all_igw_traffic": ("false", boolean),
        "zonal_shift.config.enabled": ("false", boolean),
        "dns_record.client_routing_policy": (
            "any_availability_zone",
            one_of("any_availability_zone", "availability_zone_affinity", "partial_availability_zone_affinity"),
        ),
        "secondary_ips.auto_assigned.per_subnet": ("0", between(0, 7)),
    },
)

TARGET_GROUP = Attributes(
    "Target group",
    {
        "deregistration_delay.timeout_seconds": ("300", between(0, 3600)),
        "deregistration_delay.connection_termination.enabled": ("false", boolean),
        "preserve_client_ip.enabled": ("true", boolean),
        "proxy_protocol_v2.enabled": ("false", boolean),
        "stickiness.enabled": ("false", boolean),
        "stickiness.type": ("source_ip", one_of("source_ip")),
        "load_balancing.cross_zone.enabled": (
            "use_load_balancer_configuration",
            one_of("true", "false", "use_load_balancer_configuration"),
        ),
        "target_group_health.dns_failover.minimum_healthy_targets.count": ("1", off_or_between(1, 1000)),
        "target_group_health.dns_failover.minimum_healthy_targets.percentage": ("off", off_or_between(1, 100)),
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": ("1", between(1, 1000)),
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": (
            "off",
            off_or_between(1, 100),
        ),
        "target_health_state.unhealthy.connection_termination.enabled": ("true", boolean),
        "target_health_state.unhealthy.draining_interval_seconds": ("0", between(0, 360_000)),
    },
)

LISTENER = Attributes("Listener", {"tcp.idle_timeout.seconds": ("350", between(60, 6000))})


def load_balancer_defaults(scheme: str) -> dict[str, str]:
    return LOAD_BALANCER.defaults(ipv6__deny_all_igw_traffic="true" if scheme == "internal" else "false")


def target_group_defaults(protocol: str, target_type: str) -> dict[str, str]:
    defaults = TARGET_GROUP.defaults()
    if target_type == "ip" and protocol in ("TCP", "TLS"):
        defaults["preserve_client_ip.enabled"] = "false"
    if protocol in ("UDP", "TCP_UDP"):
        defaults["deregistration_delay.connection_termination.enabled"] = "true"
        defaults["target_health_state.unhealthy.connection_termination.enabled"] = "false"
    return defaults


def check_load_balancer(attributes: dict[str, str], before: dict[str, str]) -> None:
    """Whether a load balancer's attributes go together, and with what they were."""
    if attributes["access_logs.s3.enabled"] == "true" and not attributes["access_logs.s3.bucket"]:
        raise misconfigured("The value of 'access_logs.s3.bucket' cannot be empty when access logs are enabled")
    secondary = "secondary_ips.auto_assigned.per_subnet"
    if int(attributes[secondary]) < int(before[secondary]):
        raise misconfigured(f"The value of '{secondary}' cannot be decreased")


def check_target_group(attributes: dict[str, str], protocol: str) -> None:
    """Whether a target group's attributes go together, and with its protocol."""
    datagrams = protocol in ("UDP", "TCP_UDP")
    if datagrams and attributes["preserve_client_ip.enabled"] == "false":
        raise misconfigured(f"Client IP preservation cannot be disabled for {protocol} target groups")
    terminates = attributes["target_health_state.unhealthy.connection_termination.enabled"] == "true"
    if datagrams and terminates:
        raise misconfigured(f"Unhealthy connection termination cannot be enabled for {protocol} target groups")
    if terminates and attributes["target_health_state.unhealthy.draining_interval_seconds"] != "0":
        raise misconfigured(
            "target_health_state.unhealthy.draining_interval_seconds can only be set when unhealthy connection "
            "termination is disabled"
        )
