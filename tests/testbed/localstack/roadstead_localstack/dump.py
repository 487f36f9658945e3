"""What exists? Everything of an account in one answer, for a test that looks for leaks."""

from typing import Any

from roadstead_localstack.ec2 import facts, interfaces, rules
from roadstead_localstack.elb.load_balancers import state
from roadstead_localstack.elb.targets import described, forget_drained
from roadstead_localstack.world import Listener, LoadBalancer, TargetGroup, World


def dump(world: World) -> dict[str, Any]:
    ec2 = facts.backend(world)
    interfaces.settle(world, ec2)
    with world.lock:
        groups = [group for groups in ec2.groups.values() for group in groups.values() if group.name != "default"]
        ours = [eni for eni in ec2.enis.values() if isinstance(eni, interfaces.LoadBalancerInterface)]
        return {
            "load_balancers": [load_balancer(world, balancer) for balancer in world.load_balancers.values()],
            "target_groups": [target_group(world, group) for group in world.target_groups.values()],
            "security_groups": [security_group(ec2, group) for group in groups],
            "network_interfaces": [{"id": eni.id, "description": eni.description} for eni in ours],
        }


def load_balancer(world: World, balancer: LoadBalancer) -> dict[str, Any]:
    return {
        "arn": balancer.arn,
        "name": balancer.name,
        "dns_name": balancer.dns_name,
        "scheme": balancer.scheme,
        "state": state(world, balancer),
        "ip_address_type": balancer.ip_address_type,
        "subnets": [zone.subnet_id for zone in balancer.zones.values()],
        "security_groups": list(balancer.security_groups),
        "attributes": dict(balancer.attributes),
        "tags": dict(balancer.tags),
        "listeners": [listener(one) for one in balancer.listeners.values()],
    }


def listener(one: Listener) -> dict[str, Any]:
    return {
        "arn": one.arn,
        "protocol": one.protocol,
        "port": one.port,
        "target_groups": [group.arn for group in one.target_groups],
        "certificates": ([one.certificate] if one.certificate else []) + one.more_certificates,
        "tags": dict(one.tags),
    }


def target_group(world: World, group: TargetGroup) -> dict[str, Any]:
    forget_drained(world, group)
    return {
        "arn": group.arn,
        "name": group.name,
        "protocol": group.protocol,
        "port": group.port,
        "target_type": group.target_type,
        "load_balancer": group.load_balancer.arn if group.load_balancer else None,
        "attributes": dict(group.attributes),
        "tags": dict(group.tags),
        "targets": [target(described(world, group, one)) for one in group.targets.values()],
    }


def target(shown: dict[str, Any]) -> dict[str, Any]:
    health = shown["TargetHealth"]
    return {
        "id": shown["Target"]["Id"],
        "port": shown["Target"]["Port"],
        "state": health["State"],
        "reason": health.get("Reason"),
    }


def security_group(ec2, group) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "vpc_id": group.vpc_id,
        "tags": dict(ec2.tags.get(group.id) or {}),
        "ingress": [rule(one) for one in group.ingress_rules],
        "egress": [rule(one) for one in group.egress_rules],
    }


def rule(one) -> dict[str, Any]:
    protocol, first, last, peer = rules.identity(one)
    return {
        "protocol": protocol,
        "from_port": first,
        "to_port": last,
        "peer": peer,
        "description": rules.description(one),
    }
