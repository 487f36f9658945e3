"""What exists in an account? The state of ELBv2, and the indexes that keep every question cheap.

Everything here is plain data: which operation may do what with it is decided in `elb`. A world's lock is held for the
length of an operation, so nothing is seen half done.
"""

import re
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from threading import RLock
from typing import Any

from roadstead_localstack.settings import Settings

NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
_sequence = count(1)


@dataclass(eq=False)
class Resource:
    """What can be tagged, described and paged through. `sequence` is the order of creation."""

    arn: str
    tags: dict[str, str]
    sequence: int = field(default_factory=lambda: next(_sequence), init=False)


@dataclass(eq=False)
class Zone:
    """An availability zone that a load balancer is in, and the addresses it has there."""

    name: str
    subnet_id: str
    allocation_id: str | None = None
    private_ipv4: str | None = None
    ipv6: str | None = None
    source_nat_prefix: str | None = None
    interface: Any = None


@dataclass(eq=False)
class LoadBalancer(Resource):
    name: str
    type: str
    scheme: str
    vpc_id: str
    dns_name: str
    ip_address_type: str
    zones: dict[str, Zone]
    security_groups: list[str]
    attributes: dict[str, str]
    source_nat: str = "off"
    private_link_rules: str = "on"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    since: float = field(default_factory=time.monotonic)
    listeners: dict[int, "Listener"] = field(default_factory=dict)
    capacity_units: int | None = None
    capacity_changed: datetime | None = None
    in_use_by_endpoint_service: bool = False
    forced_state: str | None = None

    def __post_init__(self) -> None:
        self.made_with_security_groups = bool(self.security_groups)

    @property
    def is_network(self) -> bool:
        return self.type == "network"


@dataclass(eq=False)
class Listener(Resource):
    load_balancer: LoadBalancer
    protocol: str
    port: int
    actions: list[dict[str, Any]]
    target_groups: list["TargetGroup"]
    ssl_policy: str | None = None
    certificate: str | None = None
    more_certificates: list[str] = field(default_factory=list)
    alpn_policy: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Target:
    """A registration: the same instance or address with another port is another one."""

    id: str
    port: int
    zone: str | None
    given_zone: str | None = None
    since: float = field(default_factory=time.monotonic)
    draining_since: float | None = None
    forced: dict[str, str] | None = None


@dataclass(eq=False)
class HealthCheck:
    protocol: str
    port: str
    path: str | None
    interval: int
    timeout: int
    healthy: int
    unhealthy: int
    codes: str | None


@dataclass(eq=False)
class TargetGroup(Resource):
    name: str
    protocol: str
    port: int
    vpc_id: str
    target_type: str
    ip_address_type: str
    health_check: HealthCheck
    attributes: dict[str, str]
    targets: dict[tuple[str, int], Target] = field(default_factory=dict)
    listeners: set[str] = field(default_factory=set)
    load_balancer: LoadBalancer | None = None
    attached_since: float = 0.0
    forced: dict[str, str] | None = None


class World:
    """The ELBv2 of one account in one region."""

    def __init__(self, account: str, region: str):
        self.account = account
        self.region = region
        self.lock = RLock()
        self.settings = Settings()
        self.load_balancers: dict[str, LoadBalancer] = {}
        self.load_balancers_by_name: dict[str, LoadBalancer] = {}
        self.target_groups: dict[str, TargetGroup] = {}
        self.target_groups_by_name: dict[str, TargetGroup] = {}
        self.listeners: dict[str, Listener] = {}
        # Network interfaces that were let go, and since when: the longest ago first.
        self.leaving: deque[tuple[float, Any]] = deque()

    def arn(self, kind: str, *path: str) -> str:
        return ":".join(("arn:aws:elasticloadbalancing", self.region, self.account, "/".join((kind, *path))))

    def network_load_balancers(self) -> int:
        return sum(1 for balancer in self.load_balancers.values() if balancer.is_network)

    def resource(self, arn: str) -> Resource | None:
        return self.load_balancers.get(arn) or self.target_groups.get(arn) or self.listeners.get(arn)


_worlds: dict[tuple[str, str], World] = {}
_making = RLock()


def world_of(account: str, region: str) -> World:
    with _making:
        if (world := _worlds.get((account, region))) is None:
            world = _worlds[account, region] = World(account, region)
        return world


def hex_id() -> str:
    """As AWS has it at the end of an ARN."""
    return secrets.token_hex(8)
