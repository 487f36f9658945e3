"""How are instances found and paged through?

moto looks through all of them for each one, and pages by reservations; AWS pages by instances and names every id that
it does not know.
"""

import copy
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidParameterCombination
from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.utils import filter_reservations

SMALLEST_PAGE, LARGEST_PAGE = 5, 1000
INDEX = "_roadstead_instances"


def find(ec2: EC2Backend, instance_id: str):
    """An instance and its reservation. moto has no index of instances: this one is made anew when an id is missing."""
    index = ec2.__dict__.setdefault(INDEX, {})
    if instance_id not in index:
        for reservation in list(ec2.reservations.values()):
            index.update((instance.id, (instance, reservation)) for instance in reservation.instances)
    return index.get(instance_id)


def instance(ec2: EC2Backend, instance_id: str):
    found = find(ec2, instance_id)
    return found[0] if found else None


def describe_instances(response: InstanceResponse) -> ActionResult:
    response.error_on_dryrun()
    ec2 = response.ec2_backend
    ids = response._get_param("InstanceIds", [])
    size, token = response._get_param("MaxResults"), response._get_param("NextToken")
    if ids and size:
        raise InvalidParameterCombination("The parameter instancesSet cannot be used with the parameter maxResults")
    if size and not SMALLEST_PAGE <= int(size) <= LARGEST_PAGE:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.",
        )
    reservations = by_ids(ec2, ids) if ids else list(ec2.reservations.values())
    if filters := response._filters_from_querystring():
        reservations = filter_reservations([copy.copy(r) for r in reservations], filters)
    page, next_token = page_of(reservations, int(size) if size else LARGEST_PAGE, token)
    return ActionResult({"Reservations": page, "NextToken": next_token})


def by_ids(ec2: EC2Backend, ids: list[str]) -> list[Any]:
    found = {instance_id: find(ec2, instance_id) for instance_id in ids}
    if unknown := [instance_id for instance_id, pair in found.items() if pair is None]:
        noun = "instance ID" if len(unknown) == 1 else "instance IDs"
        verb = "does" if len(unknown) == 1 else "do"
        raise EC2ClientError("InvalidInstanceID.NotFound", f"The {noun} '{', '.join(unknown)}' {verb} not exist")
    wanted: dict[str, tuple[Any, list[Any]]] = {}
    for one, reservation in found.values():
        wanted.setdefault(reservation.id, (reservation, []))[1].append(one)
    return [with_instances(reservation, instances) for reservation, instances in wanted.values()]


def page_of(reservations: list[Any], size: int, token: str | None) -> tuple[list[Any], str | None]:
    """Whole or parts of reservations, `size` instances together; the token is the last instance's id."""
    page, left, skipping = [], size, token is not None
    for reservation in reservations:
        rest = list(reservation.instances)
        if skipping:
            ids = [instance.id for instance in rest]
            if token not in ids:
                continue
            rest, skipping = rest[ids.index(token) + 1 :], False
        if rest and not left:
            return page, page[-1].instances[-1].id
        here, rest = rest[:left], rest[left:]
        if here:
            page.append(with_instances(reservation, here))
            left -= len(here)
        if rest:
            return page, here[-1].id
    if skipping:
        raise EC2ClientError("InvalidNextToken", f"The token '{token}' is invalid")
    return page, None


def with_instances(reservation, instances: list[Any]):
    part = copy.copy(reservation)
    part.instances = instances
    return part


def install() -> None:
    InstanceResponse.describe_instances = describe_instances
    get_instance = InstanceBackend.get_instance
    InstanceBackend.get_instance = lambda self, instance_id: (
        instance(self, instance_id) or get_instance(self, instance_id)
    )
