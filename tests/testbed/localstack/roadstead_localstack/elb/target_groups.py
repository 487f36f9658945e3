"""Which target groups are there, and by which health check?"""

import re
from typing import Any

from roadstead_localstack.ec2 import facts
from roadstead_localstack.elb import attributes
from roadstead_localstack.elb.paging import page
from roadstead_localstack.elb.tags import asked_tags
from roadstead_localstack.errors import (
    invalid,
    load_balancer_not_found,
    misconfigured,
    refused,
    target_group_not_found,
    target_groups_not_found,
)
from roadstead_localstack.world import NAME, HealthCheck, TargetGroup, World, hex_id

PROTOCOLS = ("TCP", "TLS", "UDP", "TCP_UDP")
CHECK_PROTOCOLS = ("TCP", "HTTP", "HTTPS")
CODES = re.compile(r"\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*")
# For HTTP(S) checks of a Network Load Balancer's targets.
DEFAULT_CODES = "200-399"
MOST_DESCRIBED = 20
RANGES = {
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}


def existing(world: World, request: dict[str, Any]) -> TargetGroup:
    arn = request.get("TargetGroupArn") or ""
    if group := world.target_groups.get(arn):
        return group
    if ":targetgroup/" not in arn:
        raise invalid(f"'{arn}' is not a valid target group ARN")
    raise target_group_not_found(arn)


def create(world: World, request: dict[str, Any]) -> dict[str, Any]:
    name, protocol = request.get("Name") or "", request.get("Protocol") or ""
    if len(name) > 32:
        raise invalid(f"Target group name '{name}' cannot be longer than '32' characters")
    if not NAME.fullmatch(name):
        raise invalid(
            f"Target group name '{name}' can only contain alphanumeric characters and hyphens, and cannot begin or end "
            "with a hyphen"
        )
    tags = asked_tags(request.get("Tags"))
    made = TargetGroup(
        arn=world.arn("targetgroup", name, hex_id()),
        tags=tags,
        name=name,
        protocol=protocol,
        port=request.get("Port") or 0,
        vpc_id=request.get("VpcId") or "",
        target_type=request.get("TargetType") or "instance",
        ip_address_type=request.get("IpAddressType") or "ipv4",
        health_check=health_check(request),
        attributes=attributes.target_group_defaults(protocol, request.get("TargetType") or "instance"),
    )
    check(world, made)
    if taken := world.target_groups_by_name.get(name):
        if settings(taken) != settings(made):
            raise refused(
                "DuplicateTargetGroupName",
                f"A target group with the same name '{name}' exists, but with different settings",
            )
        return {"TargetGroups": [describe(taken)]}
    if len(world.target_groups) >= (most := world.settings.quotas.target_groups):
        raise refused("TooManyTargetGroups", f"The maximum number of target groups has been reached: {most}")
    world.target_groups[made.arn] = world.target_groups_by_name[name] = made
    return {"TargetGroups": [describe(made)]}


def check(world: World, group: TargetGroup) -> None:
    if group.protocol not in PROTOCOLS:
        raise invalid(f"The target group protocol '{group.protocol}' is not supported here")
    if not 1 <= group.port <= 65535:
        raise invalid("A port must be specified, from 1 to 65535")
    if group.target_type not in ("instance", "ip"):
        raise invalid(f"The target type '{group.target_type}' is not supported here")
    if group.ip_address_type not in ("ipv4", "ipv6"):
        raise invalid(f"The IP address type '{group.ip_address_type}' is not valid")
    if group.vpc_id not in facts.backend(world).vpcs:
        raise invalid(f"The VPC ID '{group.vpc_id}' is not found")


def settings(group: TargetGroup) -> tuple[Any, ...]:
    """What must be the same for one to be taken for the other."""
    kind = (group.protocol, group.port, group.vpc_id, group.target_type, group.ip_address_type)
    return kind, vars(group.health_check)


def health_check(request: dict[str, Any], before: HealthCheck | None = None) -> HealthCheck:
    """The health check that a request asks for; what it does not name is as before, or AWS's default."""
    for key, (low, high) in RANGES.items():
        if request.get(key) is not None and not low <= request[key] <= high:
            raise invalid(f"{key} '{request[key]}' must be between {low} and {high}")
    if request.get("HealthCheckEnabled") is False:
        raise misconfigured("Health checks cannot be disabled for the target types instance and ip")
    protocol = request.get("HealthCheckProtocol") or (before.protocol if before else "TCP")
    if protocol not in CHECK_PROTOCOLS:
        raise invalid(f"Health check protocol '{protocol}' is not supported for a Network Load Balancer's targets")
    http = protocol != "TCP"
    path, codes = request.get("HealthCheckPath"), (request.get("Matcher") or {}).get("HttpCode")
    if not http and (path or codes):
        raise misconfigured("Health check path and matcher are not supported for health checks with protocol TCP")
    kept = before if before and before.protocol != "TCP" else None
    made = HealthCheck(
        protocol=protocol,
        port=checked_port(request.get("HealthCheckPort") or (before.port if before else "traffic-port")),
        path=(path or (kept.path if kept else "/")) if http else None,
        interval=request.get("HealthCheckIntervalSeconds") or (before.interval if before else 30),
        timeout=request.get("HealthCheckTimeoutSeconds") or default_timeout(before, protocol),
        healthy=request.get("HealthyThresholdCount") or (before.healthy if before else 5),
        unhealthy=request.get("UnhealthyThresholdCount") or (before.unhealthy if before else 2),
        codes=checked_codes(codes or (kept.codes if kept else DEFAULT_CODES)) if http else None,
    )
    if made.path is not None and (not made.path.startswith("/") or len(made.path) > 1024):
        raise invalid(f"Health check path '{made.path}' must begin with '/' and have at most 1024 characters")
    if made.timeout > made.interval:
        raise invalid(
            f"Health check timeout '{made.timeout}' must be smaller than or equal to the interval '{made.interval}'"
        )
    return made


