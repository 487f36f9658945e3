"""What of a load balancer can be changed in place?"""

from datetime import UTC, datetime
from typing import Any

from roadstead_localstack.ec2 import facts, interfaces
from roadstead_localstack.elb import attributes
from roadstead_localstack.elb.load_balancers import enter, existing, leave, security_groups, state
from roadstead_localstack.elb.zones import Placement, check_families, described
from roadstead_localstack.errors import invalid, misconfigured
from roadstead_localstack.world import LoadBalancer, World

DATAGRAMS = ("UDP", "TCP_UDP")
# Capacity units of a load balancer: Network Load Balancers guide, capacity reservations.
LEAST_UNITS_PER_ZONE = 2750
DECREASES_A_DAY = 2


def describe_attributes(world: World, request: dict[str, Any]) -> dict[str, Any]:
    return {"Attributes": attributes.listed(existing(world, request).attributes)}


def modify_attributes(world: World, request: dict[str, Any]) -> dict[str, Any]:
    balancer = existing(world, request)
    changed = balancer.attributes | attributes.LOAD_BALANCER.changes(request.get("Attributes") or [])
    attributes.check_load_balancer(changed, balancer.attributes)
    balancer.attributes = changed
    return {"Attributes": attributes.listed(changed)}


def set_subnets(world: World, request: dict[str, Any]) -> dict[str, Any]:
    balancer, ec2 = existing(world, request), facts.backend(world)
    interfaces.settle(world, ec2)
    family = request.get("IpAddressType") or balancer.ip_address_type
    source_nat = request.get("EnablePrefixForIpv6SourceNat") or balancer.source_nat
    check_source_nat(balancer, family, source_nat)
    placement = Placement(world, request, balancer.scheme, family, source_nat)
    if placement.vpc_id != balancer.vpc_id:
        raise misconfigured(f"The subnets must belong to the load balancer's VPC '{balancer.vpc_id}'")
    wanted = placement.zones(balancer)
    gone = [zone for name, zone in balancer.zones.items() if not kept(wanted, name, zone)]
    if gone and balancer.in_use_by_endpoint_service:
        raise misconfigured("Availability Zones cannot be removed while the load balancer has endpoint associations")
    groups = [facts.security_group(ec2, group_id) for group_id in balancer.security_groups]
    for zone in gone:
        leave(world, zone)
    for zone in wanted.values():
        if zone.interface is None:
            enter(world, balancer, zone, groups)
    balancer.zones, balancer.ip_address_type, balancer.source_nat = wanted, family, source_nat
    return {
        "AvailabilityZones": [described(zone, ec2) for zone in wanted.values()],
        "IpAddressType": family,
        "EnablePrefixForIpv6SourceNat": source_nat,
    }


def kept(wanted: dict[str, Any], name: str, zone: Any) -> bool:
    return name in wanted and wanted[name].interface is zone.interface


def set_ip_address_type(world: World, request: dict[str, Any]) -> dict[str, Any]:
    balancer, family = existing(world, request), request["IpAddressType"]
    ec2 = facts.backend(world)
    source_nat = balancer.source_nat if family == "dualstack" else "off"
    check_source_nat(balancer, family, source_nat)
    check_families(family, source_nat, [facts.subnet(ec2, zone.subnet_id) for zone in balancer.zones.values()])
    if family == "ipv4" and any(
        group.ip_address_type == "ipv6" for listener in balancer.listeners.values() for group in listener.target_groups
    ):
        raise misconfigured("The IP address type cannot be ipv4 while a target group of type ipv6 is attached")
    if family == "ipv4":
        for zone in balancer.zones.values():
            zone.ipv6 = zone.source_nat_prefix = None
    balancer.ip_address_type, balancer.source_nat = family, source_nat
    return {"IpAddressType": family}


def check_source_nat(balancer: LoadBalancer, family: str, source_nat: str) -> None:
    """A dualstack load balancer serves datagrams only with prefixes for source NAT."""
    datagrams = any(listener.protocol in DATAGRAMS for listener in balancer.listeners.values())
    if family == "dualstack" and source_nat != "on" and datagrams:
        raise misconfigured(
            "A dualstack load balancer with UDP or TCP_UDP listeners needs EnablePrefixForIpv6SourceNat"
        )


def set_security_groups(world: World, request: dict[str, Any]) -> dict[str, Any]:
    balancer, ec2 = existing(world, request), facts.backend(world)
    if balancer.is_network and not balancer.made_with_security_groups:
        raise misconfigured(
            "You cannot set security groups on a Network Load Balancer that was created without security groups"
        )
    groups = security_groups(world, request, balancer.vpc_id)
    if not groups:
        raise misconfigured("At least one security group must be specified")
    if rules := request.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"):
        if rules not in ("on", "off"):
            raise invalid(f"'{rules}' is not a valid value of EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic")
        balancer.private_link_rules = rules
    for zone in balancer.zones.values():
        interfaces.regroup(ec2, zone, groups)
    balancer.security_groups = [group.id for group in groups]
    return {
        "SecurityGroupIds": list(balancer.security_groups),
        "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": balancer.private_link_rules,
    }


def modify_capacity(world: World, request: dict[str, Any]) -> dict[str, Any]:
    balancer = existing(world, request)
    units = (request.get("MinimumLoadBalancerCapacity") or {}).get("CapacityUnits")
    reset = request.get("ResetCapacityReservation") or False
    if reset == (units is not None):
        raise invalid("Either MinimumLoadBalancerCapacity or ResetCapacityReservation must be specified")
    if state(world, balancer) != "active":
        raise misconfigured("The capacity can only be reserved for a load balancer in the state active")
    if units is not None:
        least = LEAST_UNITS_PER_ZONE * len(balancer.zones)
        if units < least:
            raise misconfigured(f"The minimum capacity is {least} units for {len(balancer.zones)} Availability Zones")
    balancer.capacity_units, balancer.capacity_changed = units, datetime.now(UTC)
    return describe_capacity(world, request)


def describe_capacity(world: World, request: dict[str, Any]) -> dict[str, Any]:
    balancer = existing(world, request)
    answer: dict[str, Any] = {"DecreaseRequestsRemaining": DECREASES_A_DAY}
    if balancer.capacity_changed:
        answer["LastModifiedTime"] = balancer.capacity_changed
    if balancer.capacity_units is not None:
        answer["MinimumLoadBalancerCapacity"] = {"CapacityUnits": balancer.capacity_units}
        answer["CapacityReservationState"] = [
            {
                "State": {"Code": "provisioned"},
                "AvailabilityZone": name,
                "EffectiveCapacityUnits": balancer.capacity_units / len(balancer.zones),
            }
            for name in balancer.zones
        ]
    return answer


OPERATIONS = {
    "DescribeLoadBalancerAttributes": describe_attributes,
    "ModifyLoadBalancerAttributes": modify_attributes,
    "SetSubnets": set_subnets,
    "SetIpAddressType": set_ip_address_type,
    "SetSecurityGroups": set_security_groups,
    "ModifyCapacityReservation": modify_capacity,
    "DescribeCapacityReservation": describe_capacity,
}
