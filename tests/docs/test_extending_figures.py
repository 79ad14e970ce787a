"""The losses on the page of results about longer contexts, and in the words of a plan's report, are those that are stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from ropescope.evidence.extensions import Extension, Where, extensions
from ropescope.extend.facts import SHORT_PROMPTS, WORTH
from ropescope.quality.intervals import Interval

PAGE = Path(__file__).parents[2] / "docs/results/extension.md"
ROWS = {
    "unscaled": "none", "`linear`": "linear", "`ntk`": "ntk", "`dynamic`": "dynamic", "`yarn`": "yarn", "`llama3`": "llama3",
    "`alpha`": "alpha", "base × 4": "alpha@alpha=4", "`searched`": "searched", "`rerope`": "rerope",
    "the last 8,192": "truncated",
}  # fmt: skip
"""How a row of the table begins, and the method it is of."""


def stored(target: int, method: str) -> Extension | None:
    """Where α = target / trained length, the stored name may say the number."""
    return extensions()[target].get(method) or (
        extensions()[target].get(f"alpha@alpha={target // 8192}") if method == "alpha" else None
    )


def half(found: Interval) -> float:
    assert found.high is not None
    return found.high - found.value


def added(target: int, method: str) -> tuple[float, float]:
    """What a method adds to the loss within the trained length, in per cent, with half of its interval."""
    one, plain = stored(target, method), extensions()[target]["none"]
    assert one is not None
    share, gap = 100 / plain.mean("inside"), one.less(plain, "inside")
    return share * gap.value, share * half(gap)


def less(target: int, method: str, other: str, where: Where = "last") -> str:
    one, beside = stored(target, method), stored(target, other)
    assert one is not None and beside is not None
    gap = one.less(beside, where)
    return f"{abs(gap.value):.3f} ± {half(gap):.3f}"


def rows() -> list[list[str]]:
    table = PAGE.read_text("utf-8").partition("## What it reaches")[2].partition("\n³: ")[0]
    return [[cell.strip(" *³⁵") for cell in line.split("|")[1:-1]] for line in table.splitlines() if "|" in line][2:]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0].split(",")[0])
def test_the_table_holds_what_is_stored(row: list[str]) -> None:
    (method,) = (method for begins, method in ROWS.items() if row[0].startswith(begins))
    compared = 0
    for target, (inside, last) in zip((12288, 16384, 32768), zip(row[1::2], row[2::2], strict=True), strict=True):
        one = stored(target, method)
        if one is None or inside == "as `alpha`":
            assert not last
            continue
        assert len(one.texts) == 9
        assert float(last) == pytest.approx(one.mean("last"), abs=1.1e-3)
        if method in ("none", "rerope", "truncated"):
            assert inside in ("", "0")
            assert abs(added(target, method)[0]) < 0.1  # another type of the weights
        else:
            shown, spread = (float(part.strip(" +%")) for part in inside.split("±"))
            at_most = 1.0 if "." not in inside else 0.02
            assert (shown, spread) == pytest.approx(added(target, method), abs=at_most)
        compared += 1
    assert compared >= 2


@pytest.mark.parametrize(
    ("method", "target", "as_stored"),
    [("ntk", 16384, "ntk"), ("alpha", 16384, "alpha@alpha=2"), ("alpha", 16384, "alpha@alpha=4"), ("yarn", 16384, "yarn"),
     ("yarn", 32768, "yarn"), ("llama3", 16384, "llama3")],
)  # fmt: skip
def test_a_report_says_what_short_prompts_paid(method: str, target: int, as_stored: str) -> None:
    value, spread = added(target, as_stored)
    assert f"{value:.1f} % ± {spread:.1f}" in SHORT_PROMPTS[method]  # type: ignore[index]


@pytest.mark.parametrize("method", ["yarn", "rerope"])
@pytest.mark.parametrize("target", [16384, 32768])
def test_a_report_says_what_reading_all_was_worth(method: str, target: int) -> None:
    assert less(target, method, "truncated") in WORTH[method]  # type: ignore[index]


@pytest.mark.parametrize("other", ["yarn", "searched", "truncated"])
@pytest.mark.parametrize("target", [16384, 32768])
def test_the_page_says_what_far_keys_win(target: int, other: str) -> None:
    assert less(target, "rerope", other) in PAGE.read_text("utf-8")


def test_readme_and_guide_say_what_the_results_say() -> None:
    readme, guide = (
        " ".join((PAGE.parents[2] / name).read_text("utf-8").split()) for name in ("README.md", "docs/extending.md")
    )
    assert less(16384, "rerope", "yarn") in readme and less(32768, "rerope", "yarn") in readme
    assert less(16384, "yarn", "truncated") in readme and less(16384, "yarn", "truncated") in guide
    assert less(16384, "rerope", "truncated") in guide
