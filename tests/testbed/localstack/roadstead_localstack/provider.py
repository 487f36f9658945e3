"""Which operations does LocalStack serve beyond its own? Registers ELBv2."""

from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.services.moto import call_moto
from localstack.services.plugins import SERVICE_PLUGINS, Service

from roadstead_localstack.faithful import Faithful


def install() -> None:
    model = load_service("elbv2")
    table = {name: (lambda context, request: call_moto(context)) for name in model.operation_names}
    SERVICE_PLUGINS.api_provider_specs["elbv2"] = ["default"]
    SERVICE_PLUGINS.add_service(Service(name="elbv2", skeleton=Skeleton(model, Faithful(table).table())))
    # The first request would wait for a second or two otherwise.
    SERVICE_PLUGINS.require("ec2")
    SERVICE_PLUGINS.require("elbv2")
