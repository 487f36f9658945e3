"""Which network interfaces does a load balancer have?

One in each of its zones, shown by DescribeNetworkInterfaces as AWS shows them. When a load balancer goes they stay for
a while, and with them its security groups and elastic addresses in use.
"""

import time
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.subnets import Subnet

from roadstead_localstack.ec2 import facts
from roadstead_localstack.world import LoadBalancer, World, Zone, world_of

USERS = "_roadstead_group_users"


class LoadBalancerInterface(NetworkInterface):
    """Belongs to AWS, which made it: nobody else attaches, detaches or deletes it."""

    def __init__(self, ec2: EC2Backend, subnet, zone: Zone, balancer: LoadBalancer, groups: list[Any]):
        address = zone.private_ipv4 or subnet.get_available_subnet_ip(self)
        if zone.private_ipv4:
            subnet.request_ip(address, self)
        super().__init__(
            ec2, subnet, address, group_ids=[], description=f"ELB {balancer.arn.split(':loadbalancer/')[1]}"
        )
        self.ipv6_addresses = [zone.ipv6] if zone.ipv6 else []
        self._group_set = groups
        self.requester_managed = True
        self.requester_id = "amazon-elb"
        self.interface_type = "network_load_balancer" if balancer.is_network else "interface"
        self.status = "in-use"
        self.elastic = facts.address(ec2, zone.allocation_id) if zone.allocation_id else None
        if self.elastic:
            self.elastic.association_id = f"eipassoc-{self.id.removeprefix('eni-')}"
            self.elastic.eni, self.public_ip = self, self.elastic.public_ip

    @property
    def attachment(self) -> dict[str, Any]:
        return {"DeleteOnTermination": False, "DeviceIndex": 1, "InstanceOwnerId": "amazon-elb", "Status": "attached"}


def users(ec2: EC2Backend) -> dict[str, set[str]]:
    """For each security group the load balancers' interfaces that are in it."""
    return ec2.__dict__.setdefault(USERS, {})


def attach(ec2: EC2Backend, balancer: LoadBalancer, zone: Zone, subnet, groups: list[Any]) -> None:
    interface = LoadBalancerInterface(ec2, subnet, zone, balancer, groups)
    ec2.enis[interface.id] = zone.interface = interface
    for group in groups:
        users(ec2).setdefault(group.id, set()).add(interface.id)


def regroup(ec2: EC2Backend, zone: Zone, groups: list[Any]) -> None:
    forget_groups(ec2, zone.interface)
    zone.interface._group_set = groups
    for group in groups:
        users(ec2).setdefault(group.id, set()).add(zone.interface.id)


def release(world: World, ec2: EC2Backend, zone: Zone) -> None:
    """Lets go of a zone's interface: it goes when the delay is over, for nothing at once."""
    world.leaving.append((time.monotonic(), zone.interface))
    settle(world, ec2)


def settle(world: World, ec2: EC2Backend) -> None:
    """Removes what was released long enough ago. Asked before anything that could see it."""
    with world.lock:
        while world.leaving and world.leaving[0][0] + world.settings.delays.release <= time.monotonic():
            remove(ec2, world.leaving.popleft()[1])


def remove(ec2: EC2Backend, interface: LoadBalancerInterface) -> None:
    if ec2.enis.pop(interface.id, None):
        forget_groups(ec2, interface)
        if interface.elastic:
            interface.elastic.association_id = interface.elastic.eni = None
        for address in interface.private_ip_addresses:
            interface.subnet.del_subnet_ip(address["PrivateIpAddress"])


def forget_groups(ec2: EC2Backend, interface: LoadBalancerInterface) -> None:
    for group in interface._group_set:
        if interfaces := users(ec2).get(group.id):
            interfaces.discard(interface.id)


def free_addresses(subnet: Subnet) -> int:
    """moto looks through every network interface; each takes its address from the subnet anyway."""
    return subnet._available_ip_addresses - len(subnet._subnet_ips)


def install() -> None:
    inner = NetworkInterfaceBackend.get_all_network_interfaces

    def get_all_network_interfaces(self, eni_ids=None, filters=None):
        settle(world_of(self.account_id, self.region_name), self)
        return inner(self, eni_ids, filters)

    NetworkInterfaceBackend.get_all_network_interfaces = get_all_network_interfaces
    Subnet.available_ip_address_count = property(free_addresses)
