"""What does the Resource Groups Tagging API see of ELBv2? moto reads its own ELBv2, which is not used here."""

from types import SimpleNamespace

from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

from roadstead_localstack.elb.tags import listed
from roadstead_localstack.world import world_of


class Mirror:
    """Load balancers and target groups in the form that moto looks for."""

    def __init__(self, account: str, region: str):
        self.world = world_of(account, region)
        self.tagging_service = SimpleNamespace(list_tags_for_resource=self.tags)

    @property
    def load_balancers(self) -> dict:
        return dict(self.world.load_balancers)

    @property
    def target_groups(self) -> dict:
        return dict(self.world.target_groups)

    def tags(self, arn: str) -> dict:
        resource = self.world.resource(arn)
        return {"Tags": listed(resource.tags) if resource else []}


def install() -> None:
    ResourceGroupsTaggingAPIBackend.elbv2_backend = property(lambda self: Mirror(self.account_id, self.region_name))
