"""`python -m checks URL [PART OF A NAME]`: runs checks and prints a line of JSON for each, with what is wrong."""

import json
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from checks import changes, ec2, listeners, load_balancers, scale, security_groups, tags, target_groups, targets  # noqa: F401
from checks.aws import CHECKS, Aws

# The server has one interpreter lock anyway; a few at a time hide its pauses.
AT_ONCE = 4


def run(url: str, name: str, function, world) -> dict[str, str | None]:
    try:
        function(Aws(url, **world))
    except AssertionError as failed:
        return {"name": name, "failure": str(failed) or traceback.format_exc(limit=-1)}
    except ClientError as refused:
        at = next(f for f in traceback.extract_tb(refused.__traceback__) if f.filename == function.__code__.co_filename)
        return {"name": name, "failure": f"line {at.lineno}: {refused}"}
    except Exception:  # Whatever a check trips over is a finding.
        return {"name": name, "failure": traceback.format_exc(limit=-2)}
    return {"name": name, "failure": None}


def main(url: str, only: str = "") -> None:
    chosen = [check for check in CHECKS if only in check[0]]
    names = [name for name, _, _ in chosen]
    assert len(names) == len(set(names)), "two checks have the same name"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(lambda check: run(url, *check), chosen):
            print(json.dumps(result), flush=True)


main(*sys.argv[1:])