def default_timeout(before: HealthCheck | None, protocol: str) -> int:
    """10 s for TCP and HTTPS, 6 s for HTTP (CreateTargetGroup, HealthCheckTimeoutSeconds)."""
    return before.timeout if before else 6 if protocol == "HTTP" else 10


def checked_port(port: str) -> str:
    if port != "traffic-port" and not (port.isdigit() and 1 <= int(port) <= 65535):
        raise invalid(f"Health check port '{port}' is not valid")
    return port


def checked_codes(codes: str) -> str:
    if not CODES.fullmatch(codes) or not all(200 <= int(code) <= 599 for code in re.findall(r"\d+", codes)):
        raise invalid(f"Health check matcher HTTP code '{codes}' must be within '200-599'")
    return codes


def describe(group: TargetGroup) -> dict[str, Any]:
    check = group.health_check
    answer = {
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "Port": group.port,
        "VpcId": group.vpc_id,
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "LoadBalancerArns": [group.load_balancer.arn] if group.load_balancer else [],
        "TargetType": group.target_type,
        "IpAddressType": group.ip_address_type,
    }
    if check.path is not None:
        answer |= {"HealthCheckPath": check.path, "Matcher": {"HttpCode": check.codes}}
    return answer


def describe_target_groups(world: World, request: dict[str, Any]) -> dict[str, Any]:
    arns, names = request.get("TargetGroupArns") or [], request.get("Names") or []
    balancer_arn = request.get("LoadBalancerArn")
    if sum(map(bool, (arns, names, balancer_arn))) > 1:
        raise invalid("Only one of target group names, target group ARNs and a load balancer ARN can be specified")
    if balancer_arn:
        balancer = world.load_balancers.get(balancer_arn)
        if balancer is None:
            raise load_balancer_not_found(balancer_arn)
        found = {group for listener in balancer.listeners.values() for group in listener.target_groups}
    elif arns or names:
        if len(arns) > MOST_DESCRIBED or len(names) > MOST_DESCRIBED:
            raise invalid(f"Up to {MOST_DESCRIBED} target groups can be described at a time")
        index, keys = (world.target_groups, arns) if arns else (world.target_groups_by_name, names)
        if missing := [key for key in keys if key not in index]:
            raise target_groups_not_found(missing)
        found = {index[key] for key in keys}
    else:
        found = world.target_groups.values()
    here, more = page(sorted(found, key=lambda group: group.sequence), request)
    return {"TargetGroups": [describe(group) for group in here]} | more


def modify(world: World, request: dict[str, Any]) -> dict[str, Any]:
    group = existing(world, request)
    group.health_check = health_check(request, group.health_check)
    return {"TargetGroups": [describe(group)]}


def delete(world: World, request: dict[str, Any]) -> dict[str, Any]:
    arn = request.get("TargetGroupArn") or ""
    group = world.target_groups.get(arn)
    if group is None:
        if ":targetgroup/" not in arn:
            raise invalid(f"'{arn}' is not a valid target group ARN")
        return {}
    if group.listeners:
        raise refused("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    del world.target_groups[arn], world.target_groups_by_name[group.name]
    return {}


def describe_attributes(world: World, request: dict[str, Any]) -> dict[str, Any]:
    return {"Attributes": attributes.listed(existing(world, request).attributes)}


def modify_attributes(world: World, request: dict[str, Any]) -> dict[str, Any]:
    group = existing(world, request)
    changed = group.attributes | attributes.TARGET_GROUP.changes(request.get("Attributes") or [])
    attributes.check_target_group(changed, group.protocol)
    group.attributes = changed
    return {"Attributes": attributes.listed(changed)}


OPERATIONS = {
    "CreateTargetGroup": create,
    "DescribeTargetGroups": describe_target_groups,
    "ModifyTargetGroup": modify,
    "DeleteTargetGroup": delete,
    "DescribeTargetGroupAttributes": describe_attributes,
    "ModifyTargetGroupAttributes": modify_attributes,
}
