"""Which rules does a security group have?

Authorize and Revoke do all of a request or nothing. A rule is the same whatever its description says. The quota counts
IPv4 and IPv6 apart, a referenced group in both, a prefix list with as many rules as it may have entries.
"""

import ipaddress
from collections import Counter
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidSecurityGroupNotFoundError
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import GroupedSecurityRuleView, SecurityGroup, SecurityGroupRule
from moto.ec2.responses.security_groups import SecurityGroups

from roadstead_localstack.world import world_of

REFERENCES = "_roadstead_group_references"
PORTED = ("tcp", "udp", "icmp", "icmpv6")


def references(ec2: EC2Backend) -> dict[str, Counter[str]]:
    """For each security group those whose rules name it, and how many rules that are."""
    return ec2.__dict__.setdefault(REFERENCES, {})


def authorize(response: SecurityGroups, egress: bool) -> ActionResult:
    response.error_on_dryrun()
    ec2 = response.ec2_backend
    with world_of(ec2.account_id, ec2.region_name).lock:
        group, asked = asked_rules(response, egress)
        present = {identity(rule) for rule in rules_of(group, egress)}
        if len({identity(rule) for rule in asked}) != len(asked):
            raise EC2ClientError("InvalidParameterValue", "The same permission must not appear multiple times")
        for rule in asked:
            if identity(rule) in present:
                raise EC2ClientError(
                    "InvalidPermission.Duplicate", f'the specified rule "{described(rule)}" already exists'
                )
        check_quota(ec2, rules_of(group, egress) + asked)
        rules_of(group, egress).extend(asked)
        for rule in asked:
            if source := rule.source_group.get("GroupId"):
                references(ec2).setdefault(source, Counter())[group.id] += 1
    return ActionResult({"Return": True, "SecurityGroupRules": asked})


def revoke(response: SecurityGroups, egress: bool) -> ActionResult:
    response.error_on_dryrun()
    ec2 = response.ec2_backend
    with world_of(ec2.account_id, ec2.region_name).lock:
        ids = response._get_param("SecurityGroupRuleIds", [])
        group = group_of(ec2, response) if ids else None
        if group:
            present = {rule.id: rule for rule in rules_of(group, egress)}
            if unknown := [rule_id for rule_id in ids if rule_id not in present]:
                raise EC2ClientError(
                    "InvalidSecurityGroupRuleId.NotFound",
                    f"The security group rule ID '{unknown[0]}' does not exist",
                )
            going = [present[rule_id] for rule_id in ids]
        else:
            group, asked = asked_rules(response, egress)
            known = {identity(rule): rule for rule in rules_of(group, egress)}
            if any(identity(rule) not in known for rule in asked):
                raise EC2ClientError(
                    "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
                )
            going = [known[identity(rule)] for rule in asked]
        remove(ec2, group, egress, going)
    return ActionResult({"Return": True})


def remove(ec2: EC2Backend, group: SecurityGroup, egress: bool, going: list[SecurityGroupRule]) -> None:
    ids = {rule.id for rule in going}
    rules_of(group, egress)[:] = [rule for rule in rules_of(group, egress) if rule.id not in ids]
    forget(ec2, group, going)


def forget(ec2: EC2Backend, group: SecurityGroup, going: list[SecurityGroupRule]) -> None:
    """Takes rules that are gone out of the index of references."""
    for rule in going:
        if source := rule.source_group.get("GroupId"):
            counter = references(ec2).get(source, Counter())
            counter[group.id] -= 1
            if counter[group.id] <= 0:
                del counter[group.id]


def rules_of(group: SecurityGroup, egress: bool) -> list[SecurityGroupRule]:
    return group.egress_rules if egress else group.ingress_rules


def group_of(ec2: EC2Backend, response: SecurityGroups) -> SecurityGroup:
    name = response._get_param("GroupName") or response._get_param("GroupId")
    group = ec2.get_security_group_by_name_or_id(name)
    if group is None:
        raise InvalidSecurityGroupNotFoundError(name)
    return group


