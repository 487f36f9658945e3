"""RegisterTargets, DeregisterTargets, DescribeTargetHealth."""

from checks.aws import LONG, Aws, answer, arn, check, code_and_message, same

HEALTHY, IN_PROGRESS = ("healthy", None), ("initial", "Elb.RegistrationInProgress")
DRAINING, NOT_IN_USE = ("draining", "Target.DeregistrationInProgress"), ("unused", "Target.NotInUse")


@check("a target is initial for a time, then healthy")
def _(aws: Aws):
    aws.delays(registration=LONG)
    _, group, _ = aws.serving()
    one = (aws.instances[0], 30000)
    aws.register(group, {"Id": one[0], "Port": one[1]})
    same(aws.health(group), {one: IN_PROGRESS})
    aws.delays(registration=0)
    same(aws.health(group), {one: HEALTHY})


@check("a target is unused while no load balancer sends to its group, and initial when one does")
def _(aws: Aws):
    group, one = aws.tg(), (aws.instances[0], 80)
    aws.register(group, {"Id": one[0]})
    same(aws.health(group), {one: NOT_IN_USE})
    aws.delays(registration=LONG)
    aws.listener(aws.nlb(), group)
    same(aws.health(group), {one: IN_PROGRESS})
    aws.delays(registration=0)
    same(aws.health(group), {one: HEALTHY})


@check("a target in a zone that the load balancer is not in is unused")
def _(aws: Aws):
    group, balancer = aws.tg(), aws.nlb(Subnets=aws.subnets[:1])
    aws.listener(balancer, group)
    aws.register(group, *({"Id": instance} for instance in aws.instances))
    same(aws.health(group), {(aws.instances[0], 80): HEALTHY, (aws.instances[1], 80): NOT_IN_USE})
    aws.lb.set_subnets(LoadBalancerArn=arn(balancer), Subnets=aws.subnets)
    same(aws.health(group)[(aws.instances[1], 80)], HEALTHY)


@check("a target whose instance was stopped is unused, Target.InvalidState")
def _(aws: Aws):
    _, group, _ = aws.serving()
    aws.register(group, {"Id": aws.instances[0]})
    aws.ec2.stop_instances(InstanceIds=aws.instances[:1])
    same(aws.health(group), {(aws.instances[0], 80): ("unused", "Target.InvalidState")})


@check("one instance at several ports is several targets, deregistered each by its port")
def _(aws: Aws):
    _, group, _ = aws.serving()
    one = aws.instances[0]
    aws.register(group, {"Id": one, "Port": 30000}, {"Id": one, "Port": 30001}, {"Id": one})
    same(set(aws.health(group)), {(one, 30000), (one, 30001), (one, 80)})
    aws.lb.deregister_targets(TargetGroupArn=arn(group), Targets=[{"Id": one, "Port": 30000}])
    same(set(aws.health(group)), {(one, 30001), (one, 80)})
    aws.lb.deregister_targets(TargetGroupArn=arn(group), Targets=[{"Id": one}])
    same(set(aws.health(group)), {(one, 30001)})


@check("RegisterTargets again is no change")
def _(aws: Aws):
    _, group, _ = aws.serving()
    failing = {"target_group_arn": arn(group), "id": aws.instances[0], "state": "unhealthy", "reason": "Target.Timeout"}
    aws.register(group, {"Id": aws.instances[0]})
    aws.control("target-health", failing)
    aws.register(group, {"Id": aws.instances[0]})
    same(aws.health(group), {(aws.instances[0], 80): ("unhealthy", "Target.Timeout")})


@check(
    "RegisterTargets: one instance that is not running fails the call, InvalidTarget names it, none is registered",
    instances=3,
)
def _(aws: Aws):
    group, (good, stopped, gone) = aws.tg(), aws.instances
    aws.ec2.stop_instances(InstanceIds=[stopped])
    aws.ec2.terminate_instances(InstanceIds=[gone])
    targets = [{"Id": good}, {"Id": stopped}, {"Id": gone}]
    code, message = code_and_message(aws.lb.register_targets, TargetGroupArn=arn(group), Targets=targets)
    assert code == "InvalidTarget" and stopped in message and gone in message and good not in message, (code, message)
    same(aws.health(group), {})


