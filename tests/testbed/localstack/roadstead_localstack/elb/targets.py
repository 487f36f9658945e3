"""Which targets does a target group have, and how are they?"""

import ipaddress
import time
from typing import Any

from roadstead_localstack.ec2 import facts, instances
from roadstead_localstack.elb import capacity
from roadstead_localstack.elb.health import health, is_drained
from roadstead_localstack.elb.target_groups import existing
from roadstead_localstack.errors import invalid, refused
from roadstead_localstack.world import Target, TargetGroup, World

# Beyond the VPC only these may be targets (RFC 1918, RFC 6598).
PRIVATE = [ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]
# Target groups for your Network Load Balancers: not by instance id.
OLD_TYPES = {"c1", "cc1", "cc2", "cg1", "cg2", "cr1", "g1", "g2", "hi1", "hs1", "m1", "m2", "m3", "t1"}


def register(world: World, request: dict[str, Any]) -> dict[str, Any]:
    group = existing(world, request)
    asked = request.get("Targets") or []
    if not asked:
        raise invalid("At least one target must be specified")
    forget_drained(world, group)
    make = by_instance if group.target_type == "instance" else by_address
    made = make(world, group, asked)
    new = {(target.id, target.port): target for target in made}
    capacity.check_targets(world, group, [target for key, target in new.items() if key not in present(group)])
    for key, target in new.items():
        before = group.targets.get(key)
        if before is None or before.draining_since is not None:
            group.targets[key] = target
    return {}


def present(group: TargetGroup) -> set[tuple[str, int]]:
    return {key for key, target in group.targets.items() if target.draining_since is None}


def by_instance(world: World, group: TargetGroup, asked: list[dict[str, Any]]) -> list[Target]:
    ec2, made, unfit, stopped, strangers = facts.backend(world), [], [], [], []
    for one in asked:
        if one.get("AvailabilityZone"):
            raise invalid("An Availability Zone cannot be specified for targets of type instance")
        instance = instances.instance(ec2, one["Id"])
        if instance is None:
            unfit.append(one["Id"])
        elif instance._state.code != facts.RUNNING:
            stopped.append(one["Id"])
        elif instance.vpc_id != group.vpc_id or instance.instance_type.split(".")[0] in OLD_TYPES:
            strangers.append(one["Id"])
        else:
            zone = facts.subnet(ec2, instance.subnet_id).availability_zone
            made.append(Target(one["Id"], one.get("Port") or group.port, zone))
    if unfit:
        raise refused("InvalidTarget", f"The following targets are not valid instances: {quoted(unfit)}")
    if stopped:
        raise refused(
            "InvalidTarget",
            f"The following targets are not in a running state and cannot be registered: {quoted(stopped)}",
        )
    if strangers:
        raise refused(
            "InvalidTarget",
            f"The following targets are not in the target group VPC '{group.vpc_id}' or have an unsupported instance "
            f"type: {quoted(strangers)}",
        )
    return made


def quoted(ids: list[str]) -> str:
    return ", ".join(f"'{target_id}'" for target_id in dict.fromkeys(ids))


def by_address(world: World, group: TargetGroup, asked: list[dict[str, Any]]) -> list[Target]:
    ec2, blocks = facts.backend(world), facts.vpc_blocks(facts.backend(world), group.vpc_id)
    made = []
    for one in asked:
        try:
            address = ipaddress.ip_address(one["Id"])
        except ValueError:
            raise invalid(f"The IP address '{one['Id']}' is not a valid IP address") from None
        if f"ipv{address.version}" != group.ip_address_type:
            raise invalid(f"The IP address '{one['Id']}' is not of the target group's type {group.ip_address_type}")
        inside = any(address in block for block in blocks)
        given = one.get("AvailabilityZone")
        if not inside and not (address.version == 4 and any(address in block for block in PRIVATE)):
            raise invalid(f"The IP address '{one['Id']}' is not within the VPC or a private range")
        if not inside and given is None:
            raise invalid(f"The IP address '{one['Id']}' is outside the VPC: an Availability Zone must be specified")
        subnet = facts.subnet_of_address(ec2, group.vpc_id, address) if inside else None
        zone = subnet.availability_zone if subnet else given
        # In the compressed form of RFC 5952, whatever form was given.
        made.append(Target(str(address), one.get("Port") or group.port, zone, given_zone=given))
    return made


def deregister(world: World, request: dict[str, Any]) -> dict[str, Any]:
    group = existing(world, request)
    for one in request.get("Targets") or []:
        # Without a port it is the registration with the group's own that goes; what is not registered is no error.
        key = (one["Id"], one.get("Port") or group.port)
        target = group.targets.get(key)
        if target is None or target.draining_since is not None:
            continue
        target.draining_since = time.monotonic()
        if group.load_balancer is None or is_drained(world, group, target):
            del group.targets[key]
    return {}


def forget_drained(world: World, group: TargetGroup) -> None:
    for key in [key for key, target in group.targets.items() if is_drained(world, group, target)]:
        del group.targets[key]


def describe_health(world: World, request: dict[str, Any]) -> dict[str, Any]:
    group = existing(world, request)
    forget_drained(world, group)
    asked = request.get("Targets")
    if asked:
        found = [named(world, group, one) for one in asked]
    else:
        found = [described(world, group, target) for target in group.targets.values()]
    return {"TargetHealthDescriptions": found}


def named(world: World, group: TargetGroup, one: dict[str, Any]) -> dict[str, Any]:
    target = group.targets.get((one["Id"], one.get("Port") or group.port))
    if target is not None:
        return described(world, group, target)
    if group.target_type == "instance" and instances.instance(facts.backend(world), one["Id"]) is None:
        raise refused("InvalidTarget", f"The following targets are not valid instances: '{one['Id']}'")
    port = one.get("Port") or group.port
    return {
        "Target": {"Id": one["Id"], "Port": port},
        "TargetHealth": {
            "State": "unused",
            "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group",
        },
    }


def described(world: World, group: TargetGroup, target: Target) -> dict[str, Any]:
    check = group.health_check
    description = {"Id": target.id, "Port": target.port}
    if target.given_zone or group.target_type == "ip":
        description["AvailabilityZone"] = target.given_zone or target.zone
    return {
        "Target": {key: value for key, value in description.items() if value is not None},
        "HealthCheckPort": str(target.port) if check.port == "traffic-port" else check.port,
        "TargetHealth": health(world, group, target),
    }


OPERATIONS = {
    "RegisterTargets": register,
    "DeregisterTargets": deregister,
    "DescribeTargetHealth": describe_health,
}
