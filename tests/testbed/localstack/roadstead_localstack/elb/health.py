"""How is a target? Time decides, the instance, the load balancer, and what a test forced upon it."""

import time

from roadstead_localstack.ec2 import facts, instances
from roadstead_localstack.world import Target, TargetGroup, World

Health = dict[str, str]

NOT_IN_USE = {
    "State": "unused",
    "Reason": "Target.NotInUse",
    "Description": "Target group is not configured to receive traffic from the load balancer",
}
ZONE_NOT_ENABLED = {
    "State": "unused",
    "Reason": "Target.NotInUse",
    "Description": "Target is in an Availability Zone that is not enabled for the load balancer",
}
STOPPED = {
    "State": "unused",
    "Reason": "Target.InvalidState",
    "Description": "Target is in the stopped state",
}
REGISTERING = {
    "State": "initial",
    "Reason": "Elb.RegistrationInProgress",
    "Description": "Target registration is in progress",
}
DRAINING = {
    "State": "draining",
    "Reason": "Target.DeregistrationInProgress",
    "Description": "Target deregistration is in progress",
}
HEALTHY = {"State": "healthy"}

# What a test may ask for by reason alone.
DESCRIPTIONS = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Elb.InternalError": "Health checks failed due to an internal error",
    "Target.ResponseCodeMismatch": "Health checks failed with these codes: [503]",
    "Target.Timeout": "Request timed out",
    "Target.FailedHealthChecks": "Health checks failed",
}


def health(world: World, group: TargetGroup, target: Target) -> Health:
    if target.draining_since is not None:
        return DRAINING
    balancer = group.load_balancer
    if balancer is None:
        return NOT_IN_USE
    if group.target_type == "instance":
        instance = instances.instance(facts.backend(world), target.id)
        if instance is None or instance._state.code != facts.RUNNING:
            return STOPPED
    if target.zone not in (None, "all") and target.zone not in balancer.zones:
        return ZONE_NOT_ENABLED
    if forced := target.forced or group.forced:
        return forced
    # A target has to pass its health checks again when its group is attached.
    since = max(target.since, group.attached_since)
    if time.monotonic() - since < world.settings.delays.registration:
        return REGISTERING
    return HEALTHY


def is_drained(world: World, group: TargetGroup, target: Target) -> bool:
    if target.draining_since is None:
        return False
    delay = int(group.attributes["deregistration_delay.timeout_seconds"]) * world.settings.delays.draining_scale
    return time.monotonic() - target.draining_since >= delay


def forced(state: str, reason: str | None, description: str | None) -> Health:
    """What a test wants a target to be."""
    health = {"State": state}
    if reason:
        health["Reason"] = reason
        health["Description"] = description or DESCRIPTIONS.get(reason, reason)
    return health
