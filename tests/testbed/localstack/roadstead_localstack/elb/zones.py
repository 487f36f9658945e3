"""Which zones may a load balancer be in, and with which addresses?"""

import ipaddress
from typing import Any

from moto.ec2.models import EC2Backend

from roadstead_localstack.ec2 import facts, interfaces
from roadstead_localstack.errors import invalid, misconfigured, refused
from roadstead_localstack.world import LoadBalancer, World, Zone

# Load balancers in a user guide: at least so many free addresses in a subnet that AWS takes one from.
FREE_ADDRESSES = 8
AUTO_ASSIGNED = "auto_assigned"


class Placement:
    """The zones that a request asks for, checked against each other and against EC2."""

    def __init__(self, world: World, request: dict[str, Any], scheme: str, ip_address_type: str, source_nat: str):
        self.ec2 = facts.backend(world)
        self.scheme = scheme
        self.ip_address_type = ip_address_type
        self.source_nat = source_nat
        self.mappings = asked_mappings(request)
        self.subnets = [self.subnet(mapping["SubnetId"]) for mapping in self.mappings]
        vpcs = {subnet.vpc_id for subnet in self.subnets}
        if len(vpcs) > 1:
            raise misconfigured("All subnets must belong to the same VPC")
        zones = [subnet.availability_zone for subnet in self.subnets]
        if len(zones) != len(set(zones)):
            raise misconfigured("A load balancer cannot be attached to multiple subnets in the same Availability Zone")
        (self.vpc_id,) = vpcs

    def subnet(self, subnet_id: str):
        found = facts.subnet(self.ec2, subnet_id)
        if found is None:
            raise refused("SubnetNotFound", f"The subnet ID '{subnet_id}' does not exist")
        return found

    def zones(self, present: LoadBalancer | None = None) -> dict[str, Zone]:
        """What is asked for, zone by zone. What `present` already has is no obstacle."""
        check_families(self.ip_address_type, self.source_nat, self.subnets)
        if self.scheme == "internet-facing" and not facts.has_internet_gateway(self.ec2, self.vpc_id):
            raise refused("InvalidSubnet", f"VPC {self.vpc_id} has no internet gateway")
        made = {}
        for mapping, subnet in zip(self.mappings, self.subnets, strict=True):
            before = present.zones.get(subnet.availability_zone) if present else None
            zone = self.zone(mapping, subnet)
            if before is None or before.subnet_id != subnet.id:
                self.check_new(zone, subnet)
            else:
                keep(zone, before)
            made[zone.name] = zone
        allocations = [zone.allocation_id for zone in made.values() if zone.allocation_id]
        if len(allocations) != len(set(allocations)):
            raise misconfigured("The same allocation ID cannot be used for more than one subnet")
        return made

    def zone(self, mapping: dict[str, str], subnet) -> Zone:
        prefix = mapping.get("SourceNatIpv6Prefix")
        if prefix and self.source_nat != "on":
            raise misconfigured("Source NAT IPv6 prefixes require EnablePrefixForIpv6SourceNat")
        return Zone(
            subnet.availability_zone,
            subnet.id,
            allocation_id=self.allocation(mapping.get("AllocationId")),
            private_ipv4=self.private(mapping.get("PrivateIPv4Address"), subnet),
            ipv6=self.ipv6(mapping.get("IPv6Address"), subnet),
            source_nat_prefix=source_nat_prefix(prefix, subnet) if self.source_nat == "on" else None,
        )

    def allocation(self, allocation_id: str | None) -> str | None:
        if not allocation_id:
            return None
        if self.scheme != "internet-facing":
            raise misconfigured("Elastic IP addresses are not supported for internal load balancers")
        if facts.address(self.ec2, allocation_id) is None:
            raise refused("AllocationIdNotFound", f"The allocation IDs '{allocation_id}' do not exist")
        return allocation_id

    def private(self, address: str | None, subnet) -> str | None:
        if not address:
            return None
        if self.scheme != "internal":
            raise misconfigured("Private IPv4 addresses are not supported for internet-facing load balancers")
        if parsed(address) not in subnet.cidr:
            raise misconfigured(f"The private IPv4 address '{address}' is not in the range of subnet '{subnet.id}'")
        return address

    def ipv6(self, address: str | None, subnet) -> str | None:
        block = facts.ipv6_block(subnet)
        if address:
            if self.ip_address_type != "dualstack":
                raise misconfigured("IPv6 addresses can only be specified for dualstack load balancers")
            if parsed(address) not in (block or ()):
                raise misconfigured(f"The IPv6 address '{address}' is not in the range of subnet '{subnet.id}'")
        return address

    def check_new(self, zone: Zone, subnet) -> None:
        """What can only be refused for a zone that the load balancer is not in yet."""
        elastic = facts.address(self.ec2, zone.allocation_id) if zone.allocation_id else None
        if elastic is not None and elastic.association_id:
            raise refused("ResourceInUse", f"The allocation IDs '{zone.allocation_id}' are already in use")
        if zone.private_ipv4:
            if zone.private_ipv4 in subnet._subnet_ips:
                raise misconfigured(f"The private IPv4 address '{zone.private_ipv4}' is already in use")
        elif interfaces.free_addresses(subnet) < FREE_ADDRESSES:
            raise refused(
                "InvalidSubnet",
                f"Not enough IP space available in {subnet.id}. ELB requires at least {FREE_ADDRESSES} free IP "
                "addresses in each subnet.",
            )


