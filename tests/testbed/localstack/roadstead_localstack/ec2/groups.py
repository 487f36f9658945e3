"""Which security groups are there, and may one go?

Not while a load balancer, an instance or the rule of another group uses it. moto lets all of them go, and looks
through all groups to find one.
"""

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import DependencyViolationError, EC2ClientError, InvalidSecurityGroupNotFoundError
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend
from moto.ec2.responses.security_groups import SecurityGroups

from roadstead_localstack.ec2 import facts, filters, interfaces, rules
from roadstead_localstack.ec2.paging import page
from roadstead_localstack.world import world_of

GROUP_ID = re.compile(r"sg-([0-9a-f]{8}|[0-9a-f]{17})")
TERMINATED = 48


def describe(response: SecurityGroups) -> ActionResult:
    ec2 = response.ec2_backend
    ids, names = response._get_param("GroupIds", []), response._get_param("GroupNames", [])
    groups = by_ids(ec2, ids) if ids else None
    by_tag, others = filters.split(response._filters_from_querystring())
    if groups is None:
        groups = candidates(ec2, others)
    if names:
        groups = by_names(groups, names)
    groups = filters.by_tags(ec2, groups, by_tag)
    return page(response, "SecurityGroups", [group for group in groups if group.matches_filters(others)])


def candidates(ec2: EC2Backend, others: dict[str, list[str]]) -> list[SecurityGroup]:
    """Those that the cheapest filter leaves."""
    if ids := exact(others.get("group-id")):
        return [group for group in (facts.security_group(ec2, group_id) for group_id in ids) if group]
    vpcs = exact(others.get("vpc-id")) or list(ec2.groups)
    return [group for vpc in vpcs for group in list(ec2.groups.get(vpc, {}).values())]


def exact(values: list[str] | None) -> list[str]:
    """The values of a filter, if they are nothing but values."""
    return [] if not values or any(set("*?\\") & set(value) for value in values) else list(dict.fromkeys(values))


def by_ids(ec2: EC2Backend, ids: list[str]) -> list[SecurityGroup]:
    for group_id in ids:
        if not GROUP_ID.fullmatch(group_id):
            raise EC2ClientError("InvalidGroupId.Malformed", f'Invalid id: "{group_id}" (expecting "sg-...")')
    found = {group_id: facts.security_group(ec2, group_id) for group_id in ids}
    if unknown := [group_id for group_id, group in found.items() if group is None]:
        if len(unknown) == 1:
            raise InvalidSecurityGroupNotFoundError(unknown[0])
        raise EC2ClientError("InvalidGroup.NotFound", f"The security groups '{', '.join(unknown)}' do not exist")
    return list(found.values())


def by_names(groups: list[SecurityGroup], names: list[str]) -> list[SecurityGroup]:
    found = [group for group in groups if group.name in names]
    if unknown := set(names) - {group.name for group in found}:
        raise InvalidSecurityGroupNotFoundError(sorted(unknown)[0])
    return found


def delete(ec2: EC2Backend, group_id: str) -> None:
    world = world_of(ec2.account_id, ec2.region_name)
    with world.lock:
        interfaces.settle(world, ec2)
        group = facts.security_group(ec2, group_id)
        if group is None:
            raise InvalidSecurityGroupNotFoundError(group_id)
        if group.is_default or group.name == "default":
            raise EC2ClientError(
                "CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted by a user'
            )
        if used(ec2, group_id):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        for egress in (False, True):
            rules.forget(ec2, group, rules.rules_of(group, egress))
        rules.references(ec2).pop(group_id, None)
        ec2.groups[group.vpc_id].pop(group_id)
        ec2.tags.pop(group_id, None)


def used(ec2: EC2Backend, group_id: str) -> bool:
    if interfaces.users(ec2).get(group_id):
        return True
    if any(other != group_id for other in rules.references(ec2).get(group_id, ())):
        return True
    return any(
        group_id in (getattr(group, "id", group) for group in instance.security_groups)
        for reservation in list(ec2.reservations.values())
        for instance in reservation.instances
        if instance._state.code != TERMINATED
    )


def create(inner: Any):
    def create_security_group(ec2: EC2Backend, *args, **kwargs) -> SecurityGroup:
        world = world_of(ec2.account_id, ec2.region_name)
        with world.lock:
            if sum(map(len, ec2.groups.values())) >= world.settings.quotas.security_groups:
                raise EC2ClientError(
                    "SecurityGroupLimitExceeded", "The maximum number of security groups has been reached."
                )
            return inner(ec2, *args, **kwargs)

    return create_security_group


def install() -> None:
    inner_delete = SecurityGroupBackend.delete_security_group
    SecurityGroups.describe_security_groups = describe
    SecurityGroupBackend.get_security_group_from_id = facts.security_group
    SecurityGroupBackend.create_security_group = create(SecurityGroupBackend.create_security_group)
    SecurityGroupBackend.delete_security_group = lambda self, name=None, group_id=None: (
        delete(self, group_id) if group_id else inner_delete(self, name=name)
    )
