"""Security groups of EC2: their rules, who keeps them from going, and how they are found."""

from checks.aws import LONG, Aws, answer, arn, check, same, tcp


def rules(aws: Aws, group: str):
    return aws.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]


def authorize(aws: Aws, group: str, *permissions) -> str:
    return answer(aws.ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=list(permissions))


def revoke(aws: Aws, group: str, *permissions) -> str:
    return answer(aws.ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=list(permissions))


def named(*ids: str, text: str | None = None) -> dict:
    return {"UserIdGroupPairs": [{"GroupId": one} | ({"Description": text} if text else {}) for one in ids]}


@check("CreateSecurityGroup: with tags; the same name in the VPC is InvalidGroup.Duplicate")
def _(aws: Aws):
    tags = [{"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}]
    group = aws.group(GroupName="web", TagSpecifications=tags)
    same(answer(aws.group, GroupName="web"), "InvalidGroup.Duplicate")
    vpc = aws.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    aws.group(GroupName="web", VpcId=vpc)
    filters = [{"Name": "tag:a", "Values": ["b"]}, {"Name": "vpc-id", "Values": [aws.vpc]}]
    (shown,) = aws.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    same((shown["GroupId"], shown["Tags"]), (group, [{"Key": "a", "Value": "b"}]))


@check("DescribeSecurityGroups: filters, unknown ids, pages")
def _(aws: Aws):
    made = [aws.group(GroupName=f"k8s-{n}") for n in range(7)]
    aws.ec2.create_tags(Resources=made[:2], Tags=[{"Key": "cluster", "Value": "c1"}])

    def found(**filters: list[str]):
        asked = [{"Name": key.replace("__", "-"), "Values": values} for key, values in filters.items()]
        return [one["GroupId"] for one in aws.ec2.describe_security_groups(Filters=asked)["SecurityGroups"]]

    same(found(group__name=["k8s-*"]), made)
    same(found(group__id=made[3:5], vpc__id=[aws.vpc]), made[3:5])
    same(found(tag__key=["cluster"]), made[:2])
    asked = [{"Name": "tag:cluster", "Values": ["c?"]}]
    same([one["GroupId"] for one in aws.ec2.describe_security_groups(Filters=asked)["SecurityGroups"]], made[:2])
    same(answer(aws.ec2.describe_security_groups, GroupIds=[made[0], "sg-0dead000beef00000"]), "InvalidGroup.NotFound")
    same(answer(aws.ec2.describe_security_groups, GroupIds=["web"]), "InvalidGroupId.Malformed")
    filters = [{"Name": "group-name", "Values": ["k8s-*"]}]
    pages = aws.ec2.get_paginator("describe_security_groups").paginate(
        Filters=filters, PaginationConfig={"PageSize": 5}
    )
    same([[one["GroupId"] for one in page["SecurityGroups"]] for page in pages], [made[:5], made[5:]])


@check("AuthorizeSecurityGroupIngress: rules as asked, with descriptions, in networks of their own")
def _(aws: Aws):
    group, other = aws.group(), aws.group()
    same(
        authorize(
            aws,
            group,
            tcp(
                80,
                IpRanges=[{"CidrIp": "10.1.2.3/16", "Description": "web"}],
                Ipv6Ranges=[{"CidrIpv6": "2001:DB8::1/32"}],
            ),
        ),
        "success",
    )
    same(authorize(aws, group, tcp(81, **named(other, text="nodes"))), "success")
    one, two = sorted(rules(aws, group), key=lambda rule: rule["FromPort"])
    same(one["IpRanges"], [{"CidrIp": "10.1.0.0/16", "Description": "web"}])
    same(one["Ipv6Ranges"], [{"CidrIpv6": "2001:db8::/32"}])
    (pair,) = two["UserIdGroupPairs"]
    same((pair["GroupId"], pair["Description"]), (other, "nodes"))


@check("AuthorizeSecurityGroupIngress: what exists is InvalidPermission.Duplicate, described or not; nothing is done")
def _(aws: Aws):
    group, other = aws.group(), aws.group()
    same(authorize(aws, group, tcp(80), tcp(81, **named(other, text="a"))), "success")
    same(
        authorize(aws, group, tcp(82), tcp(80, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "other"}])),
        "InvalidPermission.Duplicate",
    )
    same(authorize(aws, group, tcp(81, **named(other, text="b"))), "InvalidPermission.Duplicate")
    same(sorted(rule["FromPort"] for rule in rules(aws, group)), [80, 81])


@check("AuthorizeSecurityGroupIngress: bad networks, unknown groups, and no source are refused")
def _(aws: Aws):
    group = aws.group()
    same(authorize(aws, group, tcp(80, IpRanges=[{"CidrIp": "10.0.0.0/33"}])), "InvalidParameterValue")
    same(authorize(aws, group, tcp(80, **named("sg-0dead000beef00000"))), "InvalidGroup.NotFound")
    same(authorize(aws, "sg-0dead000beef00000", tcp(80)), "InvalidGroup.NotFound")
    same(authorize(aws, group, {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}), "MissingParameter")


