"""What does LocalStack serve otherwise than by itself? ELBv2, and EC2 with corrections."""

import importlib

from localstack.services import moto
from localstack.services.plugins import SERVICE_PLUGINS

from roadstead_localstack.ec2 import groups, instances, interfaces, rules, tags
from roadstead_localstack.elb.service import service


def install() -> None:
    SERVICE_PLUGINS.api_provider_specs["elbv2"] = ["default"]
    SERVICE_PLUGINS.add_service(service())
    # Started here, since the first request would wait for it. LocalStack's own corrections of moto come first.
    start_ec2()
    SERVICE_PLUGINS.require("elbv2")
    for module in (tags, groups, rules, instances, interfaces):
        module.install()
    when_started("resourcegroupstaggingapi", "roadstead_localstack.resource_tags")


def start_ec2() -> None:
    """moto's answers go out as they are. LocalStack would read each and write it again, at twice the cost."""
    read_and_write = moto._proxy_moto
    moto._proxy_moto = lambda context, request: moto.dispatch_to_moto(context)
    try:
        SERVICE_PLUGINS.require("ec2")
    finally:
        moto._proxy_moto = read_and_write


def when_started(service_name: str, module: str) -> None:
    """Corrects a service that few tests use once one does."""
    require = SERVICE_PLUGINS.require

    def required(name: str):
        found = require(name)
        if name == service_name:
            importlib.import_module(module).install()
        return found

    SERVICE_PLUGINS.require = required
