"""What may a test do to this world that no AWS API lets it do? The routes below `/_roadstead`."""

from localstack.http import Request, Response, route
from localstack.services.edge import ROUTER

from roadstead_localstack.landscape import Landscape

REGION = "us-east-1"


class Control:
    @route("/_roadstead/<account>/settings", methods=["POST"])
    def settings(self, request: Request, account: str) -> Response:
        return json_of(None)

    @route("/_roadstead/<account>/landscape", methods=["POST"])
    def landscape(self, request: Request, account: str) -> Response:
        return json_of(Landscape.build(account, REGION, request.get_json()))


def json_of(answer) -> Response:
    response = Response()
    response.set_json(answer)
    return response


def install() -> None:
    ROUTER.add(Control())
