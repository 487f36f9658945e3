"""Which operations does this ELBv2 have, and how does LocalStack call them?"""

from collections.abc import Callable
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.services.plugins import Service

from roadstead_localstack.elb import (
    changes,
    limits,
    listener_details,
    listeners,
    load_balancers,
    tags,
    target_groups,
    targets,
    tls,
)
from roadstead_localstack.world import World, world_of

Operation = Callable[[World, dict[str, Any]], dict[str, Any]]
MODULES = (load_balancers, changes, target_groups, targets, listeners, listener_details, tls, tags, limits)
OPERATIONS: dict[str, Operation] = {name: fn for module in MODULES for name, fn in module.OPERATIONS.items()}


def handler(operation: Operation):
    def handle(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        world = world_of(context.account_id, context.region)
        with world.lock:
            return operation(world, request or {})

    return handle


def service() -> Service:
    """What is not in the table is answered as not implemented."""
    table = {name: handler(operation) for name, operation in OPERATIONS.items()}
    return Service(name="elbv2", skeleton=Skeleton(load_service("elbv2"), table))
