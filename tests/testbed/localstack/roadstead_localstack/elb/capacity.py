"""How many targets and certificates may a load balancer have? A target counts in each group that it is in."""

from collections import Counter

from roadstead_localstack.errors import refused
from roadstead_localstack.world import LoadBalancer, Target, TargetGroup, World


def check_targets(world: World, group: TargetGroup, new: list[Target]) -> None:
    """Whether `group` may have these besides those that it has."""
    quotas = world.settings.quotas
    if not new:
        return
    if len(active(group)) + len(new) > quotas.targets_per_group:
        raise refused(
            "TooManyTargets",
            f"The maximum number of targets per target group has been reached: {quotas.targets_per_group}",
        )
    if group.load_balancer:
        check_load_balancer(world, group.load_balancer, groups_of(group.load_balancer), new)


def check_attaching(world: World, balancer: LoadBalancer, groups: list[TargetGroup]) -> None:
    """Whether `balancer` may have the targets of these groups besides those that it has."""
    have = groups_of(balancer)
    if any(group not in have for group in groups):
        check_load_balancer(world, balancer, have | set(groups), [])


def check_load_balancer(world: World, balancer: LoadBalancer, groups: set[TargetGroup], new: list[Target]) -> None:
    quotas = world.settings.quotas
    targets = [target for group in groups for target in active(group)] + new
    if len(targets) > quotas.targets_per_load_balancer:
        raise refused(
            "TooManyTargets",
            f"The maximum number of targets per load balancer has been reached: {quotas.targets_per_load_balancer}",
        )
    crosses = balancer.attributes["load_balancing.cross_zone.enabled"] == "true"
    zones = Counter("all" if crosses else target.zone for target in targets)
    if zones and max(zones.values()) > quotas.targets_per_zone:
        raise refused(
            "TooManyTargets",
            "The maximum number of targets per Availability Zone of a load balancer has been reached: "
            f"{quotas.targets_per_zone}",
        )


def active(group: TargetGroup) -> list[Target]:
    return [target for target in group.targets.values() if target.draining_since is None]


def groups_of(balancer: LoadBalancer) -> set[TargetGroup]:
    return {group for listener in balancer.listeners.values() for group in listener.target_groups}


def check_certificates(world: World, balancer: LoadBalancer, more: int) -> None:
    """Each listener's default one is not counted."""
    have = sum(len(listener.more_certificates) for listener in balancer.listeners.values())
    if have + more > (most := world.settings.quotas.certificates):
        raise refused("TooManyCertificates", f"The maximum number of certificates has been reached: {most}")
