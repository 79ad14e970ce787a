"""The tables of speculative decoding: engines, the ways of drafting that were measured, lengths of draft."""

from __future__ import annotations

from ropescope.checks.speculating.engines import READ
from ropescope.checks.speculating.findings import Findings, Pair
from ropescope.checks.speculating.speedup import break_even, expected_tokens, speedup, tokens_of
from ropescope.report.dated import dated
from ropescope.report.report import Column, Scalar, Table

LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10)
MODE_WORDS = {
    "sampled": "draft and answer sampled at temperature 1: Σ min(p, q)",
    "top": "likeliest token drafted, answer sampled: p of that token",
    "greedy": "likeliest token drafted and wanted: share of positions that agree",
    "given": "given",
}


def tables(found: Findings) -> tuple[Table, ...]:
    """How engines take the pair, what was measured, and what each length of draft brings."""
    cost = found.cost.value
    made = [_engine_table(found.pair)] if found.pair is not None and found.pair.rulings else []
    made += [_mode_table(found)] if found.measured else []
    made += [_length_table(found, cost)] if cost is not None and not (found.pair is None and found.target) else []
    return tuple(made)


def _engine_table(pair: Pair) -> Table:
    columns = (Column("engine"), Column("takes it"), Column("what it does"))
    rows = tuple(
        (f"{rules.engine} {rules.version}", {True: "yes", False: "no", None: "not known"}[ruling.takes], ruling.says)
        for rules, ruling in pair.rulings
    )
    read = " ".join(filter(None, (READ, dated(READ))))
    sources = ", ".join(f"{rules.source} of {rules.engine}" for rules, _ in pair.rulings)
    return Table("Engines, with a draft model", columns, rows, f"Read {read} in {sources}. Other versions may differ.")


def _mode_table(found: Findings) -> Table:
    columns = (
        Column("way of drafting"), Column("α", "", ".3f"), Column("low", "", ".3f"), Column("high", "", ".3f"),
        Column("tokens by α", "", ".2f"), Column("on this text", "", ".2f"),
    )  # fmt: skip
    rows = tuple(
        (
            MODE_WORDS[one.mode], one.value, one.low, one.high, expected_tokens(one.value, found.k),
            tokens_of(one.kept, found.k) if found.k <= len(one.kept) else None,
        )
        for one in found.measured
    )  # fmt: skip
    note = (
        f"Tokens a step at k {found.k}: by the formula, which takes every position as alike, and with the positions as they come. "
        "vLLM and llama.cpp draft the likeliest token by default; transformers samples when the target does."
    )
    return Table("Acceptance, measured", columns, rows, note)


def _length_table(found: Findings, cost: float) -> Table:
    columns = [Column("k", "", ",d"), Column("break-even α", "", ".3f")]
    for one in found.headline:
        columns += [Column(f"tokens at α {one.value:.3g}", "", ".2f"), Column(f"× at α {one.value:.3g}", "", ".2f")]
    rows = []
    for k in sorted({*LENGTHS, found.k}):
        row: list[Scalar] = [k, break_even(k, cost)]
        for one in found.headline:
            row += [expected_tokens(one.value, k), speedup(one.value, k, cost)]
        rows.append(tuple(row))
    return Table(f"By length of draft, at c {cost:.3g}", tuple(columns), tuple(rows))
