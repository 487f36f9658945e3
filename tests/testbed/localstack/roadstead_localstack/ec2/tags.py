"""Which tags does an object of EC2 carry? moto looks through the tags of all objects for those of one."""

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix


def get_tags(self: TaggedEC2Resource) -> list[dict[str, str]]:
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "") if self.id else ""
    tags = dict(self.ec2_backend.tags.get(self.id) or {})
    return [{"resource_id": self.id, "key": key, "value": value, "resource_type": kind} for key, value in tags.items()]


def install() -> None:
    TaggedEC2Resource.get_tags = get_tags
