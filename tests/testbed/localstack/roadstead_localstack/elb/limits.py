"""How much may an account have?"""

from dataclasses import asdict
from typing import Any

from roadstead_localstack.world import World

# Names of DescribeAccountLimits.
NAMES = {
    "load_balancers": "network-load-balancers",
    "target_groups": "target-groups",
    "listeners": "listeners-per-network-load-balancer",
    "targets_per_group": "targets-per-target-group",
    "targets_per_load_balancer": "targets-per-network-load-balancer",
    "targets_per_zone": "targets-per-availability-zone-per-network-load-balancer",
}


def describe(world: World, request: dict[str, Any]) -> dict[str, Any]:
    quotas = asdict(world.settings.quotas)
    return {"Limits": [{"Name": name, "Max": str(quotas[quota])} for quota, name in NAMES.items()]}


OPERATIONS = {"DescribeAccountLimits": describe}
