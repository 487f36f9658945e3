"""What may a test do to this world that no AWS API lets it do? The routes below `/_roadstead/ACCOUNT`."""

from collections.abc import Callable
from typing import Any

from localstack.http import Request, Response, route
from localstack.services.edge import ROUTER

from roadstead_localstack.dump import dump
from roadstead_localstack.elb.health import forced
from roadstead_localstack.landscape import Landscape
from roadstead_localstack.world import World, world_of

REGION = "us-east-1"


class Control:
    @route("/_roadstead/<account>/dump", methods=["GET"])
    def dump(self, request: Request, account: str) -> Response:
        return answered(lambda: dump(world_of(account, REGION)))

    @route("/_roadstead/<account>/settings", methods=["POST"])
    def settings(self, request: Request, account: str) -> Response:
        """Body: the names of `Settings` that change."""
        world = world_of(account, REGION)
        return answered(lambda: world.settings.change(request.get_json()))

    @route("/_roadstead/<account>/landscape", methods=["POST"])
    def landscape(self, request: Request, account: str) -> Response:
        return answered(lambda: Landscape.build(account, REGION, request.get_json()))

    @route("/_roadstead/<account>/endpoint-service", methods=["POST"])
    def endpoint_service(self, request: Request, account: str) -> Response:
        """Body: {load_balancer_arn, in_use}."""
        asked, world = request.get_json(), world_of(account, REGION)

        def mark() -> None:
            world.load_balancers[asked["load_balancer_arn"]].in_use_by_endpoint_service = asked["in_use"]

        return answered(mark)

    @route("/_roadstead/<account>/load-balancer-state", methods=["POST"])
    def load_balancer_state(self, request: Request, account: str) -> Response:
        """Body: {load_balancer_arn, state}. Without a state things take their own course again."""
        asked, world = request.get_json(), world_of(account, REGION)

        def force_state() -> None:
            world.load_balancers[asked["load_balancer_arn"]].forced_state = asked.get("state")

        return answered(force_state)

    @route("/_roadstead/<account>/target-health", methods=["POST"])
    def target_health(self, request: Request, account: str) -> Response:
        """Body: {target_group_arn, id, port, state, reason, description}. Without an id it holds for every target of
        the group, those to come as well; without a state things take their own course again."""
        return answered(lambda: force(world_of(account, REGION), request.get_json()))

    @route("/_roadstead/<account>/certificate", methods=["POST"])
    def certificate(self, request: Request, account: str) -> Response:
        """Body: {domain}. Answers with the ARN of a new certificate."""
        from moto.acm.models import acm_backends

        acm = acm_backends[account][REGION]
        return answered(lambda: acm.request_certificate(request.get_json()["domain"], None, [], []))


def force(world: World, asked: dict[str, Any]) -> None:
    with world.lock:
        group = world.target_groups[asked["target_group_arn"]]
        health = forced(asked["state"], asked.get("reason"), asked.get("description")) if asked.get("state") else None
        if asked.get("id") is None:
            group.forced = health
        else:
            group.targets[(asked["id"], asked.get("port") or group.port)].forced = health


def answered(act: Callable[[], Any]) -> Response:
    """What `act` returns; a test's mistake is told to the test."""
    response = Response()
    try:
        response.set_json(act())
    except (KeyError, TypeError, ValueError) as mistake:
        response.status_code = 400
        response.set_json({"error": f"{type(mistake).__name__}: {mistake}"})
    return response


def install() -> None:
    ROUTER.add(Control())
