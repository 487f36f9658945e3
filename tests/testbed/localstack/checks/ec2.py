"""What else a controller asks EC2: subnets, routes, zones, instances and network interfaces."""

from checks.aws import LONG, Aws, answer, arn, check, same


@check("DescribeSubnets: by VPC and tags, with zone ids and free addresses", ipv6=True)
def _(aws: Aws):
    aws.ec2.create_tags(Resources=aws.subnets[:1], Tags=[{"Key": "kubernetes.io/role/internal-elb", "Value": ""}])

    def found(*filters: tuple[str, list[str]]):
        asked = [{"Name": name, "Values": values} for name, values in (("vpc-id", [aws.vpc]), *filters)]
        return [one["SubnetId"] for one in aws.ec2.describe_subnets(Filters=asked)["Subnets"]]

    same(found(("tag:kubernetes.io/role/elb", ["", "1"])), aws.subnets)
    same(found(("tag:kubernetes.io/role/internal-elb", ["", "1"])), aws.subnets[:1])
    same(found(("tag-key", ["kubernetes.io/role/internal-elb"])), aws.subnets[:1])
    (shown,) = aws.ec2.describe_subnets(SubnetIds=aws.subnets[:1])["Subnets"]
    assert shown["AvailabilityZoneId"] and shown["Ipv6CidrBlockAssociationSet"], shown
    same(answer(aws.ec2.describe_subnets, SubnetIds=["subnet-0dead00000000beef"]), "InvalidSubnetID.NotFound")


@check("DescribeSubnets: a load balancer takes an address in each of its subnets and gives it back")
def _(aws: Aws):
    def free():
        return aws.ec2.describe_subnets(SubnetIds=aws.subnets[:1])["Subnets"][0]["AvailableIpAddressCount"]

    before = free()
    balancer = aws.nlb()
    same(free(), before - 1)
    aws.lb.delete_load_balancer(LoadBalancerArn=arn(balancer))
    same(free(), before)


@check("DescribeRouteTables shows which subnets lead to an internet gateway")
def _(aws: Aws):
    filters = [{"Name": "association.subnet-id", "Values": aws.subnets[:1]}]
    (table,) = aws.ec2.describe_route_tables(Filters=filters)["RouteTables"]
    assert any(route.get("GatewayId", "").startswith("igw-") for route in table["Routes"]), table


@check("DescribeVpcs and DescribeAvailabilityZones")
def _(aws: Aws):
    (vpc,) = aws.ec2.describe_vpcs(VpcIds=[aws.vpc])["Vpcs"]
    same([one["CidrBlock"] for one in vpc["CidrBlockAssociationSet"]], ["10.0.0.0/16"])
    (zone,) = aws.ec2.describe_availability_zones(ZoneNames=["us-east-1a"])["AvailabilityZones"]
    assert zone["ZoneId"].startswith("use1-az") and zone["ZoneType"] == "availability-zone", zone


@check("DescribeInstances: by ids, with groups and interfaces; every unknown id is named", instances=7)
def _(aws: Aws):
    found = [
        one for r in aws.ec2.describe_instances(InstanceIds=aws.instances)["Reservations"] for one in r["Instances"]
    ]
    same({one["InstanceId"] for one in found}, set(aws.instances))
    for one in found:
        same([group["GroupId"] for group in one["SecurityGroups"]], [aws.landscape["node_security_group"]])
        assert one["NetworkInterfaces"] and one["VpcId"] == aws.vpc and one["State"]["Name"] == "running", one
    code = answer(aws.ec2.describe_instances, InstanceIds=[aws.instances[0], "i-0123456789abcdef0"])
    same(code, "InvalidInstanceID.NotFound")
    (one,) = aws.ec2.describe_instances(InstanceIds=aws.instances[:1])["Reservations"]
    same([instance["InstanceId"] for instance in one["Instances"]], aws.instances[:1])


@check("DescribeInstances pages by instances, with filters", instances=13)
def _(aws: Aws):
    filters = [{"Name": "vpc-id", "Values": [aws.vpc]}, {"Name": "instance-state-name", "Values": ["running"]}]
    pages = aws.ec2.get_paginator("describe_instances").paginate(Filters=filters, PaginationConfig={"PageSize": 5})
    sizes, seen = [], []
    for page in pages:
        ids = [one["InstanceId"] for r in page["Reservations"] for one in r["Instances"]]
        sizes.append(len(ids))
        seen += ids
    same((sizes, sorted(seen)), ([5, 5, 3], sorted(aws.instances)))
    same(answer(aws.ec2.describe_instances, MaxResults=4), "InvalidParameterValue")
    same(answer(aws.ec2.describe_instances, InstanceIds=aws.instances, MaxResults=5), "InvalidParameterCombination")


@check("DescribeNetworkInterfaces shows one for each zone of a load balancer, and for a time after it is gone")
def _(aws: Aws):
    aws.delays(release=LONG)
    group = aws.group()
    balancer = aws.nlb(SecurityGroups=[group])
    text = f"ELB {arn(balancer).split(':loadbalancer/')[1]}"

    def found():
        filters = [{"Name": "description", "Values": [text]}]
        return aws.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]

    same(sorted(one["SubnetId"] for one in found()), sorted(aws.subnets))
    for one in found():
        same((one["RequesterManaged"], one["InterfaceType"], one["Status"]), (True, "network_load_balancer", "in-use"))
        same([g["GroupId"] for g in one["Groups"]], [group])
    aws.lb.delete_load_balancer(LoadBalancerArn=arn(balancer))
    same(len(found()), 3)
    aws.delays(release=0)
    same(len(found()), 0)


@check("SetSubnets: the network interface of a removed zone goes, that of a kept one stays")
def _(aws: Aws):
    balancer = aws.nlb()

    def found():
        filters = [{"Name": "description", "Values": [f"ELB {arn(balancer).split(':loadbalancer/')[1]}"]}]
        interfaces = aws.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
        return {one["SubnetId"]: one["NetworkInterfaceId"] for one in interfaces}

    before = found()
    aws.lb.set_subnets(LoadBalancerArn=arn(balancer), Subnets=aws.subnets[1:])
    same(found(), {subnet: before[subnet] for subnet in aws.subnets[1:]})
