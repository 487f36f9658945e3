"""CreateTargetGroup, DescribeTargetGroups, ModifyTargetGroup, DeleteTargetGroup, and their attributes."""

from checks.aws import Aws, answer, arn, check, forward, same

CHECK = (
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "HealthCheckPath",
    "Matcher",
)


def check_of(group):
    return tuple(group.get(key) for key in CHECK)


def attributes_of(aws: Aws, group) -> dict[str, str]:
    found = aws.lb.describe_target_group_attributes(TargetGroupArn=arn(group))["Attributes"]
    return {attribute["Key"]: attribute["Value"] for attribute in found}


def change(aws: Aws, group, **changes: str) -> str:
    attributes = [{"Key": key.replace("__", "."), "Value": value} for key, value in changes.items()]
    return answer(aws.lb.modify_target_group_attributes, TargetGroupArn=arn(group), Attributes=attributes)


@check("CreateTargetGroup takes TCP, UDP, TCP_UDP and TLS for instances and addresses")
def _(aws: Aws):
    for protocol in ("TCP", "UDP", "TCP_UDP", "TLS"):
        for kind in ("instance", "ip"):
            made = aws.tg(Protocol=protocol, TargetType=kind)
            same((made["Protocol"], made["TargetType"]), (protocol, kind))
            assert ":targetgroup/" in made["TargetGroupArn"]


@check("CreateTargetGroup: defaults of the health check")
def _(aws: Aws):
    same(check_of(aws.tg()), ("TCP", "traffic-port", 30, 10, 5, 2, None, None))
    http = ("HTTP", "traffic-port", 30, 6, 5, 2, "/", {"HttpCode": "200-399"})
    same(check_of(aws.tg(HealthCheckProtocol="HTTP")), http)
    same(check_of(aws.tg(HealthCheckProtocol="HTTPS"))[3], 10)


@check("CreateTargetGroup: the health check is as asked")
def _(aws: Aws):
    made = aws.tg(
        HealthCheckProtocol="HTTP",
        HealthCheckPath="/healthz",
        HealthCheckPort="32000",
        HealthCheckIntervalSeconds=10,
        HealthCheckTimeoutSeconds=6,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=3,
        Matcher={"HttpCode": "200-299,404"},
    )
    (shown,) = aws.lb.describe_target_groups(TargetGroupArns=[arn(made)])["TargetGroups"]
    same(check_of(shown), ("HTTP", "32000", 10, 6, 2, 3, "/healthz", {"HttpCode": "200-299,404"}))


@check("CreateTargetGroup refuses health checks that a Network Load Balancer does not make")
def _(aws: Aws):
    for bad in (
        {"HealthCheckProtocol": "UDP"},
        {"HealthCheckProtocol": "TLS"},
        {"HealthCheckIntervalSeconds": 4},
        {"HealthCheckIntervalSeconds": 301},
        {"HealthCheckTimeoutSeconds": 1},
        {"HealthCheckTimeoutSeconds": 121},
        {"HealthyThresholdCount": 1},
        {"UnhealthyThresholdCount": 11},
        {"HealthCheckPort": "0"},
        {"HealthCheckPort": "http"},
        {"HealthCheckProtocol": "HTTP", "HealthCheckPath": "healthz"},
        {"HealthCheckProtocol": "HTTP", "Matcher": {"HttpCode": "100-700"}},
        {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 6},
    ):
        same(answer(aws.tg, **bad), "ValidationError", str(bad))
    same(answer(aws.tg, HealthCheckPath="/healthz"), "InvalidConfigurationRequest")
    same(answer(aws.tg, HealthCheckEnabled=False), "InvalidConfigurationRequest")


@check("CreateTargetGroup refuses bad names, ports and VPCs")
def _(aws: Aws):
    for bad in (
        {"Name": "x" * 33},
        {"Name": "-x"},
        {"Name": "x-"},
        {"Name": "a.b"},
        {"Port": 0},
        {"Port": 65536},
        {"VpcId": "vpc-0dead"},
    ):
        same(answer(aws.tg, **bad), "ValidationError", str(bad))


@check("CreateTargetGroup again: the same settings answer with what exists, others are DuplicateTargetGroupName")
def _(aws: Aws):
    made = aws.tg(Name="web")
    same(arn(aws.tg(Name="web")), arn(made))
    for other in ({"Port": 81}, {"Protocol": "UDP"}, {"TargetType": "ip"}, {"HealthCheckIntervalSeconds": 10}):
        same(answer(aws.tg, Name="web", **other), "DuplicateTargetGroupName", str(other))


@check("CreateTargetGroup: addresses of IPv6")
def _(aws: Aws):
    same(aws.tg(TargetType="ip", IpAddressType="ipv6")["IpAddressType"], "ipv6")
    same(aws.tg()["IpAddressType"], "ipv4")


@check("TooManyTargetGroups at the region's quota")
def _(aws: Aws):
    aws.quotas(target_groups=3)
    for _ in range(3):
        aws.tg()
    same(answer(aws.tg), "TooManyTargetGroups")