@check("RegisterTargets: an unknown instance or one of another VPC is InvalidTarget and named")
def _(aws: Aws):
    group = aws.tg()
    code, message = code_and_message(
        aws.lb.register_targets, TargetGroupArn=arn(group), Targets=[{"Id": "i-0123456789abcdef0"}]
    )
    assert code == "InvalidTarget" and "i-0123456789abcdef0" in message, (code, message)
    vpc = aws.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    code, message = code_and_message(
        aws.lb.register_targets, TargetGroupArn=arn(aws.tg(VpcId=vpc)), Targets=[{"Id": aws.instances[0]}]
    )
    assert code == "InvalidTarget" and aws.instances[0] in message, (code, message)


@check("RegisterTargets: addresses of the VPC or private ones with a zone; others are refused")
def _(aws: Aws):
    group = aws.tg(TargetType="ip")
    aws.listener(aws.nlb(), group)
    aws.register(
        group, {"Id": "10.0.0.9", "Port": 8080}, {"Id": "10.0.0.9"}, {"Id": "192.168.1.1", "AvailabilityZone": "all"}
    )
    same(aws.health(group), {("10.0.0.9", 80): HEALTHY, ("10.0.0.9", 8080): HEALTHY, ("192.168.1.1", 80): HEALTHY})
    for bad in (
        {"Id": "8.8.8.8"},
        {"Id": "8.8.8.8", "AvailabilityZone": "all"},
        {"Id": "192.168.1.2"},
        {"Id": "10.0.0.256"},
        {"Id": "2001:db8::1"},
    ):
        same(answer(aws.lb.register_targets, TargetGroupArn=arn(group), Targets=[bad]), "ValidationError", str(bad))


@check("RegisterTargets: addresses of IPv6", ipv6=True)
def _(aws: Aws):
    block = aws.landscape["subnets"][0]["ipv6_cidr"].removesuffix("::/64")
    group = aws.tg(TargetType="ip", IpAddressType="ipv6")
    aws.listener(aws.nlb(IpAddressType="dualstack"), group)
    aws.register(group, {"Id": f"{block}::9"})
    same(aws.health(group), {(f"{block}::9", 80): HEALTHY})
    same(
        answer(aws.listener, balancer=aws.nlb(), group=aws.tg(TargetType="ip", IpAddressType="ipv6")),
        "InvalidConfigurationRequest",
    )


@check("DeregisterTargets: the target is draining for the deregistration delay, then gone")
def _(aws: Aws):
    aws.delays(draining_scale=1)
    _, group, _ = aws.serving()
    one, two = ((instance, 30000) for instance in aws.instances)
    aws.register(group, *({"Id": instance, "Port": port} for instance, port in (one, two)))
    aws.lb.deregister_targets(TargetGroupArn=arn(group), Targets=[{"Id": one[0], "Port": one[1]}])
    same(aws.health(group), {one: DRAINING, two: HEALTHY})
    delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]
    aws.lb.modify_target_group_attributes(TargetGroupArn=arn(group), Attributes=delay)
    same(aws.health(group), {two: HEALTHY})


@check("a draining target that is registered again is a target as any other")
def _(aws: Aws):
    aws.delays(draining_scale=1)
    _, group, _ = aws.serving()
    one = {"Id": aws.instances[0]}
    aws.register(group, one)
    aws.lb.deregister_targets(TargetGroupArn=arn(group), Targets=[one])
    aws.register(group, one)
    same(aws.health(group), {(aws.instances[0], 80): HEALTHY})


@check("DeregisterTargets: what is not registered is no error")
def _(aws: Aws):
    targets = [{"Id": aws.instances[0], "Port": 1}, {"Id": "i-0123456789abcdef0"}]
    same(answer(aws.lb.deregister_targets, TargetGroupArn=arn(aws.tg()), Targets=targets), "success")
    same(
        answer(aws.lb.deregister_targets, TargetGroupArn=arn(aws.tg())[:-4] + "0000", Targets=targets),
        "TargetGroupNotFound",
    )


