"""Which of EC2's objects belong on this page? The token is the last object's id."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

SMALLEST_PAGE, LARGEST_PAGE = 5, 1000


def page(response, name: str, objects: list[Any]) -> ActionResult:
    """The answer with a page of `objects` under `name`; all of them when the request asks for no page."""
    size, token = response._get_param("MaxResults"), response._get_param("NextToken")
    if size and not SMALLEST_PAGE <= int(size) <= LARGEST_PAGE:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.",
        )
    start = 0
    if token:
        start = next((place + 1 for place, o in enumerate(objects) if o.id == token), None)
        if start is None:
            raise EC2ClientError("InvalidNextToken", f"The token '{token}' is invalid")
    size = int(size) if size else len(objects)
    here = objects[start : start + size]
    more = len(objects) > start + size
    return ActionResult({name: here, "NextToken": here[-1].id if more else None})