def asked_mappings(request: dict[str, Any]) -> list[dict[str, str]]:
    subnets, mappings = request.get("Subnets") or [], request.get("SubnetMappings") or []
    if subnets and mappings:
        raise invalid("You must specify either subnets or subnet mappings, but not both")
    mappings = mappings or [{"SubnetId": subnet_id} for subnet_id in subnets]
    if not mappings:
        raise invalid("At least one subnet must be specified")
    return mappings


def check_families(ip_address_type: str, source_nat: str, subnets: list[Any]) -> None:
    if ip_address_type not in ("ipv4", "dualstack"):
        raise invalid(f"The IP address type '{ip_address_type}' is not valid for a Network Load Balancer")
    if source_nat == "on" and ip_address_type != "dualstack":
        raise misconfigured("EnablePrefixForIpv6SourceNat requires the IP address type dualstack")
    without = [subnet.id for subnet in subnets if facts.ipv6_block(subnet) is None]
    if ip_address_type == "dualstack" and without:
        raise misconfigured(
            f"You must specify subnets with an associated IPv6 CIDR block: {', '.join(without)} has none"
        )


def keep(zone: Zone, before: Zone) -> None:
    """A zone that stays keeps its interface and its addresses, which cannot be changed in place."""
    asked = (zone.allocation_id, zone.private_ipv4)
    if any(asked) and asked != (before.allocation_id, before.private_ipv4):
        raise misconfigured(
            f"The addresses in the enabled Availability Zone '{zone.name}' cannot be changed: remove it first"
        )
    zone.interface, zone.allocation_id, zone.private_ipv4 = before.interface, before.allocation_id, before.private_ipv4
    if zone.ipv6 and before.ipv6 and zone.ipv6 != before.ipv6:
        raise misconfigured(f"The IPv6 address in the enabled Availability Zone '{zone.name}' cannot be changed")
    zone.ipv6 = zone.ipv6 or before.ipv6


def source_nat_prefix(asked: str | None, subnet) -> str:
    block = facts.ipv6_block(subnet)
    if not asked or asked == AUTO_ASSIGNED:
        return str(next(iter(block.subnets(new_prefix=80))))
    try:
        prefix = ipaddress.IPv6Network(asked)
    except ValueError:
        raise invalid(f"The IPv6 prefix '{asked}' is not valid") from None
    if prefix.prefixlen != 80 or not prefix.subnet_of(block):
        raise misconfigured(f"The IPv6 prefix '{asked}' is not a /80 of subnet '{subnet.id}'")
    return str(prefix)


def parsed(address: str):
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        raise invalid(f"'{address}' is not a valid IP address") from None


def described(zone: Zone, ec2: EC2Backend) -> dict[str, Any]:
    address = {
        "AllocationId": zone.allocation_id,
        "IpAddress": facts.address(ec2, zone.allocation_id).public_ip if zone.allocation_id else None,
        "PrivateIPv4Address": zone.private_ipv4,
        "IPv6Address": zone.ipv6,
    }
    address = {key: value for key, value in address.items() if value}
    answer = {"ZoneName": zone.name, "SubnetId": zone.subnet_id, "LoadBalancerAddresses": [address] if address else []}
    if zone.source_nat_prefix:
        answer["SourceNatIpv6Prefixes"] = [zone.source_nat_prefix]
    return answer
