"""CreateLoadBalancer, DescribeLoadBalancers, DeleteLoadBalancer, and the attributes of a load balancer."""

from checks.aws import LONG, Aws, answer, arn, check, code_and_message, same


@check("CreateLoadBalancer answers with ARN, DNS name, zones and the state provisioning")
def _(aws: Aws):
    made = aws.nlb(Name="web")
    assert ":loadbalancer/net/web/" in made["LoadBalancerArn"], made["LoadBalancerArn"]
    suffix = made["LoadBalancerArn"].rsplit("/", 1)[1]
    same(made["DNSName"], f"web-{suffix}.elb.us-east-1.amazonaws.com")
    same(made["State"]["Code"], "provisioning")
    same([zone["SubnetId"] for zone in made["AvailabilityZones"]], aws.subnets)
    same(
        (made["Scheme"], made["Type"], made["IpAddressType"], made["VpcId"]),
        ("internet-facing", "network", "ipv4", aws.vpc),
    )
    assert made["CreatedTime"] and made["CanonicalHostedZoneId"] and "SecurityGroups" not in made


@check("a load balancer is provisioning for a time, then active")
def _(aws: Aws):
    aws.delays(provisioning=LONG)
    made = aws.nlb()
    same(aws.described(made)["State"]["Code"], "provisioning")
    aws.delays(provisioning=0)
    same(aws.described(made)["State"]["Code"], "active")


@check("CreateLoadBalancer with the same name and settings answers with what exists")
def _(aws: Aws):
    group = aws.group()
    asked = {"Name": "web", "Scheme": "internal", "SecurityGroups": [group]}
    same(arn(aws.nlb(**asked)), arn(aws.nlb(**asked)))
    same(len(aws.lb.describe_load_balancers()["LoadBalancers"]), 1)


@check("CreateLoadBalancer with the same name and other settings is DuplicateLoadBalancerName")
def _(aws: Aws):
    aws.nlb(Name="web", Scheme="internal")
    for other in ({"Scheme": "internet-facing"}, {"Subnets": aws.subnets[:1]}, {"SecurityGroups": [aws.group()]}):
        same(
            answer(aws.nlb, **({"Name": "web", "Scheme": "internal"} | other)), "DuplicateLoadBalancerName", str(other)
        )


@check("CreateLoadBalancer refuses names that AWS refuses")
def _(aws: Aws):
    for name in ("x" * 33, "-web", "web-", "internal-web", "we_b", ""):
        same(answer(aws.nlb, Name=name), "ValidationError", name)
    aws.nlb(Name="x" * 32)


@check("CreateLoadBalancer: an unknown subnet is SubnetNotFound")
def _(aws: Aws):
    same(answer(aws.nlb, Subnets=["subnet-0dead00000000beef"]), "SubnetNotFound")


@check("CreateLoadBalancer refuses two subnets of one zone, subnets of two VPCs, and both ways of naming subnets")
def _(aws: Aws):
    zone = aws.ec2.create_subnet(VpcId=aws.vpc, CidrBlock="10.0.200.0/24", AvailabilityZone="us-east-1a")["Subnet"][
        "SubnetId"
    ]
    vpc = aws.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    other = aws.ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24", AvailabilityZone="us-east-1b")["Subnet"][
        "SubnetId"
    ]
    same(answer(aws.nlb, Subnets=[aws.subnets[0], zone]), "InvalidConfigurationRequest")
    same(answer(aws.nlb, Subnets=[aws.subnets[0], other]), "InvalidConfigurationRequest")
    same(answer(aws.nlb, Subnets=aws.subnets[:1], SubnetMappings=[{"SubnetId": aws.subnets[1]}]), "ValidationError")
    same(answer(aws.nlb, Subnets=[]), "ValidationError")


