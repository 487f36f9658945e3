"""How slow is this AWS, and how much does it allow? The defaults are AWS's own quotas and no waiting."""

from dataclasses import dataclass, field, fields


@dataclass
class Delays:
    """Seconds, but for `draining_scale`, by which a target group's deregistration delay is multiplied."""

    provisioning: float = 0.0
    registration: float = 0.0
    draining_scale: float = 0.0
    release: float = 0.0


@dataclass
class Quotas:
    load_balancers: int = 50
    target_groups: int = 3000
    listeners: int = 50
    certificates: int = 25
    targets_per_group: int = 1000
    targets_per_load_balancer: int = 3000
    targets_per_zone: int = 500
    rules_per_security_group: int = 60
    security_groups: int = 2500
    security_groups_per_load_balancer: int = 5


@dataclass
class Settings:
    delays: Delays = field(default_factory=Delays)
    quotas: Quotas = field(default_factory=Quotas)

    def change(self, asked: dict[str, dict[str, float]]) -> None:
        """Takes what is named and leaves the rest. An unknown name is a mistake in the test."""
        for part, values in asked.items():
            settings = getattr(self, part, None)
            known = {f.name for f in fields(settings)} if settings is not None else set()
            if unknown := set(values) - known:
                raise ValueError(f"no such setting of {part}: {', '.join(sorted(unknown))}")
            for name, value in values.items():
                setattr(settings, name, value)
