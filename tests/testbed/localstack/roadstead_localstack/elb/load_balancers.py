"""Which load balancers are there, and how do they come and go?"""

import time
from typing import Any

from roadstead_localstack.ec2 import facts, interfaces
from roadstead_localstack.elb import attributes, listeners
from roadstead_localstack.elb.paging import page
from roadstead_localstack.elb.tags import asked_tags
from roadstead_localstack.elb.zones import Placement, described
from roadstead_localstack.errors import (
    invalid,
    load_balancer_not_found,
    load_balancers_not_found,
    misconfigured,
    refused,
)
from roadstead_localstack.world import NAME, LoadBalancer, World, Zone, hex_id

MOST_DESCRIBED = 20
SCHEMES = ("internet-facing", "internal")
TYPES = {"network": "net", "application": "app"}
# us-east-1's: endpoints and quotas of Elastic Load Balancing, General Reference.
HOSTED_ZONES = {"network": "Z26RNL4JYFTOTI", "application": "Z35SXDOTRQ7X7K"}


def existing(world: World, request: dict[str, Any]) -> LoadBalancer:
    arn = request.get("LoadBalancerArn") or ""
    if balancer := world.load_balancers.get(arn):
        return balancer
    if ":loadbalancer/" not in arn:
        raise invalid(f"'{arn}' is not a valid load balancer ARN")
    raise load_balancer_not_found(arn)


# === create ===


def create(world: World, request: dict[str, Any]) -> dict[str, Any]:
    ec2 = facts.backend(world)
    interfaces.settle(world, ec2)
    kind, name = request.get("Type") or "application", request.get("Name") or ""
    if kind not in TYPES:
        raise invalid(f"Load balancers of type '{kind}' are not supported here")
    scheme = request.get("Scheme") or "internet-facing"
    if scheme not in SCHEMES:
        raise refused("InvalidScheme", f"The scheme '{scheme}' is not valid")
    check_name(name)
    tags = asked_tags(request.get("Tags"))
    source_nat = request.get("EnablePrefixForIpv6SourceNat") or "off"
    placement = Placement(world, request, scheme, request.get("IpAddressType") or "ipv4", source_nat)
    groups = security_groups(world, request, placement.vpc_id)
    if taken := world.load_balancers_by_name.get(name):
        return {"LoadBalancers": [same_or_refused(world, taken, kind, scheme, placement, groups)]}
    if kind == "application" and len(placement.mappings) < 2:
        raise invalid("At least two subnets in two different Availability Zones must be specified")
    quota = world.settings.quotas.load_balancers
    if kind == "network" and world.network_load_balancers() >= quota:
        raise refused("TooManyLoadBalancers", f"The maximum number of load balancers has been reached: {quota}")
    zones = placement.zones()
    balancer = LoadBalancer(
        arn=world.arn("loadbalancer", TYPES[kind], name, suffix := hex_id()),
        tags=tags,
        name=name,
        type=kind,
        scheme=scheme,
        vpc_id=placement.vpc_id,
        dns_name=dns_name(name, suffix, kind, scheme, world.region),
        ip_address_type=placement.ip_address_type,
        zones=zones,
        security_groups=[group.id for group in groups],
        attributes=attributes.load_balancer_defaults(scheme),
        source_nat=source_nat,
    )
    for zone in zones.values():
        enter(world, balancer, zone, groups)
    world.load_balancers[balancer.arn] = world.load_balancers_by_name[name] = balancer
    # Whatever the delays are: nothing is active when the call that creates it returns.
    return {"LoadBalancers": [describe(world, balancer) | {"State": {"Code": "provisioning"}}]}


def check_name(name: str) -> None:
    if len(name) > 32:
        raise invalid(f"The load balancer name '{name}' cannot be longer than '32' characters")
    if not NAME.fullmatch(name):
        raise invalid(
            f"The load balancer name '{name}' can only contain alphanumeric characters and hyphens, and cannot begin "
            "or end with a hyphen"
        )
    if name.startswith("internal-"):
        raise invalid(f"The load balancer name '{name}' cannot begin with 'internal-'")


def same_or_refused(
    world: World, taken: LoadBalancer, kind: str, scheme: str, placement: Placement, groups: list[Any]
) -> dict[str, Any]:
    """Creating again what exists with the same settings answers with what exists."""
    ask = {m["SubnetId"]: (m.get("AllocationId"), m.get("PrivateIPv4Address")) for m in placement.mappings}
    have = {zone.subnet_id: (zone.allocation_id, zone.private_ipv4) for zone in taken.zones.values()}
    wanted = (kind, scheme, placement.ip_address_type, placement.source_nat, {group.id for group in groups}, ask)
    found = (taken.type, taken.scheme, taken.ip_address_type, taken.source_nat, set(taken.security_groups), have)
    if wanted != found:
        raise refused(
            "DuplicateLoadBalancerName",
            f"A load balancer with the same name '{taken.name}' exists, but with different settings",
        )
    return describe(world, taken)


