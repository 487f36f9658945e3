"""What of a load balancer can be changed in place: subnets, address type, security groups, capacity."""

from checks.aws import LONG, Aws, answer, arn, check, same


@check("SetSubnets adds and removes zones, keeps the addresses of those that stay, and changes none in place")
def _(aws: Aws):
    one, two = (aws.ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2))
    balancer = aws.nlb(SubnetMappings=[{"SubnetId": aws.subnets[0], "AllocationId": one}])
    answered = aws.lb.set_subnets(LoadBalancerArn=arn(balancer), Subnets=aws.subnets)
    same(len(answered["AvailabilityZones"]), 3)
    shown = {zone["SubnetId"]: zone["LoadBalancerAddresses"] for zone in aws.described(balancer)["AvailabilityZones"]}
    same(shown[aws.subnets[0]][0]["AllocationId"], one)
    other = [{"SubnetId": aws.subnets[0], "AllocationId": two}]
    same(answer(aws.lb.set_subnets, LoadBalancerArn=arn(balancer), SubnetMappings=other), "InvalidConfigurationRequest")
    aws.lb.set_subnets(LoadBalancerArn=arn(balancer), Subnets=aws.subnets[1:])
    aws.lb.set_subnets(LoadBalancerArn=arn(balancer), SubnetMappings=other)
    same([zone["SubnetId"] for zone in aws.described(balancer)["AvailabilityZones"]], aws.subnets[:1])
    same(
        answer(aws.lb.set_subnets, LoadBalancerArn=arn(balancer), Subnets=["subnet-0dead00000000beef"]),
        "SubnetNotFound",
    )
    same(
        answer(aws.lb.set_subnets, LoadBalancerArn=arn(balancer)[:-4] + "0000", Subnets=aws.subnets),
        "LoadBalancerNotFound",
    )


@check(
    "SetIpAddressType: both ways, with IPv6 in all subnets, not with UDP listeners unless prefixes are on", ipv6=True
)
def _(aws: Aws):
    balancer = aws.nlb()
    aws.lb.set_ip_address_type(LoadBalancerArn=arn(balancer), IpAddressType="dualstack")
    same(aws.described(balancer)["IpAddressType"], "dualstack")
    same(
        answer(aws.listener, balancer=balancer, group=aws.tg(Protocol="UDP"), Protocol="UDP"),
        "InvalidConfigurationRequest",
    )
    aws.lb.set_ip_address_type(LoadBalancerArn=arn(balancer), IpAddressType="ipv4")
    aws.listener(balancer, aws.tg(Protocol="UDP"), Protocol="UDP", Port=53)
    same(
        answer(aws.lb.set_ip_address_type, LoadBalancerArn=arn(balancer), IpAddressType="dualstack"),
        "InvalidConfigurationRequest",
    )
    asked = {"LoadBalancerArn": arn(balancer), "Subnets": aws.subnets, "IpAddressType": "dualstack"}
    same(answer(aws.lb.set_subnets, **asked), "InvalidConfigurationRequest")
    aws.lb.set_subnets(**asked, EnablePrefixForIpv6SourceNat="on")
    same(aws.described(balancer)["EnablePrefixForIpv6SourceNat"], "on")
    same(answer(aws.lb.set_subnets, **asked, EnablePrefixForIpv6SourceNat="off"), "InvalidConfigurationRequest")


@check("SetIpAddressType: subnets without IPv6 are refused")
def _(aws: Aws):
    same(
        answer(aws.lb.set_ip_address_type, LoadBalancerArn=arn(aws.nlb()), IpAddressType="dualstack"),
        "InvalidConfigurationRequest",
    )


@check("SetSecurityGroups replaces groups, and is refused for one made without groups or with unknown ones")
def _(aws: Aws):
    one, two = aws.group(), aws.group()
    balancer = aws.nlb(SecurityGroups=[one])
    set_groups = aws.lb.set_security_groups
    answered = set_groups(
        LoadBalancerArn=arn(balancer), SecurityGroups=[two], EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic="off"
    )
    same(
        (answered["SecurityGroupIds"], answered["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"]), ([two], "off")
    )
    shown = aws.described(balancer)
    same((shown["SecurityGroups"], shown["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"]), ([two], "off"))
    same(
        answer(set_groups, LoadBalancerArn=arn(balancer), SecurityGroups=["sg-0dead000beef00000"]),
        "InvalidSecurityGroup",
    )
    same(answer(set_groups, LoadBalancerArn=arn(aws.nlb()), SecurityGroups=[two]), "InvalidConfigurationRequest")


@check("capacity reservation: set, described, reset; not before the load balancer is active")
def _(aws: Aws):
    balancer = aws.nlb()
    asked = {"LoadBalancerArn": arn(balancer), "MinimumLoadBalancerCapacity": {"CapacityUnits": 9000}}
    aws.lb.modify_capacity_reservation(**asked)
    shown = aws.lb.describe_capacity_reservation(LoadBalancerArn=arn(balancer))
    same(shown["MinimumLoadBalancerCapacity"], {"CapacityUnits": 9000})
    same({state["State"]["Code"] for state in shown["CapacityReservationState"]}, {"provisioned"})
    aws.lb.modify_capacity_reservation(LoadBalancerArn=arn(balancer), ResetCapacityReservation=True)
    assert "MinimumLoadBalancerCapacity" not in aws.lb.describe_capacity_reservation(LoadBalancerArn=arn(balancer))
    same(answer(aws.lb.modify_capacity_reservation, LoadBalancerArn=arn(balancer)), "ValidationError")
    aws.delays(provisioning=LONG)
    asked["LoadBalancerArn"] = arn(aws.nlb())
    same(answer(aws.lb.modify_capacity_reservation, **asked), "InvalidConfigurationRequest")
