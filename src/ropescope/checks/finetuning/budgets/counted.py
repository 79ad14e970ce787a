"""All that was counted of a budget, and what follows from two parts of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from ropescope.checks.finetuning.budgets.buying import Api
from ropescope.checks.finetuning.budgets.hosting import Hosting, Use
from ropescope.checks.finetuning.budgets.training import Plan, Trained
from ropescope.checks.serving.serving import Serving

DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Counted:
    """Training (`plan` and `trained`), hosting and buying, each None where it was not asked about. `fits` is whether hosting
    fits; `mfu`, `efficiency` and `money` are as given."""

    serving: Serving
    plan: Plan | None
    trained: Trained | None
    hosting: Hosting | None
    fits: bool | None
    api: Api | None
    use: Use | None
    mfu: float
    efficiency: float
    money: float | None

    @property
    def even(self) -> float | None:
        """The requests a month at which one copy costs what the API does; None where it never does, or that is not told."""
        if self.hosting is None or self.api is None or self.use is None or not self.hosting.monthly:
            return None
        each = self.api.a_request(self.use)
        return self.hosting.monthly / each if each else None

    @property
    def never(self) -> bool:
        """Whether buying is cheaper at every load: one copy is full before it pays."""
        even, hosting, use = self.even, self.hosting, self.use
        return even is not None and hosting is not None and use is not None and even > hosting.most_requests(use)

    @property
    def bought(self) -> float | None:
        """What the requests that are asked for cost a month at the API."""
        if self.api is None or self.use is None or self.use.requests is None:
            return None
        return self.use.requests * self.api.a_request(self.use)

    @property
    def hosted(self) -> float | None:
        """What they cost a month on as many copies as they take at least."""
        if self.hosting is None or self.use is None or self.use.requests is None or self.hosting.monthly is None:
            return None
        return self.hosting.copies(self.use, self.use.requests) * self.hosting.monthly

    def to_dict(self) -> Mapping[str, Any]:
        """Plain data for JSON."""
        training = hosted = None
        if (plan := self.plan) is not None and self.trained is not None:
            training = {
                **asdict(self.trained),
                "days": self.trained.seconds / DAY_S,
                "method": plan.method,
                "parameters_trained": plan.trained,
                "operations_a_token": plan.operations_a_token,
                "states_bytes": plan.states,
                "activations_bytes": plan.activations,
                "device_bytes_sharded": plan.on_each(sharded=True),
                "device_bytes_copied": plan.on_each(sharded=False),
                "device_memory_bytes": self.serving.device.memory_bytes,
            }
        if (hosting := self.hosting) is not None:
            hosted = {
                **asdict(hosting),
                "cost_per_million_output": hosting.a_million(hosting.writes),
                "cost_per_million_input": hosting.a_million(hosting.reads),
                "monthly": hosting.monthly,
                "fits": self.fits,
                "cost_a_month": self.hosted,
            }
        return {
            "model": self.serving.model.name,
            "device": self.serving.device.name,
            "count": self.serving.count,
            "training": training,
            "hosting": hosted,
            "buying": None if self.api is None else {**asdict(self.api), "cost_a_month": self.bought},
            "use": None if self.use is None else asdict(self.use),
            "break_even_requests": self.even,
            "buying_always_cheaper": None if self.even is None else self.never,
        }
