"""What does EC2 say about the things that a load balancer names? Questions only, each answered without a search."""

import ipaddress
from typing import Any

from moto.acm.models import acm_backends
from moto.ec2.models import EC2Backend, ec2_backends

from roadstead_localstack.world import World

RUNNING = 16


def backend(world: World) -> EC2Backend:
    return ec2_backends[world.account][world.region]


def subnet(ec2: EC2Backend, subnet_id: str):
    for subnets in ec2.subnets.values():
        if found := subnets.get(subnet_id):
            return found
    return None


def security_group(ec2: EC2Backend, group_id: str):
    for groups in list(ec2.groups.values()):
        if found := groups.get(group_id):
            return found
    return None


def has_internet_gateway(ec2: EC2Backend, vpc_id: str) -> bool:
    return any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in list(ec2.internet_gateways.values()))


def address(ec2: EC2Backend, allocation_id: str):
    return next((address for address in ec2.addresses if address.allocation_id == allocation_id), None)


def ipv6_block(subnet) -> ipaddress.IPv6Network | None:
    for association in subnet.ipv6_cidr_block_associations.values():
        return ipaddress.ip_network(association["ipv6CidrBlock"])
    return None


def vpc_blocks(ec2: EC2Backend, vpc_id: str) -> list[Any]:
    vpc = ec2.vpcs.get(vpc_id)
    if vpc is None:
        return []
    associations = vpc.get_cidr_block_association_set() + vpc.get_cidr_block_association_set(ipv6=True)
    return [ipaddress.ip_network(association["cidr_block"]) for association in associations]


def subnet_of_address(ec2: EC2Backend, vpc_id: str, address) -> Any | None:
    for subnets in ec2.subnets.values():
        for candidate in subnets.values():
            if candidate.vpc_id != vpc_id:
                continue
            if address in candidate.cidr or (address.version == 6 and address in (ipv6_block(candidate) or ())):
                return candidate
    return None


def certificate_exists(world: World, arn: str) -> bool:
    return arn in acm_backends[world.account][world.region]._certificates
