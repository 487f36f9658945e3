"""Which of EC2's objects does a filter let through? Tags only, looked up by the object's id; moto does the rest."""

import re
from collections.abc import Callable
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.utils import simple_aws_filter_to_re

Matches = Callable[[str], bool]


def split(filters: dict[str, list[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The filters on tags, and the others."""
    tags = {name: values for name, values in filters.items() if name.startswith("tag:") or name == "tag-key"}
    return tags, {name: values for name, values in filters.items() if name not in tags}


def by_tags(ec2: EC2Backend, objects: list[Any], filters: dict[str, list[str]]) -> list[Any]:
    for name, values in filters.items():
        matches = matcher(values)
        if name == "tag-key":
            objects = [o for o in objects if any(matches(key) for key in ec2.tags.get(o.id) or ())]
        else:
            key = name.removeprefix("tag:")
            objects = [o for o in objects if key in (tags := ec2.tags.get(o.id) or {}) and matches(tags[key])]
    return objects


def matcher(values: list[str]) -> Matches:
    """Any of the values, in which `*` and `?` stand for others."""
    exact = {value for value in values if not set("*?\\") & set(value)}
    patterns = [re.compile(simple_aws_filter_to_re(value)) for value in values if value not in exact]
    return lambda value: value in exact or any(pattern.match(value) for pattern in patterns)
