"""An evaluation as a Report: which scaling reads the target best, what it costs inside the trained length, what is found."""

from __future__ import annotations

from ropescope.extend.evaluate import summary
from ropescope.extend.evaluate.figures import figures
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.extend.evaluate.verdict import difference, percent_difference, share_of, verdict_of
from ropescope.network.type_words import number_type_fact
from ropescope.report.report import Column, Fact, Report, Scalar, Step, Table


def evaluation_report(result: ExtensionResult, *, kept_in: str | None = None) -> Report:
    """The report of an evaluation; `kept_in` is the file the result was saved in."""
    return Report(
        title=f"{result.model} at {result.target_length:,} tokens",
        verdict=verdict_of(result),
        facts=_facts(result),
        tables=_tables(result),
        figures=figures(result),
        caveats=_caveats(result),
        next_steps=_next_steps(result, kept_in),
        data=result.to_dict(),
    )


def _facts(result: ExtensionResult) -> tuple[Fact, ...]:
    kinds = list(dict.fromkeys(text.kind for text in result.texts))
    told = ", ".join(f"{sum(text.kind == kind for text in result.texts)} {kind}" for kind in kinds)
    facts = [
        Fact("trained length", result.trained_length, "tokens", "config"),
        Fact(
            "target", result.target_length, "tokens", "config", f"{result.target_length / result.trained_length:.3g} ×"
        ),
    ]
    if result.texts:
        facts.append(Fact("texts", len(result.texts), basis="measured", source=told))
    if result.found:
        facts.append(
            Fact("questions", sum(cell.trials for cell in result.found), basis="measured", source="nine decoys each")
        )
    facts.append(number_type_fact(result.provenance, "loss in float32"))
    return tuple(facts)


def _tables(result: ExtensionResult) -> tuple[Table, ...]:
    tables: list[Table] = []
    if result.texts:
        tables += [_losses(result), _compared(result)]
    if result.found:
        tables.append(_found(result))
    if result.recalls:
        tables.append(_recalls(result))
    return tuple(tables)


def _losses(result: ExtensionResult) -> Table:
    headings = tuple(Column(f"{_short(start)}–{_short(end)}") for start, end in result.bands)
    rows = tuple(
        (method, *(_number(summary.loss(result, method, band)) for band in range(len(result.bands))))
        for method in result.methods
    )
    return Table(
        title="Loss by position, nats per token",
        columns=(Column("method"), *headings),
        rows=rows,
        note=f"Mean over {len(result.texts)} texts." + _cut(result),
    )


def _cut(result: ExtensionResult) -> str:
    return "".join(
        f" {method}: the unscaled model with only the last {tokens:,} tokens."
        for method, tokens in result.shown.items()
    )


def _compared(result: ExtensionResult) -> Table:
    plain, best = summary.unscaled(result), summary.best(result)
    assert best is not None
    rows: list[tuple[Scalar, ...]] = []
    within: tuple[summary.Where, ...] = ("inside", "short") if _by_length(result) else ("inside",)
    for method in result.methods:
        cells: list[Scalar] = [method]
        if plain is not None:
            base = summary.loss(result, plain, "inside") or 1.0
            for where in within:
                gap = summary.against(result, method, plain, where) if method != plain else None
                cells.append("" if gap is None else percent_difference(gap, base))
        beyond: tuple[summary.Where, ...] = ("beyond", "target")
        for where in beyond:
            gap = summary.against(result, method, best, where) if method != best else None
            cells.append("" if gap is None else difference(gap))
        rows.append(tuple(cells))
    titles = ("inside, against unscaled", "text ends there")[: len(within)]
    inside_column = () if plain is None else tuple(map(Column, titles))
    return Table(
        title=f"Loss differences inside the trained length, and beyond it against {best}",
        columns=(Column("method"), *inside_column, Column("beyond"), Column("last band")),
        rows=tuple(rows),
        note=(
            "Paired over texts, ± half of the 95 % interval (Student's t). Inside: percent of the loss; other columns: "
            "nats per token."
        )
        + (f" Text ends there: the text is cut at {result.trained_length:,} tokens." if len(within) > 1 else ""),
    )