@check("RevokeSecurityGroupIngress: by value or id; what is not there is InvalidPermission.NotFound, nothing is done")
def _(aws: Aws):
    group, other = aws.group(), aws.group()
    authorize(aws, group, tcp(80), tcp(81, **named(other, text="a")), tcp(82))
    same(revoke(aws, group, tcp(80), tcp(83)), "InvalidPermission.NotFound")
    same(revoke(aws, group, tcp(80), tcp(81, **named(other))), "success")
    filters = [{"Name": "group-id", "Values": [group]}]
    (rule,) = [
        one
        for one in aws.ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
        if not one["IsEgress"]
    ]
    by_id = {"GroupId": group, "SecurityGroupRuleIds": [rule["SecurityGroupRuleId"]]}
    same(
        [answer(aws.ec2.revoke_security_group_ingress, **by_id) for _ in range(2)],
        ["success", "InvalidSecurityGroupRuleId.NotFound"],
    )
    same(rules(aws, group), [])
    same(revoke(aws, group, tcp(80)), "InvalidPermission.NotFound")


@check("RulesPerSecurityGroupLimitExceeded beyond 60, IPv4 and IPv6 apart, groups in both")
def _(aws: Aws):
    group, other = aws.group(), aws.group()
    same(authorize(aws, group, *(tcp(port) for port in range(1, 60))), "success")
    same(authorize(aws, group, tcp(60, Ipv6Ranges=[{"CidrIpv6": "::/0"}])), "success")
    same(authorize(aws, group, tcp(61, **named(other))), "success")
    same(authorize(aws, group, tcp(62)), "RulesPerSecurityGroupLimitExceeded")
    same(authorize(aws, group, tcp(62, **named(other))), "RulesPerSecurityGroupLimitExceeded")
    same(authorize(aws, group, tcp(62, Ipv6Ranges=[{"CidrIpv6": "::/0"}])), "success")


@check("a prefix list counts with as many rules as it may have entries, and must exist")
def _(aws: Aws):
    group = aws.group()
    made = aws.ec2.create_managed_prefix_list(PrefixListName="l", MaxEntries=59, AddressFamily="IPv4")["PrefixList"][
        "PrefixListId"
    ]
    lists = {"PrefixListIds": [{"PrefixListId": made, "Description": "offices"}]}
    same(authorize(aws, group, tcp(80, **lists)), "success")
    same(rules(aws, group)[0]["PrefixListIds"], [{"PrefixListId": made, "Description": "offices"}])
    same(authorize(aws, group, tcp(81)), "success")
    same(authorize(aws, group, tcp(82)), "RulesPerSecurityGroupLimitExceeded")
    same(
        authorize(aws, group, tcp(83, PrefixListIds=[{"PrefixListId": "pl-0dead000beef00000"}])),
        "InvalidPrefixListID.NotFound",
    )


@check("DeleteSecurityGroup: DependencyViolation while a load balancer uses it, and for a time after that one is gone")
def _(aws: Aws):
    aws.delays(release=LONG)
    group, other = aws.group(), aws.group()
    balancer = aws.nlb(SecurityGroups=[group, other])
    same(answer(aws.ec2.delete_security_group, GroupId=group), "DependencyViolation")
    aws.lb.set_security_groups(LoadBalancerArn=arn(balancer), SecurityGroups=[other])
    same(answer(aws.ec2.delete_security_group, GroupId=group), "success")
    aws.lb.delete_load_balancer(LoadBalancerArn=arn(balancer))
    same(answer(aws.ec2.delete_security_group, GroupId=other), "DependencyViolation")
    aws.delays(release=0)
    same(answer(aws.ec2.delete_security_group, GroupId=other), "success")


@check("DeleteSecurityGroup: DependencyViolation while the rule of another group names it, not for its own rules")
def _(aws: Aws):
    group, other = aws.group(), aws.group()
    authorize(aws, group, tcp(1, **named(group)))
    authorize(aws, other, tcp(1, **named(group)), tcp(2, **named(group)))
    revoke(aws, other, tcp(1, **named(group)))
    same(answer(aws.ec2.delete_security_group, GroupId=group), "DependencyViolation")
    revoke(aws, other, tcp(2, **named(group)))
    same(answer(aws.ec2.delete_security_group, GroupId=group), "success")


@check("DeleteSecurityGroup: a group that was deleted no longer keeps the one that its rules named")
def _(aws: Aws):
    group, other = aws.group(), aws.group()
    authorize(aws, other, tcp(1, **named(group)))
    same([answer(aws.ec2.delete_security_group, GroupId=one) for one in (other, group)], ["success"] * 2)


@check("DeleteSecurityGroup: DependencyViolation while an instance is in it; unknown is InvalidGroup.NotFound")
def _(aws: Aws):
    group = aws.landscape["node_security_group"]
    same(answer(aws.ec2.delete_security_group, GroupId=group), "DependencyViolation")
    aws.ec2.terminate_instances(InstanceIds=aws.instances)
    same(answer(aws.ec2.delete_security_group, GroupId=group), "success")
    same(answer(aws.ec2.delete_security_group, GroupId=group), "InvalidGroup.NotFound")


@check("SecurityGroupLimitExceeded at the region's quota")
def _(aws: Aws):
    have = len(aws.ec2.describe_security_groups()["SecurityGroups"])
    aws.quotas(security_groups=have + 1)
    same([answer(aws.group) for _ in range(2)], ["success", "SecurityGroupLimitExceeded"])
