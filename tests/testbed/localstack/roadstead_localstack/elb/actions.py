"""Where does a listener forward to?"""

from typing import Any

from roadstead_localstack.errors import invalid, misconfigured, refused, target_group_not_found
from roadstead_localstack.world import LoadBalancer, TargetGroup, World

# Listeners for your Network Load Balancers: which protocol of a target group goes with which of a listener.
FORWARDS_TO = {
    "TCP": ("TCP", "TCP_UDP"),
    "TLS": ("TCP", "TLS"),
    "UDP": ("UDP", "TCP_UDP"),
    "TCP_UDP": ("TCP_UDP",),
}


class Forward:
    """The default actions of a request: checked, and in the form in which they are described."""

    def __init__(self, world: World, balancer: LoadBalancer, protocol: str, asked: list[dict[str, Any]]):
        if len(asked) != 1:
            raise invalid("Exactly one default action must be specified")
        (action,) = asked
        if action.get("Type") != "forward":
            raise refused(
                "InvalidLoadBalancerAction", f"Action type '{action.get('Type')}' is not valid with network listener"
            )
        self.weights = asked_groups(action)
        self.groups = [found(world, arn) for arn, _ in self.weights]
        for group in self.groups:
            self.check(group, balancer, protocol)
        self.actions = [self.described()]

    def check(self, group: TargetGroup, balancer: LoadBalancer, protocol: str) -> None:
        check_protocol(protocol, group)
        if group.vpc_id != balancer.vpc_id:
            raise misconfigured(f"The target group '{group.arn}' is not in the load balancer's VPC")
        if group.ip_address_type == "ipv6" and balancer.ip_address_type != "dualstack":
            raise misconfigured(f"The target group '{group.arn}' of type ipv6 needs a dualstack load balancer")
        if group.load_balancer not in (None, balancer):
            raise refused(
                "TargetGroupAssociationLimit",
                "The following target groups cannot be associated with more than one load balancer: " + group.arn,
            )

    def described(self) -> dict[str, Any]:
        """Both forms, whichever was given: AWS fills in the other one when there is a single target group."""
        groups = [
            {"TargetGroupArn": arn, **({"Weight": weight} if weight is not None else {})}
            for arn, weight in self.weights
        ]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        return action | ({"TargetGroupArn": self.weights[0][0]} if len(groups) == 1 else {})


def asked_groups(action: dict[str, Any]) -> list[tuple[str, int | None]]:
    alone, config = action.get("TargetGroupArn"), (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    groups = [(group["TargetGroupArn"], group.get("Weight")) for group in config]
    if alone and groups and [alone] != [arn for arn, _ in groups]:
        raise invalid("TargetGroupArn and ForwardConfig must name the same target group")
    groups = groups or ([(alone, None)] if alone else [])
    if not groups:
        raise invalid("A target group must be specified for a forward action")
    if len(groups) > 5:
        raise refused(
            "TooManyUniqueTargetGroupsPerLoadBalancer", "At most 5 target groups can be specified for an action"
        )
    return groups


def found(world: World, arn: str) -> TargetGroup:
    group = world.target_groups.get(arn)
    if group is None:
        raise target_group_not_found(arn)
    return group


def check_protocol(protocol: str, group: TargetGroup) -> None:
    if group.protocol not in FORWARDS_TO[protocol]:
        raise misconfigured(
            f"Listener protocol '{protocol}' is not supported with a target group with the target-group protocol "
            f"'{group.protocol}'",
        )
