"""How does the gateway listen?

LocalStack's own server binds all addresses whatever host it is given, and makes a certificate before it listens. This
one listens on 127.0.0.1 alone, plain HTTP, and says when it does.
"""

from collections.abc import Callable
from functools import cached_property

from localstack import config
from localstack.aws.components import AwsComponents
from localstack.runtime.runtime import LocalstackRuntime
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.gateway import Gateway
from rolo.serving.twisted import TwistedGateway
from twisted.internet import reactor

LOOPBACK = "127.0.0.1"


class LoopbackServer(TwistedRuntimeServer):
    def __init__(self, port: int, on_listening: Callable[[], None]):
        super().__init__()
        self.port = port
        self.on_listening = on_listening

    def register(self, gateway: Gateway, listen, ssl_creds=None) -> None:
        reactor.listenTCP(self.port, TwistedGateway(gateway), interface=LOOPBACK)
        reactor.callWhenRunning(self.on_listening)


class LoopbackComponents(AwsComponents):
    def __init__(self, server: LoopbackServer):
        super().__init__()
        self.server = server

    @cached_property
    def runtime_server(self) -> LoopbackServer:
        return self.server


class LoopbackRuntime(LocalstackRuntime):
    def __init__(self, port: int, on_listening: Callable[[], None]):
        super().__init__(LoopbackComponents(LoopbackServer(port, on_listening)))

    def _init_gateway_server(self) -> None:
        self.components.runtime_server.register(self.components.gateway, config.GATEWAY_LISTEN)
