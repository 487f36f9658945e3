"""Which of the things that exist belong on this page?

A marker says after which one the page begins, by order of creation, so that what comes or goes between two pages
neither repeats nor hides anything.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from roadstead_localstack.errors import invalid
from roadstead_localstack.world import Resource

LARGEST_PAGE = 400


def page(found: Iterable[Resource], request: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    """The resources of this page, and what the answer says about the next one."""
    size = request.get("PageSize") or LARGEST_PAGE
    if not 1 <= size <= LARGEST_PAGE:
        raise invalid(f"Page size '{size}' must be between 1 and {LARGEST_PAGE}")
    after = sequence_of(request["Marker"]) if request.get("Marker") else 0
    rest = [resource for resource in found if resource.sequence > after]
    here = rest[:size]
    return here, {"NextMarker": marker_after(here[-1])} if len(rest) > size else {}


def marker_after(resource: Resource) -> str:
    return base64.urlsafe_b64encode(str(resource.sequence).encode()).decode()


def sequence_of(marker: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(marker.encode()))
    except (ValueError, binascii.Error):
        raise invalid(f"Marker '{marker}' is not valid") from None