@check("CreateLoadBalancer: a subnet needs 8 free addresses, and a public load balancer an internet gateway")
def _(aws: Aws):
    small = aws.ec2.create_subnet(VpcId=aws.vpc, CidrBlock="10.0.200.0/28", AvailabilityZone="us-east-1d")["Subnet"][
        "SubnetId"
    ]
    for _ in range(4):
        aws.nlb(Subnets=[small])
    code, message = code_and_message(aws.nlb, Subnets=[small])
    assert code == "InvalidSubnet" and small in message, (code, message)
    vpc = aws.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    closed = aws.ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24", AvailabilityZone="us-east-1b")["Subnet"][
        "SubnetId"
    ]
    same(answer(aws.nlb, Subnets=[closed]), "InvalidSubnet")
    aws.nlb(Subnets=[closed], Scheme="internal")


@check("CreateLoadBalancer: elastic addresses are shown, must exist, and are used once")
def _(aws: Aws):
    made = aws.ec2.allocate_address(Domain="vpc")
    ask = {"SubnetMappings": [{"SubnetId": aws.subnets[0], "AllocationId": made["AllocationId"]}]}
    balancer = aws.nlb(**ask)
    (zone,) = aws.described(balancer)["AvailabilityZones"]
    same(zone["LoadBalancerAddresses"], [{"IpAddress": made["PublicIp"], "AllocationId": made["AllocationId"]}])
    shown = aws.ec2.describe_addresses(AllocationIds=[made["AllocationId"]])["Addresses"][0]
    assert shown.get("AssociationId"), shown
    same(answer(aws.nlb, **ask), "ResourceInUse")
    unknown = [{"SubnetId": aws.subnets[0], "AllocationId": "eipalloc-0dead00000000beef"}]
    same(answer(aws.nlb, SubnetMappings=unknown), "AllocationIdNotFound")
    same(answer(aws.nlb, Scheme="internal", **ask), "InvalidConfigurationRequest")
    aws.delays(release=LONG)
    aws.lb.delete_load_balancer(LoadBalancerArn=arn(balancer))
    same(answer(aws.nlb, **ask), "ResourceInUse", "its interface is not gone yet")
    aws.delays(release=0)
    aws.nlb(**ask)


@check("CreateLoadBalancer: private addresses are shown, and are of the subnet, free, and for internal ones only")
def _(aws: Aws):
    ask = {"SubnetMappings": [{"SubnetId": aws.subnets[0], "PrivateIPv4Address": "10.0.0.77"}]}
    (zone,) = aws.described(aws.nlb(Scheme="internal", **ask))["AvailabilityZones"]
    same(zone["LoadBalancerAddresses"], [{"PrivateIPv4Address": "10.0.0.77"}])
    same(answer(aws.nlb, Scheme="internal", **ask), "InvalidConfigurationRequest", "taken")
    same(answer(aws.nlb, Scheme="internet-facing", **ask), "InvalidConfigurationRequest", "public")
    ask["SubnetMappings"][0]["PrivateIPv4Address"] = "10.9.0.1"
    same(answer(aws.nlb, Scheme="internal", **ask), "InvalidConfigurationRequest", "outside")


@check("CreateLoadBalancer: security groups must exist, be of the VPC, and be at most 5")
def _(aws: Aws):
    group = aws.group()
    made = aws.nlb(SecurityGroups=[group])
    same((made["SecurityGroups"], made["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"]), ([group], "on"))
    same(answer(aws.nlb, SecurityGroups=["sg-0dead000beef00000"]), "InvalidSecurityGroup")
    vpc = aws.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    same(answer(aws.nlb, SecurityGroups=[aws.group(VpcId=vpc)]), "InvalidConfigurationRequest")
    same(answer(aws.nlb, SecurityGroups=[aws.group() for _ in range(6)]), "InvalidConfigurationRequest")


@check("dualstack needs an IPv6 block in every subnet", ipv6=True)
def _(aws: Aws):
    same(aws.described(aws.nlb(IpAddressType="dualstack"))["IpAddressType"], "dualstack")
    plain = aws.ec2.create_subnet(VpcId=aws.vpc, CidrBlock="10.0.200.0/24", AvailabilityZone="us-east-1d")["Subnet"][
        "SubnetId"
    ]
    code, message = code_and_message(aws.nlb, IpAddressType="dualstack", Subnets=[aws.subnets[0], plain])
    assert code == "InvalidConfigurationRequest" and plain in message and aws.subnets[0] not in message, (code, message)


