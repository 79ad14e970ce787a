"""What is said of made-up numbers, worked by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.errors import FormatError
from ropescope.extend.evaluate import summary
from ropescope.extend.evaluate.report import evaluation_report
from ropescope.extend.evaluate.result import ExtensionResult, Found, Recall, TextLosses

# Unscaled 2.0 inside and 6.0 at the end; YaRN 1 % worse inside; NTK as good as YaRN at the end, on the mean.
ROWS = {
    "none": [(2.0, 2.0, 4.0, 6.0), (2.0, 2.0, 4.0, 6.0), (2.0, 2.0, 4.0, 6.0)],
    "yarn": [(2.02, 2.02, 2.2, 2.2), (2.03, 2.03, 2.2, 2.3), (2.01, 2.01, 2.2, 2.1)],
    "ntk": [(2.05, 2.05, 2.3, 2.3), (2.05, 2.05, 2.3, 2.2), (2.05, 2.05, 2.3, 2.2)],
}


def made(**changes: Any) -> ExtensionResult:
    methods = tuple(ROWS)
    texts = tuple(TextLosses("prose", f"text {i}", {method: ROWS[method][i] for method in methods}) for i in range(3))
    found = tuple(
        Found("passkey", method, length, depth, 10, right, right // 2)
        for method, right in (("none", 1), ("yarn", 9), ("ntk", 5))
        for length in (200, 400)
        for depth in (0.25, 0.75)
    )
    result = ExtensionResult(
        model="made",
        trained_length=200,
        target_length=400,
        bands=((0, 100), (100, 200), (200, 300), (300, 400)),
        methods=methods,
        plans={method: {"method": method, "caveats": []} for method in methods},
        texts=texts,
        found=found,
        recalls=(Recall("niah-single", "yarn", 400, (1.0, 0.5)),),
        provenance={"source": "made", "dtype": "float32"},
    )
    return replace(result, **changes)


def test_where_the_bands_lie() -> None:
    result = made()
    assert summary.bands_where(result, "inside") == [0, 1]
    assert summary.bands_where(result, "beyond") == [2, 3]
    assert summary.bands_where(result, "target") == [3]
    # A band that the trained length cuts is neither.
    assert summary.bands_where(replace(result, trained_length=150), "inside") == [0]
    assert summary.bands_where(replace(result, trained_length=150), "beyond") == [2, 3]


def test_differences_are_paired_and_weighted_by_positions() -> None:
    result = made()
    inside = summary.against(result, "yarn", "none", "inside")
    assert inside is not None and inside.low is not None and inside.high is not None
    assert inside.value == pytest.approx(0.02)
    assert (inside.high - inside.low) / 2 == pytest.approx(4.302653 * 0.01 / 3**0.5, rel=1e-6)
    # The first band has 99 positions with a loss, the second 100.
    uneven = made(
        texts=(TextLosses("prose", "one", {"none": (1.0, 3.0, 0.0, 0.0), "yarn": (1.0,) * 4, "ntk": (1.0,) * 4}),)
    )
    assert summary.loss(uneven, "none", "inside") == pytest.approx((99 * 1 + 100 * 3) / 199)


def test_what_depends_on_the_length_is_shown_alone_too() -> None:
    result = made()
    texts = tuple(replace(text, short={"ntk": (2.0, 2.01)}) for text in result.texts)
    grows = replace(result, texts=texts)
    price = summary.against(grows, "ntk", "none", "short")
    assert price is not None and price.value == pytest.approx(0.01 * 100 / 199)
    assert summary.against(grows, "yarn", "none", "short") == summary.against(grows, "yarn", "none", "inside")
    report = evaluation_report(grows)
    table = next(table for table in report.tables if "inside the trained length" in table.title)
    assert [column.name for column in table.columns][1:3] == ["inside, against unscaled", "text ends there"]
    assert [str(row[2])[:6] for row in table.rows] == ["", "+1.00 ", "+0.25 "]
    assert any("ntk: the frequencies depend on the sequence length" in caveat for caveat in report.caveats)
    assert ExtensionResult.from_dict(json.loads(json.dumps(grows.to_dict()))) == grows


def test_the_first_line_answers() -> None:
    verdict = evaluation_report(made()).verdict
    assert verdict.startswith(
        "yarn has the lowest loss at 400 tokens: 2.200 nats per token at 300 – 400. The unscaled model has 6.000. Inside the "
        "trained 200, yarn changes the loss by +1.00 %"
    )
    assert "ntk is not significantly worse" in verdict


def with_truncated(*last: float) -> ExtensionResult:
    """The last 200 tokens alone lose so much at the end of each text."""
    texts = tuple(
        replace(text, losses={**text.losses, "truncated": (2.0, 2.0, 2.3, at)})
        for text, at in zip(made().texts, last, strict=True)
    )
    plans = {**made().plans, "truncated": {"method": "none", "caveats": ["falls apart"]}}
    return made(methods=(*ROWS, "truncated"), texts=texts, plans=plans, shown={"truncated": 200}, found=())


def test_a_longer_context_is_held_against_the_last_tokens_alone() -> None:
    worse = evaluation_report(with_truncated(2.5, 2.6, 2.4))
    assert (
        "The unscaled model has 6.000, and 2.500 with only the last 200 tokens (+0.3000 ± 0.0000). Inside"
        in worse.verdict
    )
    assert "ntk is not significantly worse" in worse.verdict  # the next of those that read all
    unsure = evaluation_report(with_truncated(2.3, 2.2, 2.4))
    assert "the last 200 tokens (+0.1000 ± 0.4968, not significantly worse)" in unsure.verdict
    better = evaluation_report(with_truncated(2.0, 2.1, 1.9))
    assert better.verdict == (
        "No method beats the unscaled model on only the last 200 of 400 tokens: 2.000 nats per token at 300 – 400. "
        "The next best, yarn, has a loss higher by +0.2000 ± 0.0000."
    )
    assert not any("falls apart" in caveat for caveat in worse.caveats)
    assert "with only the last 200 tokens" in worse.tables[0].note
    assert any("Add truncated" in str(step) for step in evaluation_report(made()).next_steps)
    assert not any("Add truncated" in str(step) for step in worse.next_steps)
    assert {row["method"] for row in worse.figures[1].spec["data"]["values"]} == {"yarn", "ntk"}


def test_without_an_unscaled_row_truncated_tells_the_price() -> None:
    """Within the trained length both read the same."""
    result = with_truncated(2.5, 2.6, 2.4)
    alone = replace(result, methods=("truncated", "yarn"))
    assert summary.unscaled(result) == "none" and summary.unscaled(alone) == "truncated"
    assert summary.against(alone, "yarn", "truncated", "inside") == summary.against(result, "yarn", "none", "inside")
    assert "The unscaled model has 2.500 with only the last 200 tokens" in evaluation_report(alone).verdict


def test_without_texts_it_is_what_is_found() -> None:
    clear = tuple(replace(cell, right=3) if cell.method == "ntk" else cell for cell in made().found)
    assert evaluation_report(made(texts=(), found=clear)).verdict == (
        "yarn finds most at 400 tokens: 90 % (70–97) of 20 facts (guessing finds 10 %)."
    )
    equal = tuple(replace(cell, right=8) for cell in made().found)
    assert evaluation_report(made(texts=(), found=equal)).verdict.startswith(
        "none, yarn and ntk find most at 400 tokens"
    )
    close = tuple(replace(cell, right=8) if cell.method == "ntk" else cell for cell in made().found)
    assert evaluation_report(made(texts=(), found=close)).verdict.endswith(
        "ntk is not significantly behind (80 % (58–92))."
    )
    hardly = tuple(replace(cell, right=2 if cell.method == "yarn" else 1) for cell in made().found)
    assert evaluation_report(made(texts=(), found=hardly)).verdict == (
        "No method finds significantly more than guessing (10 %) at 400 tokens: yarn 20 % (8–42) of 20 facts."
    )


def test_tables_say_what_the_numbers_are() -> None:
    tables = {table.title: table for table in evaluation_report(made()).tables}
    assert tables["Loss by position, nats per token"].rows[1] == ("yarn", "2.020", "2.020", "2.200", "2.200")
    found = tables["Facts found, by length"].rows
    assert found[0] == ("passkey", "none", "10 % (3–30)", "10 % (3–30)", "0 %")
    assert found[1][-1] == "40 %"
    compared = tables["Loss differences inside the trained length, and beyond it against yarn"].rows
    assert compared[0][2].startswith("+2.8000 ± ")
    assert [figure.name for figure in evaluation_report(made()).figures] == ["bands", "price", "found", "tasks"]


def test_the_price_is_paired_with_the_unscaled_model_and_the_best() -> None:
    picture = next(figure for figure in evaluation_report(made()).figures if figure.name == "price")
    points = {row["method"]: row for row in picture.spec["data"]["values"]}
    assert set(points) == {"yarn", "ntk"}
    inside = summary.against(made(), "yarn", "none", "inside")
    assert inside is not None and inside.low is not None
    assert points["yarn"]["inside"] == pytest.approx(0.01) and points["yarn"]["target"] == 0.0
    assert points["yarn"]["inside_low"] == pytest.approx(inside.low / 2.0)
    assert points["ntk"]["target"] == pytest.approx(
        (summary.loss(made(), "ntk", "target") or 0) - (summary.loss(made(), "yarn", "target") or 0)
    )
    without = made(plans={method: {"method": "yarn", "caveats": []} for method in ROWS})
    assert "price" not in [figure.name for figure in evaluation_report(without).figures]


def test_a_result_reads_back_and_a_foreign_one_does_not() -> None:
    result = made()
    assert ExtensionResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result
    with pytest.raises(FormatError, match="schema is 'other'"):
        ExtensionResult.from_dict({**result.to_dict(), "schema": "other"})
    with pytest.raises(FormatError, match="does not fit"):
        ExtensionResult.from_dict({**result.to_dict(), "texts": [{}]})


def test_the_command(tiny_folder_with_tokenizer: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    out = tmp_path / "scores.json"
    arguments = ["extend", "evaluate", str(tiny_folder_with_tokenizer), "--to", "400", "--texts", "1", "--band", "100"]
    result = CliRunner().invoke(app, [*arguments, "--methods", "none,yarn", "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    kept = ExtensionResult.load(out)
    assert kept.methods == ("none", "yarn") and len(kept.texts) == 3 and not kept.partial
    assert not list((tmp_path / "home").rglob("text-*.json"))  # the pieces are gone, the result is safe


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "100"], "no scaling is needed"),
        (["--to", "400", "--methods", "yran"], "Did you mean yarn"),
        (["--to", "400", "--retrieval", "passkeys", "--questions", "1"], "must be passkey"),
        (["--to", "400", "--tasks", "niah", "--texts", "0"], "must be niah-single"),
        (["--to", "400", "--questions", "1", "--lengths", "800"], "800 is more"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    tiny_folder_with_tokenizer: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    from ropescope.errors import RopescopeError

    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["extend", "evaluate", str(tiny_folder_with_tokenizer), *arguments])
    assert isinstance(result.exception, RopescopeError) and message in str(result.exception)