def _found(result: ExtensionResult) -> Table:
    lengths = sorted({cell.length for cell in result.found})
    rows: list[tuple[Scalar, ...]] = []
    for task in dict.fromkeys(cell.task for cell in result.found):
        for method in result.methods:
            cells = [cell for cell in result.found if (cell.task, cell.method) == (task, method)]
            shares = [summary.right([cell for cell in cells if cell.length == length]) for length in lengths]
            exact = sum(cell.exact for cell in cells if cell.length == lengths[-1])
            at_last = sum(cell.trials for cell in cells if cell.length == lengths[-1])
            last = f"{100 * exact / at_last:.0f} %" if at_last else ""
            rows.append((task, method, *("" if share is None else share_of(share) for share in shares), last))
    return Table(
        title="Facts found, by length",
        columns=(
            Column("task"),
            Column("method"),
            *(Column(f"{length:,}") for length in lengths),
            Column(f"said at {lengths[-1]:,}"),
        ),
        rows=tuple(rows),
        note=(
            "All depths together, with Wilson's 95 % interval. Found: the answer is likelier than nine decoys (guessing "
            "gives 10 %). said: greedy decoding gives the exact answer."
        ),
    )


def _recalls(result: ExtensionResult) -> Table:
    lengths = sorted({cell.length for cell in result.recalls})
    by_key = {(cell.task, cell.method, cell.length): cell.samples for cell in result.recalls}
    rows = []
    for task in dict.fromkeys(cell.task for cell in result.recalls):
        for method in result.methods:
            shown = [by_key.get((task, method, length)) for length in lengths]
            rows.append((task, method, *("" if not row else f"{100 * sum(row) / len(row):.0f} %" for row in shown)))
    most = max(len(cell.samples) for cell in result.recalls)
    return Table(
        title="Generated tasks: strings said, by length",
        columns=(Column("task"), Column("method"), *(Column(f"{length:,}") for length in lengths)),
        rows=tuple(rows),
        note=f"RULER style, with other haystacks and words; at most {most} samples each.",
    )


def _caveats(result: ExtensionResult) -> tuple[str, ...]:
    found = []
    if result.partial:
        found.append(
            "The evaluation is not finished. This report shows what every method was scored on; continue with `resume`."
        )
    if 0 < len(result.texts) < 8:
        found.append(
            f"{len(result.texts)} texts show only large differences. For close methods, score more texts (`texts` 4)."
        )
    for method in (name for name in result.methods if result.plans[name]["method"] != "none"):
        found += [f"{method}: {caveat}" for caveat in result.plans[method].get("caveats", ())]
    if _by_length(result):
        found.append(
            f"{' and '.join(_by_length(result))}: the frequencies depend on the sequence length. Each text, and each "
            "context with its question and answer, was read in one pass. In generation, keys of a shorter prompt keep the "
            "frequencies of that length."
        )
    return tuple(dict.fromkeys(found))


def _by_length(result: ExtensionResult) -> list[str]:
    scored = {method for text in result.texts for method in text.short}
    return [method for method in result.methods if method in scored or result.plans[method]["method"] == "dynamic"]


def _next_steps(result: ExtensionResult, kept_in: str | None) -> tuple[Step | str, ...]:
    source = result.provenance.get("source", "SOURCE")
    best = summary.best(result)
    to = str(result.target_length)
    steps: list[Step | str] = []
    if kept_in is None:
        steps.append("Add `out` to keep the numbers.")
    if (
        best is not None
        and not best.startswith("auto")
        and "@" not in best
        and result.plans[best]["method"] not in ("searched", "none")
    ):
        words = "Keep its plan" if best == "rerope" else "Get the settings for your engine"
        keep = {"out": "rerope.json"} if best == "rerope" else {}
        steps.append(Step("extend plan", {"source": source, "to": to, "method": best, **keep}, words))
    if result.texts and not result.shown:
        steps.append("Add truncated to `methods` to compare with the unscaled model on only the last tokens.")
    if not result.found:
        steps.append("Loss does not measure retrieval: give `questions` 10 to ask for planted facts.")
    if not any(plan["method"] == "searched" for plan in result.plans.values()):
        what = "better ReRoPE ranges" if best == "rerope" else "better factors"
        more = {"method": "rerope"} if best == "rerope" else {}
        given = {"source": source, "to": to, **more, "out": "plan.json"}
        steps.append(Step("extend search", given, f"Look for {what}"))
    return tuple(steps)


def _short(tokens: int) -> str:
    return f"{tokens / 1024:g}Ki" if tokens >= 1024 and tokens % 512 == 0 else f"{tokens}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
