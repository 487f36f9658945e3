"""On which ports does a load balancer listen, and where to?"""

import time
from typing import Any

from roadstead_localstack.elb import attributes, capacity, tls
from roadstead_localstack.elb.actions import FORWARDS_TO, Forward
from roadstead_localstack.elb.paging import page
from roadstead_localstack.elb.tags import asked_tags
from roadstead_localstack.errors import (
    invalid,
    listener_not_found,
    load_balancer_not_found,
    misconfigured,
    refused,
)
from roadstead_localstack.world import Listener, LoadBalancer, TargetGroup, World, hex_id

DATAGRAMS = ("UDP", "TCP_UDP")


def existing(world: World, request: dict[str, Any]) -> Listener:
    arn = request.get("ListenerArn") or ""
    if listener := world.listeners.get(arn):
        return listener
    if ":listener/" not in arn:
        raise invalid(f"'{arn}' is not a valid listener ARN")
    raise listener_not_found(arn)


def create(world: World, request: dict[str, Any]) -> dict[str, Any]:
    balancer = world.load_balancers.get(arn := request.get("LoadBalancerArn") or "")
    if balancer is None:
        raise load_balancer_not_found(arn)
    protocol, port = checked_protocol(balancer, request.get("Protocol")), checked_listener_port(request.get("Port"))
    tags = asked_tags(request.get("Tags"))
    secure = Secure(world, protocol, request)
    forward = Forward(world, balancer, protocol, request.get("DefaultActions") or [])
    # One listener for a port: TCP and UDP together are one of TCP_UDP.
    if taken := balancer.listeners.get(port):
        if not same(taken, protocol, forward, secure):
            raise refused("DuplicateListener", f"A listener already exists on this port for this load balancer '{arn}'")
        return {"Listeners": [describe(taken)]}
    if len(balancer.listeners) >= (most := world.settings.quotas.listeners):
        raise refused("TooManyListeners", f"The maximum number of listeners has been reached: {most}")
    capacity.check_attaching(world, balancer, forward.groups)
    balancer_path = balancer.arn.split(":loadbalancer/")[1]
    listener = Listener(
        arn=world.arn("listener", balancer_path, hex_id()),
        tags=tags,
        load_balancer=balancer,
        protocol=protocol,
        port=port,
        actions=forward.actions,
        target_groups=forward.groups,
        ssl_policy=secure.policy,
        certificate=secure.certificate,
        alpn_policy=secure.alpn,
        attributes=attributes.LISTENER.defaults(),
    )
    world.listeners[listener.arn] = balancer.listeners[port] = listener
    for group in forward.groups:
        attach(listener, group)
    return {"Listeners": [describe(listener)]}


class Secure:
    """What a request says about TLS, checked; nothing for another protocol."""

    def __init__(self, world: World, protocol: str, request: dict[str, Any], before: Listener | None = None):
        self.policy = self.certificate = self.alpn = None
        if protocol == "TLS":
            was = before if before and before.protocol == "TLS" else None
            keep = was is not None
            self.policy = (
                was.ssl_policy
                if keep and not request.get("SslPolicy")
                else tls.checked_policy(request.get("SslPolicy"))
            )
            asked = request.get("Certificates")
            self.certificate = was.certificate if keep and not asked else tls.default_certificate(world, asked)
            self.alpn = (
                was.alpn_policy
                if keep and request.get("AlpnPolicy") is None
                else tls.checked_alpn(request.get("AlpnPolicy"))
            )
        elif any(request.get(key) for key in ("SslPolicy", "Certificates", "AlpnPolicy")):
            raise misconfigured(
                f"SSL policies, certificates and ALPN policies are not supported for {protocol} listeners"
            )


def checked_protocol(balancer: LoadBalancer, protocol: str | None) -> str:
    if not balancer.is_network:
        raise refused("UnsupportedProtocol", "Listeners of Application Load Balancers are not supported here")
    if protocol not in FORWARDS_TO:
        raise refused("UnsupportedProtocol", f"Protocol '{protocol}' is not supported by Network Load Balancers")
    if protocol in DATAGRAMS and balancer.ip_address_type == "dualstack" and balancer.source_nat != "on":
        raise misconfigured(
            f"Listeners with protocol {protocol} are not supported by a dualstack load balancer without "
            "EnablePrefixForIpv6SourceNat"
        )
    return protocol


