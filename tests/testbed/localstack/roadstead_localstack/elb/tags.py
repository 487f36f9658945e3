"""Which tags does an object of ELBv2 carry?"""

from typing import Any

from roadstead_localstack.errors import (
    invalid,
    listener_not_found,
    load_balancer_not_found,
    refused,
    target_group_not_found,
)
from roadstead_localstack.world import Resource, World

MOST_TAGS = 50
MOST_ARNS = 20


def asked_tags(asked: list[dict[str, str]] | None) -> dict[str, str]:
    """The tags of a request, checked."""
    tags = {}
    for tag in asked or []:
        key, value = tag.get("Key", ""), tag.get("Value") or ""
        if key in tags:
            raise refused("DuplicateTagKeys", f"Tag keys must be unique: '{key}'")
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise invalid(f"Tag '{key}' has a key longer than 128 or a value longer than 256 characters")
        if key.lower().startswith("aws:"):
            raise invalid(f"The tag key '{key}' is reserved: it begins with 'aws:'")
        tags[key] = value
    check_number(tags)
    return tags


def check_number(tags: dict[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise refused("TooManyTags", f"The maximum number of tags is {MOST_TAGS}")


def listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def add_tags(world: World, request: dict[str, Any]) -> dict[str, Any]:
    tags = asked_tags(request.get("Tags"))
    resources = resources_of(world, request)
    for resource in resources:
        check_number(resource.tags | tags)
    for resource in resources:
        resource.tags.update(tags)
    return {}


def remove_tags(world: World, request: dict[str, Any]) -> dict[str, Any]:
    for resource in resources_of(world, request):
        for key in request.get("TagKeys") or []:
            resource.tags.pop(key, None)
    return {}


def describe_tags(world: World, request: dict[str, Any]) -> dict[str, Any]:
    resources = resources_of(world, request)
    return {"TagDescriptions": [{"ResourceArn": r.arn, "Tags": listed(r.tags)} for r in resources]}


def resources_of(world: World, request: dict[str, Any]) -> list[Resource]:
    arns = request.get("ResourceArns") or []
    if len(arns) > MOST_ARNS:
        raise invalid(f"Up to {MOST_ARNS} resources can be described at a time")
    return [existing(world, arn) for arn in dict.fromkeys(arns)]


def existing(world: World, arn: str) -> Resource:
    if resource := world.resource(arn):
        return resource
    if ":targetgroup/" in arn:
        raise target_group_not_found(arn)
    if ":listener/" in arn:
        raise listener_not_found(arn)
    if ":loadbalancer/" in arn:
        raise load_balancer_not_found(arn)
    raise invalid(f"'{arn}' is not a valid resource ARN")


OPERATIONS = {"AddTags": add_tags, "RemoveTags": remove_tags, "DescribeTags": describe_tags}