def asked_rules(response: SecurityGroups, egress: bool) -> tuple[SecurityGroup, list[SecurityGroupRule]]:
    """The group and the rules that a request names, each source a rule of its own."""
    ec2 = response.ec2_backend
    group, asked = group_of(ec2, response), []
    for permission in response._process_rules_from_querystring():
        protocol = permission["ip_protocol"]
        if protocol is None:
            continue
        ports = permission["from_port"], permission["to_port"]
        protocol = {"58": "icmpv6"}.get(str(protocol), protocol)
        if str(protocol).lower() in PORTED and None in ports:
            raise EC2ClientError(
                "InvalidParameterValue",
                "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
            )
        for source in permission["ip_ranges"]:
            normalise(source)
        sources = ec2._add_source_group(permission["source_groups"], group.vpc_id)
        lists = permission["prefix_list_ids"]
        for prefix_list in lists:
            if ec2.get_managed_prefix_list_entries(prefix_list["PrefixListId"]) is None:
                raise EC2ClientError(
                    "InvalidPrefixListID.NotFound",
                    f"The prefix list ID '{prefix_list['PrefixListId']}' does not exist",
                )
        if not (permission["ip_ranges"] or sources or lists):
            raise EC2ClientError(
                "MissingParameter", "Missing source specification: include source security group or CIDR information"
            )
        asked += with_descriptions(
            ec2._iterate_security_rules(
                protocol, group.id, *ports, permission["ip_ranges"], sources, lists,
                is_egress=egress, tags=permission["sgrule_tags"],
            ),
            lists,
        )  # fmt: skip
    return group, asked


def with_descriptions(rules, lists: list[dict[str, str]]) -> list[SecurityGroupRule]:
    """moto forgets the description of a prefix list's rule."""
    texts = {item["PrefixListId"]: item.get("Description") for item in lists}
    made = list(rules)
    for rule in made:
        if rule.prefix_list_id and texts.get(rule.prefix_list_id):
            rule.prefix_list_description = texts[rule.prefix_list_id]
    return made


def normalise(source: dict[str, str]) -> None:
    """AWS stores the network that an address with a prefix length is in."""
    for key, version in (("CidrIp", 4), ("CidrIpv6", 6)):
        if key not in source:
            continue
        try:
            network = ipaddress.ip_network(source[key], strict=False)
        except ValueError:
            network = None
        if network is None or network.version != version:
            raise EC2ClientError("InvalidParameterValue", f"CIDR block {source[key]} is malformed")
        source[key] = str(network)


def identity(rule: SecurityGroupRule) -> tuple[Any, ...]:
    source = rule.cidr_ipv4 or rule.cidr_ipv6 or rule.source_group.get("GroupId") or rule.prefix_list_id
    return rule.ip_protocol, rule.from_port, rule.to_port, source


def described(rule: SecurityGroupRule) -> str:
    protocol, first, last, peer = identity(rule)
    return f"peer: {peer}, {str(protocol).upper()}, from port: {first}, to port: {last}, ALLOW"


def check_quota(ec2: EC2Backend, rules: list[SecurityGroupRule]) -> None:
    most = world_of(ec2.account_id, ec2.region_name).settings.quotas.rules_per_security_group
    if max(weight(ec2, rules, 4), weight(ec2, rules, 6)) > most:
        raise EC2ClientError(
            "RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached."
        )


def weight(ec2: EC2Backend, rules: list[SecurityGroupRule], version: int) -> int:
    total = 0
    for rule in rules:
        if rule.prefix_list_id:
            found = ec2.get_managed_prefix_list_entries(rule.prefix_list_id)
            total += int(found.max_entries or 1) if found.address_family == f"IPv{version}" else 0
        elif rule.source_group:
            total += 1
        else:
            total += bool(rule.cidr_ipv4 if version == 4 else rule.cidr_ipv6)
    return total


def grouped(group: SecurityGroup, rules: list[SecurityGroupRule]) -> list[GroupedSecurityRuleView]:
    """As DescribeSecurityGroups shows them: by protocol and ports."""
    views: dict[tuple[Any, ...], GroupedSecurityRuleView] = {}
    for rule in rules:
        key = (rule.from_port, rule.to_port, rule.ip_protocol)
        view = views.setdefault(key, GroupedSecurityRuleView(*key))
        if rule.ip_range:
            view.all_ip_ranges.append(rule.ip_range)
        if rule.source_group:
            view.source_groups.append(rule.source_group)
        if rule.prefix_list_id:
            text = getattr(rule, "prefix_list_description", None)
            view.prefix_list_ids.append({"PrefixListId": rule.prefix_list_id} | ({"Description": text} if text else {}))
    return list(views.values())


def description(rule: SecurityGroupRule) -> str | None:
    of_source = rule.ip_range.get("Description") or rule.source_group.get("Description")
    return of_source or getattr(rule, "prefix_list_description", None)


def install() -> None:
    SecurityGroup._flattened_rules = grouped
    SecurityGroupRule.description = property(description)
    SecurityGroups.authorize_security_group_ingress = lambda self: authorize(self, egress=False)
    SecurityGroups.authorize_security_group_egress = lambda self: authorize(self, egress=True)
    SecurityGroups.revoke_security_group_ingress = lambda self: revoke(self, egress=False)
    SecurityGroups.revoke_security_group_egress = lambda self: revoke(self, egress=True)
