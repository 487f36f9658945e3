"""What do the checks have in common? Clients of an account of its own for each, and short ways to make things."""

import itertools
import json
import urllib.request
from collections.abc import Callable
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"
# A delay, in seconds, that no check waits for.
LONG = 1000
CONFIG = Config(retries={"max_attempts": 1, "mode": "standard"}, parameter_validation=False)
_session = boto3.session.Session()
_accounts = itertools.count(900_000_000_001)


class Aws:
    """An account that nobody else uses, with a VPC, three public subnets and some instances."""

    def __init__(self, url: str, ipv6: bool = False, instances: int = 2):
        self.url = url
        self.account = f"{next(_accounts):012}"
        self.names = itertools.count(1)
        zones = [f"{REGION}{letter}" for letter in "abc"]
        subnets = [{"zone": z, "public": True, "ipv6": ipv6, "role_tag": True, "tags": {}} for z in zones]
        asked = {"cluster": "c", "cidr": "10.0.0.0/16", "ipv6": ipv6, "subnets": subnets, "instances": instances}
        self.landscape = self.control("landscape", asked)
        self.vpc = self.landscape["vpc_id"]
        self.subnets = [subnet["id"] for subnet in self.landscape["subnets"]]
        self.instances = [instance["id"] for instance in self.landscape["instances"]]

    def client(self, service: str):
        return _session.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.account,
            aws_secret_access_key="test",
            config=CONFIG,
        )

    @cached_property
    def lb(self):
        return self.client("elbv2")

    @cached_property
    def ec2(self):
        return self.client("ec2")

    def control(self, what: str, asked: dict[str, Any] | None = None) -> Any:
        body = None if asked is None else json.dumps(asked).encode()
        url = f"{self.url}/_roadstead/{self.account}/{what}"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def delays(self, **delays: float) -> None:
        self.control("settings", {"delays": delays})

    def quotas(self, **quotas: int) -> None:
        self.control("settings", {"quotas": quotas})

    def name(self) -> str:
        return f"n{next(self.names)}"

    def nlb(self, **asked: Any) -> dict[str, Any]:
        asked = {"Name": self.name(), "Type": "network"} | asked
        if "SubnetMappings" not in asked:
            asked.setdefault("Subnets", self.subnets)
        return self.lb.create_load_balancer(**asked)["LoadBalancers"][0]

    def described(self, balancer: dict[str, Any]) -> dict[str, Any]:
        return self.lb.describe_load_balancers(LoadBalancerArns=[arn(balancer)])["LoadBalancers"][0]

    def tg(self, **asked: Any) -> dict[str, Any]:
        asked = {
            "Name": self.name(),
            "Protocol": "TCP",
            "Port": 80,
            "VpcId": self.vpc,
            "TargetType": "instance",
        } | asked
        return self.lb.create_target_group(**asked)["TargetGroups"][0]

    def listener(self, balancer: dict[str, Any], group: dict[str, Any], **asked: Any) -> dict[str, Any]:
        asked = {
            "LoadBalancerArn": arn(balancer),
            "Protocol": "TCP",
            "Port": 80,
            "DefaultActions": forward(group),
        } | asked
        return self.lb.create_listener(**asked)["Listeners"][0]

    def serving(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """A load balancer, its target group and its listener."""
        balancer, group = self.nlb(), self.tg()
        return balancer, group, self.listener(balancer, group)

    def health(self, group: dict[str, Any], **asked: Any) -> dict[tuple[str, int], tuple[str, str | None]]:
        found = self.lb.describe_target_health(TargetGroupArn=arn(group), **asked)["TargetHealthDescriptions"]
        return {
            (one["Target"]["Id"], one["Target"].get("Port")): (
                one["TargetHealth"]["State"],
                one["TargetHealth"].get("Reason"),
            )
            for one in found
        }

    def register(self, group: dict[str, Any], *targets: dict[str, Any]) -> None:
        self.lb.register_targets(TargetGroupArn=arn(group), Targets=list(targets))

    def group(self, **asked: Any) -> str:
        asked = {"GroupName": self.name(), "Description": "d", "VpcId": self.vpc} | asked
        return self.ec2.create_security_group(**asked)["GroupId"]

    def certificate(self) -> str:
        return self.control("certificate", {"domain": f"{self.name()}.example.com"})


def arn(thing: dict[str, Any]) -> str:
    return (
        thing.get("LoadBalancerArn")
        if "LoadBalancerName" in thing
        else (thing.get("ListenerArn") or thing["TargetGroupArn"])
    )


def forward(group: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Type": "forward", "TargetGroupArn": arn(group)}]


def tcp(port: int, **source: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port} | (source or {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]})


def answer(call: Callable[..., Any], **asked: Any) -> str:
    """The code of the error that a call ends with, or `success`."""
    return code_and_message(call, **asked)[0]


def code_and_message(call: Callable[..., Any], **asked: Any) -> tuple[str, str]:
    try:
        call(**asked)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "success", ""


def same(got: Any, wanted: Any, what: str = "") -> None:
    assert got == wanted, f"{what + ': ' if what else ''}{got!r}, not {wanted!r}"


CHECKS: list[tuple[str, Callable[[Aws], None], dict[str, Any]]] = []


def check(name: str, **world: Any):
    """Names a check. `world` goes to `Aws`."""

    def register(function: Callable[[Aws], None]):
        CHECKS.append((name, function, world))
        return function

    return register