@check("IPv6 addresses and prefixes for source NAT are of the subnet, shown, and for dualstack only", ipv6=True)
def _(aws: Aws):
    block = aws.landscape["subnets"][0]["ipv6_cidr"].removesuffix("::/64")
    ask = [{"SubnetId": aws.subnets[0], "IPv6Address": f"{block}::7", "SourceNatIpv6Prefix": f"{block}:1::/80"}]
    made = aws.nlb(IpAddressType="dualstack", SubnetMappings=ask, EnablePrefixForIpv6SourceNat="on")
    (zone,) = aws.described(made)["AvailabilityZones"]
    same(zone["LoadBalancerAddresses"], [{"IPv6Address": f"{block}::7"}])
    same(zone["SourceNatIpv6Prefixes"], [f"{block}:1::/80"])
    same(made["EnablePrefixForIpv6SourceNat"], "on")
    same(
        answer(aws.nlb, SubnetMappings=[{"SubnetId": aws.subnets[0], "IPv6Address": f"{block}::8"}]),
        "InvalidConfigurationRequest",
    )
    same(answer(aws.nlb, EnablePrefixForIpv6SourceNat="on"), "InvalidConfigurationRequest")
    auto = [{"SubnetId": aws.subnets[1], "SourceNatIpv6Prefix": "auto_assigned"}]
    made = aws.nlb(IpAddressType="dualstack", SubnetMappings=auto, EnablePrefixForIpv6SourceNat="on")
    assert made["AvailabilityZones"][0]["SourceNatIpv6Prefixes"][0].endswith("/80"), made
    ask = [{"SubnetId": aws.subnets[0], "SourceNatIpv6Prefix": "2001:db8::/80"}]
    same(
        answer(aws.nlb, IpAddressType="dualstack", SubnetMappings=ask, EnablePrefixForIpv6SourceNat="on"),
        "InvalidConfigurationRequest",
    )


@check("TooManyLoadBalancers at the region's quota of 50")
def _(aws: Aws):
    for _ in range(50):
        aws.nlb(Subnets=aws.subnets[:1])
    same(answer(aws.nlb), "TooManyLoadBalancers")


@check("DescribeLoadBalancers: by names and ARNs; one unknown spoils the call; at most 20")
def _(aws: Aws):
    one, two = aws.nlb(), aws.nlb()
    found = aws.lb.describe_load_balancers(Names=[two["LoadBalancerName"], one["LoadBalancerName"]])["LoadBalancers"]
    same({arn(balancer) for balancer in found}, {arn(one), arn(two)})
    same(answer(aws.lb.describe_load_balancers, Names=[one["LoadBalancerName"], "none"]), "LoadBalancerNotFound")
    same(
        answer(aws.lb.describe_load_balancers, LoadBalancerArns=[arn(one), arn(two)[:-4] + "0000"]),
        "LoadBalancerNotFound",
    )
    same(answer(aws.lb.describe_load_balancers, LoadBalancerArns=[arn(one)] * 21), "ValidationError")
    same(answer(aws.lb.describe_load_balancers, LoadBalancerArns=[arn(one)], Names=["web"]), "ValidationError")


@check("DescribeLoadBalancers pages by marker without repeating or missing any, whatever goes meanwhile")
def _(aws: Aws):
    made = [arn(aws.nlb(Subnets=aws.subnets[:1])) for _ in range(7)]
    seen, asked = [], {"PageSize": 3}
    while True:
        page = aws.lb.describe_load_balancers(**asked)
        seen += [arn(balancer) for balancer in page["LoadBalancers"]]
        if "NextMarker" not in page:
            break
        if len(seen) == 3:
            aws.lb.delete_load_balancer(LoadBalancerArn=made[2])
        asked["Marker"] = page["NextMarker"]
    same(seen, made)
    for size in (0, 401):
        same(answer(aws.lb.describe_load_balancers, PageSize=size), "ValidationError" if size else "success")


