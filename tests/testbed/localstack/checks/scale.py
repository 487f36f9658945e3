"""What a test needs of this AWS besides AWS: everything in one answer, accounts that do not meet, a constant cost."""

import urllib.error

from checks.aws import Aws, arn, check, same, tcp


@check("everything that exists is in one answer, and nothing once it is deleted")
def _(aws: Aws):
    empty = aws.control("dump")
    same(
        [len(empty[kind]) for kind in ("load_balancers", "target_groups", "security_groups", "network_interfaces")],
        [0, 0, 1, 0],
    )
    group = aws.group()
    aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(80)])
    balancer = aws.nlb(SecurityGroups=[group], Tags=[{"Key": "a", "Value": "b"}])
    targets = aws.tg()
    listener = aws.listener(balancer, targets)
    aws.register(targets, {"Id": aws.instances[0], "Port": 30000})
    full = aws.control("dump")
    same(
        [len(full[kind]) for kind in ("load_balancers", "target_groups", "security_groups", "network_interfaces")],
        [1, 1, 2, 3],
    )
    (shown,) = full["load_balancers"]
    same(
        (shown["tags"], shown["security_groups"], shown["listeners"][0]["target_groups"]),
        ({"a": "b"}, [group], [arn(targets)]),
    )
    same(
        full["target_groups"][0]["targets"],
        [{"id": aws.instances[0], "port": 30000, "state": "healthy", "reason": None}],
    )
    same(
        [rule["peer"] for one in full["security_groups"] if one["id"] == group for rule in one["ingress"]],
        ["0.0.0.0/0"],
    )
    aws.lb.delete_listener(ListenerArn=arn(listener))
    aws.lb.delete_load_balancer(LoadBalancerArn=arn(balancer))
    aws.lb.delete_target_group(TargetGroupArn=arn(targets))
    aws.ec2.delete_security_group(GroupId=group)
    same(aws.control("dump"), empty)


@check("accounts do not meet: the same name twice, and neither sees the other's")
def _(aws: Aws):
    other = Aws(aws.url)
    one, two = aws.nlb(Name="web"), other.nlb(Name="web")
    assert aws.account in arn(one) and other.account in arn(two)
    same([arn(balancer) for balancer in aws.lb.describe_load_balancers()["LoadBalancers"]], [arn(one)])


@check("a setting that does not exist is refused")
def _(aws: Aws):
    for asked in ({"delays": {"no_such": 1}}, {"no_such": {"x": 1}}):
        try:
            aws.control("settings", asked)
        except urllib.error.HTTPError as refused:
            same(refused.code, 400)
        else:
            raise AssertionError(f"{asked} was accepted")
