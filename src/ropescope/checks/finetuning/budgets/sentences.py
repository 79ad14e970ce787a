"""A budget in sentences: training, hosting, and which of hosting and buying is cheaper."""

from __future__ import annotations

from ropescope.checks.finetuning.budgets.counted import DAY_S, Counted
from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.fitting.on_devices import on_devices


def verdict(counted: Counted) -> str:
    """The sentences of all that was asked about."""
    return " ".join(filter(None, (_training(counted), _hosting(counted), _choice(counted))))


def _training(counted: Counted) -> str:
    plan, trained, device = counted.plan, counted.trained, counted.serving.device
    if plan is None or trained is None:
        return ""
    how = {"full": "full training", "lora": f"LoRA of rank {plan.rank}", "qlora": f"QLoRA of rank {plan.rank}"}[
        plan.method
    ]
    tokens, time = amount(trained.tokens), _time(trained.seconds)
    where = f"on {on_devices(counted.serving)} at {100 * counted.mfu:.4g} % of the peak"
    if counted.money is not None:
        text = f"{money(counted.money)} pays for {how} on {tokens} tokens: {time} {where}."
    else:
        cost = "" if trained.cost is None else f" and costs {money(trained.cost)}"
        text = f"{how[:1].upper()}{how[1:]} on {tokens} tokens takes {time}{cost}, {where}."
    need = plan.on_each(sharded=True)
    if need > device.memory_bytes:
        text += f" It does not fit: it needs about {need / GIB:.4g} GiB a device of {device.memory_bytes / GIB:.4g}."
    return text


def _hosting(counted: Counted) -> str:
    hosting = counted.hosting
    if hosting is None:
        return ""
    most, least = ("at most ", "at least ") if counted.efficiency == 1 else ("", "")
    cost = hosting.a_million(hosting.writes)
    if cost is None:
        text = f"Hosting writes {most}{hosting.writes:,.4g} tokens a second; without `price` it has no cost."
    else:
        busy = "" if hosting.busy == 1 else f", with work in {100 * hosting.busy:.4g} % of the hours"
        at_once = counted.serving.batch
        text = (
            f"Hosting costs {least}{money(cost)} for a million answer tokens, with {at_once:,} sequences at once{busy}."
        )
    return f"{text} But it does not fit: see `fit`." if counted.fits is False else text


def _choice(counted: Counted) -> str:
    api, use, even = counted.api, counted.use, counted.even
    if api is None or counted.hosting is None:
        return ""
    if use is None:
        million = f"Buying from {api.name} costs {api.output:g} for a million answer tokens"
        return f"{million}; give `input_tokens` and `output_tokens` to compare."
    if even is None:
        return f"Buying from {api.name} costs {money(api.a_request(use) * 1000)} for a thousand requests."
    text = "Buying is cheaper at every load."
    if not counted.never:
        text = f"Buying is cheaper below {amount(round(even))} requests a month; above, hosting can be."
    if counted.bought is None or counted.hosted is None or use.requests is None:
        return text
    choice = "buy" if counted.bought < counted.hosted else "hosting can be cheaper"
    costs = f"buying costs {money(counted.bought)} and hosting {money(counted.hosted)} or more"
    return f"At {amount(use.requests)} requests a month {costs}: {choice}. {text}"


def _time(seconds: float) -> str:
    if seconds >= 2 * DAY_S:
        return f"{seconds / DAY_S:,.4g} days"
    if seconds >= 3600:
        return f"{seconds / 3600:,.3g} hours"
    return f"{seconds / 60:,.3g} minutes" if seconds >= 60 else "less than a minute"


def money(value: float) -> str:
    """A sum as a sentence says it."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def amount(value: int) -> str:
    """A number with M, B or T."""
    return next((f"{value / size:.4g}{unit}" for unit, size in _UNITS if value >= size), f"{value:,}")


_UNITS = (("T", 10**12), ("B", 10**9), ("M", 10**6))
