"""What does a cluster run on? A VPC, subnets, a node security group and running instances, made in one go."""

import ipaddress
from itertools import zip_longest
from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends

ROLE_TAGS = {True: "kubernetes.io/role/elb", False: "kubernetes.io/role/internal-elb"}


class Landscape:
    """Builds what a request asks for: `cluster`, `cidr`, `ipv6`, `subnets` ([{zone, public, ipv6, role_tag, tags}]) and
    the number of `instances`."""

    def __init__(self, ec2: EC2Backend, asked: dict[str, Any]):
        self.ec2 = ec2
        self.asked = asked
        self.cluster_tag = f"kubernetes.io/cluster/{asked['cluster']}"

    @classmethod
    def build(cls, account: str, region: str, asked: dict[str, Any]) -> dict[str, Any]:
        landscape = cls(ec2_backends[account][region], asked)
        vpc = landscape.vpc()
        subnets = landscape.subnets(vpc)
        group = landscape.node_group(vpc)
        instances = landscape.instances([subnet for subnet, _ in subnets], group)
        return {
            "vpc_id": vpc.id,
            "vpc_cidr": vpc.cidr_block,
            "node_security_group": group.id,
            "subnets": [describe_subnet(subnet, public) for subnet, public in subnets],
            "instances": [describe_instance(instance) for instance in instances],
        }

    def vpc(self):
        return self.ec2.create_vpc(
            self.asked["cidr"],
            amazon_provided_ipv6_cidr_block=self.asked["ipv6"],
            tags=[{"Key": "Name", "Value": self.asked["cluster"]}],
        )

    def subnets(self, vpc) -> list[tuple[Any, bool]]:
        public_routes = self.public_routes(vpc)
        private_routes = self.ec2.create_route_table(vpc.id)
        ipv6 = next((block["cidr_block"] for block in vpc.get_cidr_block_association_set(ipv6=True)), None)
        made = []
        for number, asked in enumerate(self.asked["subnets"]):
            subnet = self.ec2.create_subnet(
                vpc.id,
                nth_block(vpc.cidr_block, 20, number),
                ipv6_cidr_block=nth_block(ipv6, 64, number) if ipv6 and asked["ipv6"] else None,
                availability_zone=asked["zone"],
            )
            public = asked["public"]
            role = {ROLE_TAGS[public]: "1"} if asked["role_tag"] else {}
            subnet.add_tags({**role, **asked["tags"]})
            routes = public_routes if public else private_routes
            self.ec2.associate_route_table(routes.id, subnet_id=subnet.id)
            made.append((subnet, public))
        return made

    def public_routes(self, vpc):
        gateway = self.ec2.create_internet_gateway()
        self.ec2.attach_internet_gateway(gateway.id, vpc.id)
        routes = self.ec2.create_route_table(vpc.id)
        self.ec2.create_route(routes.id, "0.0.0.0/0", gateway_id=gateway.id)
        return routes

    def node_group(self, vpc):
        return self.ec2.create_security_group(
            f"{self.asked['cluster']}-nodes", "nodes", vpc_id=vpc.id, tags={self.cluster_tag: "owned"}
        )

    def instances(self, subnets: list[Any], group) -> list[Any]:
        """Spread over the subnets in turn, and returned in that order."""
        wanted = self.asked["instances"]
        share = [len(range(place, wanted, len(subnets))) for place in range(len(subnets))]
        tags = {self.cluster_tag: "owned"}
        made = [run_instances(self.ec2, n, subnet, group, tags) for n, subnet in zip(share, subnets, strict=True)]
        return [instance for turn in zip_longest(*made) for instance in turn if instance]


def run_instances(ec2: EC2Backend, count: int, subnet, group, tags: dict[str, str]) -> list[Any]:
    reservation = ec2.run_instances(
        "ami-12c6146b",
        count,
        None,
        [],
        security_group_ids=[group.id],
        subnet_id=subnet.id,
        instance_type="m5.large",
        # Spares a search through every type that the region offers.
        is_instance_type_default=True,
        placement=subnet.availability_zone,
        region_name=ec2.region_name,
        tags={"instance": tags},
        nics=[],
        private_ip=None,
        associate_public_ip=None,
    )
    return reservation.instances


def nth_block(cidr: str, prefix: int, number: int) -> str:
    network = ipaddress.ip_network(cidr)
    first = int(network.network_address) + (number << (network.max_prefixlen - prefix))
    return f"{ipaddress.ip_address(first)}/{prefix}"


def describe_subnet(subnet, public: bool) -> dict[str, Any]:
    ipv6 = [b["ipv6CidrBlock"] for b in subnet.ipv6_cidr_block_associations.values()]
    return {
        "id": subnet.id,
        "zone": subnet.availability_zone,
        "cidr": subnet.cidr_block,
        "ipv6_cidr": ipv6[0] if ipv6 else None,
        "public": public,
    }


def describe_instance(instance) -> dict[str, Any]:
    return {
        "id": instance.id,
        "zone": instance._placement.zone,
        "subnet_id": instance.subnet_id,
        "private_ip": instance.private_ip,
        "private_dns_name": instance.private_dns_name,
    }