@check("DescribeTargetHealth of named targets; one that is not registered is unused")
def _(aws: Aws):
    _, group, _ = aws.serving()
    aws.register(group, {"Id": aws.instances[0]})
    asked = [{"Id": instance} for instance in aws.instances]
    same(
        aws.health(group, Targets=asked),
        {(aws.instances[0], 80): HEALTHY, (aws.instances[1], 80): ("unused", "Target.NotRegistered")},
    )
    same(
        answer(aws.lb.describe_target_health, TargetGroupArn=arn(group), Targets=[{"Id": "i-0123456789abcdef0"}]),
        "InvalidTarget",
    )


@check("DescribeTargetHealth says which port is checked")
def _(aws: Aws):
    group = aws.tg(HealthCheckProtocol="HTTP", HealthCheckPort="32000")
    aws.register(group, {"Id": aws.instances[0], "Port": 30000})
    (one,) = aws.lb.describe_target_health(TargetGroupArn=arn(group))["TargetHealthDescriptions"]
    same(one["HealthCheckPort"], "32000")
    aws.lb.modify_target_group(TargetGroupArn=arn(group), HealthCheckPort="traffic-port")
    (one,) = aws.lb.describe_target_health(TargetGroupArn=arn(group))["TargetHealthDescriptions"]
    same(one["HealthCheckPort"], "30000")


@check("a test can make one target, or all of a group, unhealthy for a reason and healthy again")
def _(aws: Aws):
    _, group, _ = aws.serving()
    one, two = ((instance, 80) for instance in aws.instances)
    aws.register(group, {"Id": one[0]}, {"Id": two[0]})
    failing = {"target_group_arn": arn(group), "state": "unhealthy", "reason": "Target.Timeout"}
    aws.control("target-health", failing | {"id": one[0], "port": 80})
    same(aws.health(group), {one: ("unhealthy", "Target.Timeout"), two: HEALTHY})
    aws.control("target-health", failing)
    same(aws.health(group)[two], ("unhealthy", "Target.Timeout"))
    for named in ({}, {"id": one[0]}):
        aws.control("target-health", {"target_group_arn": arn(group), "state": None} | named)
    same(aws.health(group), {one: HEALTHY, two: HEALTHY})


@check("TooManyTargets: per target group")
def _(aws: Aws):
    aws.quotas(targets_per_group=3)
    group, one = aws.tg(), aws.instances[0]
    aws.register(group, *({"Id": one, "Port": port} for port in (1, 2, 3)))
    same(answer(aws.lb.register_targets, TargetGroupArn=arn(group), Targets=[{"Id": one, "Port": 4}]), "TooManyTargets")
    same(answer(aws.lb.register_targets, TargetGroupArn=arn(group), Targets=[{"Id": one, "Port": 3}]), "success")


@check("TooManyTargets: per load balancer, a target counted in each of its groups, at registering and at attaching")
def _(aws: Aws):
    aws.quotas(targets_per_load_balancer=3)
    balancer, group, _ = aws.serving()
    other, one = aws.tg(), aws.instances[0]
    aws.register(group, {"Id": one, "Port": 1}, {"Id": one, "Port": 2})
    aws.register(other, {"Id": one, "Port": 1}, {"Id": one, "Port": 2})
    same(answer(aws.listener, balancer=balancer, group=other, Port=81), "TooManyTargets")
    aws.lb.deregister_targets(TargetGroupArn=arn(other), Targets=[{"Id": one, "Port": 1}])
    aws.listener(balancer, other, Port=81)
    same(answer(aws.lb.register_targets, TargetGroupArn=arn(other), Targets=[{"Id": one, "Port": 5}]), "TooManyTargets")


@check("TooManyTargets: per zone, and with cross-zone load balancing in all zones together")
def _(aws: Aws):
    aws.quotas(targets_per_zone=2)
    balancer, group, _ = aws.serving()
    one, two = aws.instances
    aws.register(group, {"Id": one, "Port": 1}, {"Id": one, "Port": 2}, {"Id": two, "Port": 1})
    same(answer(aws.lb.register_targets, TargetGroupArn=arn(group), Targets=[{"Id": one, "Port": 3}]), "TooManyTargets")
    crosses = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
    aws.lb.modify_load_balancer_attributes(LoadBalancerArn=arn(balancer), Attributes=crosses)
    same(answer(aws.lb.register_targets, TargetGroupArn=arn(group), Targets=[{"Id": two, "Port": 2}]), "TooManyTargets")
