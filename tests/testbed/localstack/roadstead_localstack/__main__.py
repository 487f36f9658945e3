"""How does LocalStack start as a part of a test bed?

On 127.0.0.1 alone, with ELBv2 served by this package, and with a line of JSON on stdout when it can be asked. It ends
when its stdin does, so that it cannot outlive the test that started it. Settings: `ROADSTEAD_PORT`, the rest is
LocalStack's own environment.
"""

import json
import os
import sys
import threading


def main() -> None:
    announce_to = own_stdout()
    threading.Thread(target=end_with_stdin, name="leash", daemon=True).start()

    from localstack.logging.setup import setup_logging_from_config
    from localstack.runtime import current

    from roadstead_localstack import control, provider
    from roadstead_localstack.server import LoopbackRuntime

    setup_logging_from_config()
    runtime = LoopbackRuntime(port=int(os.environ["ROADSTEAD_PORT"]), on_listening=lambda: announce(announce_to))
    current.set_current_runtime(runtime)
    provider.install()
    control.install()
    runtime.run()


def own_stdout() -> int:
    """Keeps stdout for the announcement; whatever else is printed goes to the log, which is stderr."""
    announce_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return announce_to


def announce(to: int) -> None:
    os.write(to, json.dumps({"ready": True}).encode() + b"\n")


def end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    # Everything is in memory: there is nothing to put in order.
    os._exit(0)


if __name__ == "__main__":
    main()
