"""A budget in facts and tables, with what each number rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ropescope.checks.finetuning.budgets.counted import DAY_S, Counted
from ropescope.checks.finetuning.budgets.hosting import HOURS_A_MONTH
from ropescope.checks.finetuning.budgets.training import TOKENS_A_PARAMETER
from ropescope.checks.serving.devices.device import GIB
from ropescope.report.dated import dated
from ropescope.report.report import Basis, Column, Fact, Table


def facts(counted: Counted) -> tuple[Fact, ...]:
    """Training, hosting and buying, as far as they were asked about."""
    return (*_training(counted), *_hosting(counted), *_buying(counted))


def _training(counted: Counted) -> Iterator[Fact]:
    plan, trained, device = counted.plan, counted.trained, counted.serving.device
    if plan is None or trained is None:
        return
    each, peak = plan.operations_a_token, device.peak("bf16") or 0.0
    made = "6 for each active parameter and token"
    if plan.method != "full":
        made = "4 for each active parameter and token, 6 for each trained one"
    of_money: Basis = "assumed" if counted.money is None else "formula"
    yield Fact(
        "tokens trained", trained.tokens, "", of_money, "given" if counted.money is None else "what `money` pays for"
    )
    yield Fact("parameters trained", plan.trained, "", "formula", plan.method)
    yield Fact("operations", trained.operations, "", "formula", made)
    yield Fact(
        "peak of a device", peak / 1e12, "TFLOPS", "published" if device.source else "assumed", device.source or "given"
    )
    yield Fact("MFU", 100 * counted.mfu, "%", "assumed", "`mfu`: measure it in a short run")
    yield Fact("training", trained.seconds / DAY_S, "days", "formula", "operations / (devices × peak × MFU)")
    beside = 100 * plan.attention_a_token / each
    yield Fact(
        "attention beside that",
        beside,
        "% of operations",
        "formula",
        f"not counted; {plan.sequence:,} tokens a sequence",
    )
    if trained.cost is not None:
        yield Fact("cost of training", trained.cost, "", "formula", "hours × devices × `price`")
    if counted.money is not None and plan.method == "full":
        size = round((trained.operations / (6 * TOKENS_A_PARAMETER)) ** 0.5)
        rule = f"{TOKENS_A_PARAMETER} tokens a parameter, a rule of thumb (arXiv 2203.15556)"
        yield Fact("from scratch, compute-optimal", size, "parameters", "published", rule)


def _hosting(counted: Counted) -> Iterator[Fact]:
    hosting, serving = counted.hosting, counted.serving
    if hosting is None:
        return
    share = "the ceiling" if counted.efficiency == 1 else f"{counted.efficiency:g} of the ceiling"
    load = f"{share}: batch {serving.batch:,}, {serving.context_tokens:,} tokens in each cache"
    yield Fact("answer tokens", hosting.writes, "tokens/s", "formula", load)
    if hosting.reads is not None:
        yield Fact("prompt tokens", hosting.reads, "tokens/s", "formula", f"{share}, many prompts at once")
    for name, rate in (("answer", hosting.writes), ("prompt", hosting.reads)):
        if (cost := hosting.a_million(rate)) is not None:
            yield Fact(
                f"a million {name} tokens", cost, "", "formula", f"with work in {100 * hosting.busy:.4g} % of the hours"
            )
    if hosting.monthly is not None:
        yield Fact("one copy a month", hosting.monthly, "", "formula", f"{HOURS_A_MONTH:g} hours, with work or without")
    if counted.use is not None:
        yield Fact(
            "requests that one copy takes", int(hosting.most_requests(counted.use)), "a month", "formula", "at most"
        )


def _buying(counted: Counted) -> Iterator[Fact]:
    api = counted.api
    if api is None:
        return
    source = f"{api.source}; from {api.began}" if api.began else api.source
    old = dated(api.began) if api.began else ""
    for name, price in (("prompt", api.input), ("answer", api.output)):
        yield Fact(f"{api.name}, a million {name} tokens", price, "", api.basis, source, note=old)
    if counted.use is not None:
        yield Fact(f"{api.name}, a request", api.a_request(counted.use), "", "formula", "prompt and answer")
    if counted.even is not None:
        note = "more than one copy takes" if counted.never else ""
        yield Fact("break-even", round(counted.even), "requests a month", "formula", "with one copy", note=note)


def tables(counted: Counted) -> tuple[Table, ...]:
    """The memory of training, and the cost a month by requests."""
    return tuple(table for table in (_memory(counted), _months(counted)) if table is not None)


def _memory(counted: Counted) -> Table | None:
    plan = counted.plan
    if plan is None:
        return None
    rows: list[tuple[Any, ...]] = [
        (name, size / GIB, size / plan.count / GIB, size / GIB) for name, size in plan.states.items()
    ]
    rows += [(name, None, size / GIB, size / GIB) for name, size in plan.activations.items()]
    rows.append(("all of it", None, plan.on_each(sharded=True) / GIB, plan.on_each(sharded=False) / GIB))
    columns = (
        Column("held"),
        *(Column(name, "GiB", ",.3g") for name in ("in all", "a device, sharded", "a device, copied")),
    )
    note = (
        f"A device has {counted.serving.device.memory_bytes / GIB:.4g} GiB. Sharded: over all devices (FSDP, ZeRO-3). Copied: "
        f"whole on each (DDP). Activations are an estimate: {plan.micro_batch:,} × {plan.sequence:,} tokens, layers recomputed."
    )
    return Table("Memory of training", columns, tuple(rows), note)


def _months(counted: Counted) -> Table | None:
    hosting, use, api = counted.hosting, counted.use, counted.api
    if hosting is None or use is None or hosting.monthly is None:
        return None
    rows = []
    for requests in sorted({10**power for power in range(3, 9)} | ({use.requests} if use.requests else set())):
        copies = hosting.copies(use, requests)
        buy = None if api is None else requests * api.a_request(use)
        rows.append((requests, buy, copies, copies * hosting.monthly))
    columns = (
        *(Column("requests a month", "", ",d"), Column("buy", "", ",.6g")),
        *(Column("copies", "", ",d"), Column("host, at least", "", ",.6g")),
    )
    return Table("Cost a month", columns, tuple(rows))


def caveats(counted: Counted) -> tuple[str, ...]:
    """What a reader must know of the numbers."""
    said = []
    if counted.plan is not None:
        said.append("Training counts no data, failed runs, evaluation or staff. Gathered layers take more memory.")
        if counted.plan.method == "qlora":
            said.append("QLoRA expands its 4-bit weights in every pass, which takes time that is not counted.")
        if left_out := counted.plan.left_out:
            said.append(
                "The LoRA is counted without the experts. On their matrices, too, as PEFT's all-linear puts it with "
                f"transformers 5, it trains {left_out:,} parameters more."
            )
    if counted.hosting is not None and counted.efficiency == 1:
        said.append("Hosting is counted at the ceilings of `speed`: measure it, and give the share as `efficiency`.")
    if counted.hosting is not None and counted.fits is None:
        said.append("Whether hosting fits is open: the weights are a lower bound.")
    if counted.api is not None and counted.api.basis == "published":
        said.append("List prices, without discounts, caches and batches; give `price` in US dollars beside them.")
    return tuple(said)