def checked_listener_port(port: int | None) -> int:
    if port is None or not 1 <= port <= 65535:
        raise invalid(f"Port '{port}' must be between 1 and 65535")
    return port


def same(taken: Listener, protocol: str, forward: Forward, secure: Secure) -> bool:
    have = (taken.protocol, taken.actions, taken.ssl_policy, taken.certificate, taken.alpn_policy)
    return have == (protocol, forward.actions, secure.policy, secure.certificate, secure.alpn)


def attach(listener: Listener, group: TargetGroup) -> None:
    group.listeners.add(listener.arn)
    if group.load_balancer is None:
        group.load_balancer, group.attached_since = listener.load_balancer, time.monotonic()


def detach(listener: Listener, group: TargetGroup) -> None:
    group.listeners.discard(listener.arn)
    if not group.listeners:
        group.load_balancer = None


def remove(world: World, listener: Listener) -> None:
    for group in listener.target_groups:
        detach(listener, group)
    del world.listeners[listener.arn], listener.load_balancer.listeners[listener.port]


def describe_listeners(world: World, request: dict[str, Any]) -> dict[str, Any]:
    arns, balancer_arn = request.get("ListenerArns") or [], request.get("LoadBalancerArn")
    if bool(arns) == bool(balancer_arn):
        raise invalid("You must specify either listener ARNs or a load balancer ARN")
    if balancer_arn:
        balancer = world.load_balancers.get(balancer_arn)
        if balancer is None:
            raise load_balancer_not_found(balancer_arn)
        found = list(balancer.listeners.values())
    else:
        found = [existing(world, {"ListenerArn": arn}) for arn in dict.fromkeys(arns)]
    here, more = page(sorted(found, key=lambda listener: listener.sequence), request)
    return {"Listeners": [describe(listener) for listener in here]} | more


def describe(listener: Listener) -> dict[str, Any]:
    answer = {
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.load_balancer.arn,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": listener.actions,
    }
    if listener.protocol == "TLS":
        answer |= {"SslPolicy": listener.ssl_policy, "Certificates": [{"CertificateArn": listener.certificate}]}
        if listener.alpn_policy:
            answer["AlpnPolicy"] = [listener.alpn_policy]
    return answer


def modify(world: World, request: dict[str, Any]) -> dict[str, Any]:
    listener = existing(world, request)
    balancer = listener.load_balancer
    protocol = checked_protocol(balancer, request.get("Protocol") or listener.protocol)
    port = checked_listener_port(request.get("Port") or listener.port)
    secure = Secure(world, protocol, request, listener)
    if balancer.listeners.get(port, listener) is not listener:
        raise refused(
            "DuplicateListener", f"A listener already exists on this port for this load balancer '{balancer.arn}'"
        )
    forward = Forward(world, balancer, protocol, request.get("DefaultActions") or listener.actions)
    capacity.check_attaching(world, balancer, forward.groups)
    # The new ones first: a group in both never looks unused.
    before, listener.target_groups = listener.target_groups, forward.groups
    for group in forward.groups:
        attach(listener, group)
    for group in before:
        if group not in forward.groups:
            detach(listener, group)
    del balancer.listeners[listener.port]
    balancer.listeners[port] = listener
    listener.protocol, listener.port, listener.actions = protocol, port, forward.actions
    listener.ssl_policy, listener.certificate, listener.alpn_policy = secure.policy, secure.certificate, secure.alpn
    if protocol != "TLS":
        listener.more_certificates = []
    return {"Listeners": [describe(listener)]}


def delete(world: World, request: dict[str, Any]) -> dict[str, Any]:
    listener = existing(world, request)
    remove(world, listener)
    return {}


OPERATIONS = {
    "CreateListener": create,
    "DescribeListeners": describe_listeners,
    "ModifyListener": modify,
    "DeleteListener": delete,
}