def dns_name(name: str, suffix: str, kind: str, scheme: str, region: str) -> str:
    """Network: NAME-ID.elb.REGION.…; application: [internal-]NAME-ID.REGION.elb.…"""
    if kind == "network":
        return f"{name}-{suffix}.elb.{region}.amazonaws.com"
    prefix = "internal-" if scheme == "internal" else ""
    return f"{prefix}{name}-{int(suffix, 16) % 10**10}.{region}.elb.amazonaws.com"


def security_groups(world: World, request: dict[str, Any], vpc_id: str) -> list[Any]:
    ids = list(dict.fromkeys(request.get("SecurityGroups") or []))
    ec2, groups = facts.backend(world), []
    for group_id in ids:
        group = facts.security_group(ec2, group_id)
        if group is None:
            raise refused("InvalidSecurityGroup", f"The security group '{group_id}' does not exist")
        if group.vpc_id != vpc_id:
            raise misconfigured("One or more security groups are invalid")
        groups.append(group)
    if len(ids) > (most := world.settings.quotas.security_groups_per_load_balancer):
        raise misconfigured(f"A load balancer can have at most {most} security groups")
    return groups


def enter(world: World, balancer: LoadBalancer, zone: Zone, groups: list[Any]) -> None:
    """Takes what a new zone needs."""
    ec2 = facts.backend(world)
    interfaces.attach(ec2, balancer, zone, facts.subnet(ec2, zone.subnet_id), groups)


def leave(world: World, zone: Zone) -> None:
    """Gives back what a zone had, when its interface goes."""
    interfaces.release(world, facts.backend(world), zone)


# === describe ===


def describe_load_balancers(world: World, request: dict[str, Any]) -> dict[str, Any]:
    arns, names = request.get("LoadBalancerArns") or [], request.get("Names") or []
    if arns and names:
        raise invalid("Load balancer names and ARNs cannot be specified at the same time")
    if len(arns) > MOST_DESCRIBED or len(names) > MOST_DESCRIBED:
        raise invalid(f"Up to {MOST_DESCRIBED} load balancers can be described at a time")
    if arns:
        found = chosen(world.load_balancers, arns)
    elif names:
        found = chosen(world.load_balancers_by_name, names)
    else:
        found = list(world.load_balancers.values())
    here, more = page(found, request)
    return {"LoadBalancers": [describe(world, balancer) for balancer in here]} | more


def chosen(index: dict[str, LoadBalancer], keys: list[str]) -> list[LoadBalancer]:
    """All of them, or none: one that does not exist spoils the call."""
    if missing := [key for key in keys if key not in index]:
        raise load_balancers_not_found(missing)
    return sorted({index[key] for key in keys}, key=lambda balancer: balancer.sequence)


def describe(world: World, balancer: LoadBalancer) -> dict[str, Any]:
    ec2 = facts.backend(world)
    answer = {
        "LoadBalancerArn": balancer.arn,
        "DNSName": balancer.dns_name,
        "CanonicalHostedZoneId": HOSTED_ZONES[balancer.type],
        "CreatedTime": balancer.created,
        "LoadBalancerName": balancer.name,
        "Scheme": balancer.scheme,
        "VpcId": balancer.vpc_id,
        "State": {"Code": state(world, balancer)},
        "Type": balancer.type,
        "AvailabilityZones": [described(zone, ec2) for zone in balancer.zones.values()],
        "IpAddressType": balancer.ip_address_type,
    }
    if balancer.security_groups:
        answer["SecurityGroups"] = list(balancer.security_groups)
    if balancer.is_network:
        answer["EnablePrefixForIpv6SourceNat"] = balancer.source_nat
        if balancer.security_groups:
            answer["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] = balancer.private_link_rules
    return answer


def state(world: World, balancer: LoadBalancer) -> str:
    if balancer.forced_state:
        return balancer.forced_state
    age = time.monotonic() - balancer.since
    return "provisioning" if age < world.settings.delays.provisioning else "active"


# === delete ===


def delete(world: World, request: dict[str, Any]) -> dict[str, Any]:
    balancer = world.load_balancers.get(arn := request.get("LoadBalancerArn") or "")
    if balancer is None:
        if ":loadbalancer/" not in arn:
            raise invalid(f"'{arn}' is not a valid load balancer ARN")
        return {}
    if balancer.attributes.get("deletion_protection.enabled") == "true":
        raise refused(
            "OperationNotPermitted",
            f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
        )
    if balancer.in_use_by_endpoint_service:
        raise refused(
            "ResourceInUse",
            f"Load balancer '{arn}' cannot be deleted because it is currently associated with another service",
        )
    for listener in list(balancer.listeners.values()):
        listeners.remove(world, listener)
    for zone in balancer.zones.values():
        leave(world, zone)
    del world.load_balancers[arn], world.load_balancers_by_name[balancer.name]
    return {}


OPERATIONS = {
    "CreateLoadBalancer": create,
    "DescribeLoadBalancers": describe_load_balancers,
    "DeleteLoadBalancer": delete,
}