@check("load balancer attributes: AWS's defaults for a Network Load Balancer, changes, unknown keys and bad values")
def _(aws: Aws):
    balancer = aws.nlb()

    def read(one):
        found = aws.lb.describe_load_balancer_attributes(LoadBalancerArn=arn(one))["Attributes"]
        return {attribute["Key"]: attribute["Value"] for attribute in found}

    def change(key, value):
        attributes = [{"Key": key, "Value": value}]
        return answer(aws.lb.modify_load_balancer_attributes, LoadBalancerArn=arn(balancer), Attributes=attributes)

    same(
        read(balancer),
        {
            "deletion_protection.enabled": "false",
            "load_balancing.cross_zone.enabled": "false",
            "access_logs.s3.enabled": "false",
            "access_logs.s3.bucket": "",
            "access_logs.s3.prefix": "",
            "ipv6.deny_all_igw_traffic": "false",
            "zonal_shift.config.enabled": "false",
            "dns_record.client_routing_policy": "any_availability_zone",
            "secondary_ips.auto_assigned.per_subnet": "0",
        },
    )
    same(read(aws.nlb(Scheme="internal"))["ipv6.deny_all_igw_traffic"], "true")
    same(change("load_balancing.cross_zone.enabled", "true"), "success")
    same(read(balancer)["load_balancing.cross_zone.enabled"], "true")
    same(change("dns_record.client_routing_policy", "availability_zone_affinity"), "success")
    for key, value in (("no.such", "1"), ("idle_timeout.timeout_seconds", "60"), ("zonal_shift.config.enabled", "yes")):
        same(change(key, value), "ValidationError", key)
    same(change("access_logs.s3.enabled", "true"), "InvalidConfigurationRequest")


@check("DeleteLoadBalancer: deletion protection is OperationNotPermitted, and an unknown one is no error")
def _(aws: Aws):
    balancer = aws.nlb()

    def protect(value):
        attributes = [{"Key": "deletion_protection.enabled", "Value": value}]
        aws.lb.modify_load_balancer_attributes(LoadBalancerArn=arn(balancer), Attributes=attributes)
        return answer(aws.lb.delete_load_balancer, LoadBalancerArn=arn(balancer))

    same(protect("true"), "OperationNotPermitted")
    same(protect("false"), "success")
    same(answer(aws.lb.delete_load_balancer, LoadBalancerArn=arn(balancer)), "success")
    same(answer(aws.lb.describe_load_balancers, LoadBalancerArns=[arn(balancer)]), "LoadBalancerNotFound")


@check("DeleteLoadBalancer: one that an endpoint service uses is ResourceInUse")
def _(aws: Aws):
    balancer = aws.nlb()
    aws.control("endpoint-service", {"load_balancer_arn": arn(balancer), "in_use": True})
    same(answer(aws.lb.delete_load_balancer, LoadBalancerArn=arn(balancer)), "ResourceInUse")
    same(
        answer(aws.lb.set_subnets, LoadBalancerArn=arn(balancer), Subnets=aws.subnets[:1]),
        "InvalidConfigurationRequest",
    )
    aws.control("endpoint-service", {"load_balancer_arn": arn(balancer), "in_use": False})
    same(answer(aws.lb.delete_load_balancer, LoadBalancerArn=arn(balancer)), "success")


@check("DeleteLoadBalancer deletes its listeners, not its target groups, and frees the name")
def _(aws: Aws):
    balancer, group, listener = aws.serving()
    aws.lb.delete_load_balancer(LoadBalancerArn=arn(balancer))
    same(answer(aws.lb.describe_listeners, ListenerArns=[arn(listener)]), "ListenerNotFound")
    (left,) = aws.lb.describe_target_groups(TargetGroupArns=[arn(group)])["TargetGroups"]
    same(left["LoadBalancerArns"], [])
    same(answer(aws.lb.delete_target_group, TargetGroupArn=arn(group)), "success")
    assert arn(aws.nlb(Name=balancer["LoadBalancerName"], Scheme="internal")) != arn(balancer)


@check("a test can give a load balancer a state")
def _(aws: Aws):
    balancer = aws.nlb()
    for state, shown in (("failed", "failed"), ("active_impaired", "active_impaired"), (None, "active")):
        aws.control("load-balancer-state", {"load_balancer_arn": arn(balancer), "state": state})
        same(aws.described(balancer)["State"]["Code"], shown)