@check("ModifyTargetGroup changes the health check, its protocol included, and leaves the rest")
def _(aws: Aws):
    group = aws.tg(HealthyThresholdCount=3)
    change_check = aws.lb.modify_target_group
    (shown,) = change_check(
        TargetGroupArn=arn(group), HealthCheckProtocol="HTTP", HealthCheckPath="/x", HealthCheckPort="1234"
    )["TargetGroups"]
    same(check_of(shown), ("HTTP", "1234", 30, 10, 3, 2, "/x", {"HttpCode": "200-399"}))
    (shown,) = change_check(TargetGroupArn=arn(group), HealthCheckProtocol="TCP", HealthCheckIntervalSeconds=10)[
        "TargetGroups"
    ]
    same(check_of(shown), ("TCP", "1234", 10, 10, 3, 2, None, None))
    same(answer(change_check, TargetGroupArn=arn(group), HealthCheckIntervalSeconds=1), "ValidationError")
    same(answer(change_check, TargetGroupArn=arn(group)[:-4] + "0000"), "TargetGroupNotFound")


@check("target group attributes: AWS's defaults for a Network Load Balancer")
def _(aws: Aws):
    same(
        attributes_of(aws, aws.tg()),
        {
            "deregistration_delay.timeout_seconds": "300",
            "deregistration_delay.connection_termination.enabled": "false",
            "preserve_client_ip.enabled": "true",
            "proxy_protocol_v2.enabled": "false",
            "stickiness.enabled": "false",
            "stickiness.type": "source_ip",
            "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
            "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
            "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
            "target_health_state.unhealthy.connection_termination.enabled": "true",
            "target_health_state.unhealthy.draining_interval_seconds": "0",
        },
    )


@check("target group attributes: defaults depend on protocol and target type")
def _(aws: Aws):
    key = "preserve_client_ip.enabled"
    same(attributes_of(aws, aws.tg(TargetType="ip"))[key], "false")
    same(attributes_of(aws, aws.tg(TargetType="ip", Protocol="UDP"))[key], "true")
    udp = attributes_of(aws, aws.tg(Protocol="UDP"))
    same(udp["deregistration_delay.connection_termination.enabled"], "true")
    same(udp["target_health_state.unhealthy.connection_termination.enabled"], "false")


@check("target group attributes: changes hold; unknown keys and bad values are ValidationError")
def _(aws: Aws):
    group = aws.tg()
    same(
        change(
            aws,
            group,
            proxy_protocol_v2__enabled="true",
            preserve_client_ip__enabled="false",
            deregistration_delay__timeout_seconds="10",
            stickiness__enabled="true",
        ),
        "success",
    )
    shown = attributes_of(aws, group)
    same(
        [
            shown[key]
            for key in (
                "proxy_protocol_v2.enabled",
                "preserve_client_ip.enabled",
                "deregistration_delay.timeout_seconds",
            )
        ],
        ["true", "false", "10"],
    )
    for bad in (
        {"no__such": "1"},
        {"slow_start__duration_seconds": "30"},
        {"stickiness__type": "lb_cookie"},
        {"deregistration_delay__timeout_seconds": "3601"},
        {"proxy_protocol_v2__enabled": "on"},
    ):
        same(change(aws, group, **bad), "ValidationError", str(bad))


@check("target group attributes: client addresses cannot be hidden from targets of UDP")
def _(aws: Aws):
    for protocol in ("UDP", "TCP_UDP"):
        same(change(aws, aws.tg(Protocol=protocol), preserve_client_ip__enabled="false"), "InvalidConfigurationRequest")


@check("target group attributes: an interval for draining unhealthy targets needs termination to be off")
def _(aws: Aws):
    group = aws.tg()
    interval = {"target_health_state__unhealthy__draining_interval_seconds": "60"}
    same(change(aws, group, **interval), "InvalidConfigurationRequest")
    same(
        change(aws, group, target_health_state__unhealthy__connection_termination__enabled="false", **interval),
        "success",
    )


@check("DescribeTargetGroups by load balancer, ARNs and names; one unknown spoils the call")
def _(aws: Aws):
    balancer, group, _ = aws.serving()
    other = aws.tg()
    describe = aws.lb.describe_target_groups
    (shown,) = describe(LoadBalancerArn=arn(balancer))["TargetGroups"]
    same((arn(shown), shown["LoadBalancerArns"]), (arn(group), [arn(balancer)]))
    same(describe(LoadBalancerArn=arn(aws.nlb()))["TargetGroups"], [])
    same(
        {arn(one) for one in describe(Names=[group["TargetGroupName"], other["TargetGroupName"]])["TargetGroups"]},
        {arn(group), arn(other)},
    )
    same(answer(describe, Names=[group["TargetGroupName"], "none"]), "TargetGroupNotFound")
    same(answer(describe, TargetGroupArns=[arn(group), arn(other)[:-4] + "0000"]), "TargetGroupNotFound")
    same(answer(describe, LoadBalancerArn=arn(balancer)[:-4] + "0000"), "LoadBalancerNotFound")
    same(answer(describe, LoadBalancerArn=arn(balancer), Names=["x"]), "ValidationError")


@check("DescribeTargetGroups pages")
def _(aws: Aws):
    made = [arn(aws.tg()) for _ in range(5)]
    pages = list(aws.lb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 2}))
    same([[arn(group) for group in page["TargetGroups"]] for page in pages], [made[:2], made[2:4], made[4:]])


@check("DeleteTargetGroup: ResourceInUse while a listener refers to it, then success, then success again")
def _(aws: Aws):
    _, group, listener = aws.serving()
    delete = aws.lb.delete_target_group
    same(answer(delete, TargetGroupArn=arn(group)), "ResourceInUse")
    aws.lb.modify_listener(ListenerArn=arn(listener), DefaultActions=forward(aws.tg()))
    same([answer(delete, TargetGroupArn=arn(group)) for _ in range(2)], ["success"] * 2)
    same(answer(aws.lb.describe_target_health, TargetGroupArn=arn(group)), "TargetGroupNotFound")
