"""Which attributes and further certificates does a listener have?"""

from typing import Any

from roadstead_localstack.elb import attributes, capacity, tls
from roadstead_localstack.elb.listeners import existing
from roadstead_localstack.errors import invalid, misconfigured, refused
from roadstead_localstack.world import Listener, World


def describe_attributes(world: World, request: dict[str, Any]) -> dict[str, Any]:
    return {"Attributes": attributes.listed(shown(existing(world, request)))}


def shown(listener: Listener) -> dict[str, str]:
    """The idle timeout is one of TCP."""
    return listener.attributes if listener.protocol in ("TCP", "TCP_UDP") else {}


def modify_attributes(world: World, request: dict[str, Any]) -> dict[str, Any]:
    listener = existing(world, request)
    changes = attributes.LISTENER.changes(request.get("Attributes") or [])
    if listener.protocol not in ("TCP", "TCP_UDP"):
        raise misconfigured(f"tcp.idle_timeout.seconds is not supported for {listener.protocol} listeners")
    listener.attributes = listener.attributes | changes
    return {"Attributes": attributes.listed(listener.attributes)}


def add_certificates(world: World, request: dict[str, Any]) -> dict[str, Any]:
    listener = secure(world, request)
    asked = tls.checked_certificates(world, request.get("Certificates"))
    if not asked:
        raise invalid("At least one certificate must be specified")
    new = [arn for arn in dict.fromkeys(asked) if arn not in listener.more_certificates]
    capacity.check_certificates(world, listener.load_balancer, len(new))
    listener.more_certificates += new
    return {"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in asked]}


def remove_certificates(world: World, request: dict[str, Any]) -> dict[str, Any]:
    listener = secure(world, request)
    for certificate in request.get("Certificates") or []:
        arn = certificate.get("CertificateArn")
        if arn in listener.more_certificates:
            listener.more_certificates.remove(arn)
        elif arn == listener.certificate:
            raise refused("OperationNotPermitted", f"The default certificate '{arn}' cannot be removed from a listener")
    return {}


def describe_certificates(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """The default one first; it is there twice if it is in the list as well. A page is counted from its start."""
    listener = existing(world, request)
    found = [{"CertificateArn": listener.certificate, "IsDefault": True}] if listener.certificate else []
    found += [{"CertificateArn": arn, "IsDefault": False} for arn in listener.more_certificates]
    start, size = int(request.get("Marker") or 0), request.get("PageSize") or 400
    more = {"NextMarker": str(start + size)} if len(found) > start + size else {}
    return {"Certificates": found[start : start + size]} | more


def secure(world: World, request: dict[str, Any]) -> Listener:
    listener = existing(world, request)
    if listener.protocol != "TLS":
        raise invalid(f"Certificates are not supported for {listener.protocol} listeners")
    return listener


OPERATIONS = {
    "DescribeListenerAttributes": describe_attributes,
    "ModifyListenerAttributes": modify_attributes,
    "AddListenerCertificates": add_certificates,
    "RemoveListenerCertificates": remove_certificates,
    "DescribeListenerCertificates": describe_certificates,
}
