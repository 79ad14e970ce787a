"""The report of a plan: the verdict, the basis of every number, the table and the picture."""

from __future__ import annotations

from typing import Any

import pytest
import released_configs as released

from ropescope.extend import RopePlan, plan_extension
from ropescope.extend.figures import wavelength_figure
from ropescope.extend.report import plan_report
from ropescope.extend.settings import all_settings
from ropescope.models.config.reading import from_config
from ropescope.report.figure import svg
from ropescope.report.html import page
from ropescope.report.report import Report
from ropescope.report.terminal import to_text

SMOLLM2 = from_config(released.SMOLLM2_135M, name="SmolLM2")


def report(plan: RopePlan) -> Report:
    return plan_report(plan, all_settings(plan, "org/name"))


@pytest.mark.parametrize(
    ("config", "target", "method", "options", "verdict"),
    [
        (released.SMOLLM2_135M, 16384, "auto", {}, "YaRN with a factor of 2 extends M from 8,192 to 16,384 tokens, without"),
        (released.SMOLLM2_135M, 65536, "auto", {}, "YaRN with a factor of 8 extends M from 8,192 to 65,536 tokens. At"),
        (released.SMOLLM2_135M, 4096, "auto", {}, "4,096 tokens are within the 8,192 that M reaches: no scaling is needed."),
        (released.LLAMA_31_8B, 131072, "auto", {}, "within the 131,072 that M reaches, by Llama 3.1's scaling by 8"),
        (released.LLAMA_31_8B, 262144, "auto", {}, "with a factor of 16, the model's own scaling with a larger factor"),
        (released.SMOLLM2_135M, 16384, "alpha", {"gamma": 0.85}, "the slowest pair of M 1.41 times; 16,384 tokens need 2"),
        (released.SMOLLM2_135M, 32768, "rerope", {}, "Leaky ReRoPE with 2,048 near tokens extends M from 8,192 to 32,768"),
        (released.SMOLLM2_135M, 16384, "alpha", {}, "A base of 200,000 (α = 2) extends M from 8,192"),
    ],
)  # fmt: skip
def test_the_first_line_is_the_answer(
    config: dict[str, Any], target: int, method: str, options: dict[str, Any], verdict: str
) -> None:
    made = plan_extension(from_config(config, name="M"), target, method, **options)
    assert verdict in report(made).verdict


def test_numbers_have_a_basis_and_are_right() -> None:
    facts = {fact.name: fact for fact in report(plan_extension(SMOLLM2, 16384)).facts}
    assert facts["trained length"].basis == "config"
    assert (facts["factor"].value, facts["factor"].basis) == (2.0, "formula")
    # 0.0424 · 16384^1.628, the fit of Men et al.
    assert facts["base lower bound at target"].value == pytest.approx(0.0424 * 16384**1.628, rel=5e-3)
    # λ_i = 2π·100000^(2i/64) passes 8,192 between pairs 19 and 20.
    assert facts["pairs without a full turn"].value == "12 of 32"
    assert facts["short prompts"].basis == "measured"
    assert facts["fine-tuning"].basis == "published"


def test_rerope_shows_how_far_keys_are_read() -> None:
    shown = report(plan_extension(SMOLLM2, 32768, "rerope"))
    table = next(table for table in shown.tables if table.title.startswith("Distance"))
    # 2,048 + (d − 2,048) / 5, since 30,720 tokens beyond have 6,144 to be read in.
    assert dict(table.rows) == pytest.approx(
        {1024: 1024, 2048: 2048, 4096: 2457.6, 8192: 3276.8, 16384: 4915.2, 32768: 8192}
    )
    assert {fact.name: fact.value for fact in shown.facts}["short prompts"].startswith("not changed")
    assert "<svg" in svg(shown.figures[0])
    assert not any("`save_config`" in str(step) for step in shown.next_steps)
    assert any("method=rerope" in str(step) for step in report(plan_extension(SMOLLM2, 32768)).next_steps)
    came_scaled = plan_extension(from_config(released.LLAMA_31_8B), 262144, "yarn")
    assert not any("rerope" in str(step) for step in report(came_scaled).next_steps)


def test_what_is_given_is_not_said_to_be_the_rule() -> None:
    def bases(**given: Any) -> list[str]:
        facts = {fact.name: fact for fact in report(plan_extension(SMOLLM2, 16384, "rerope", **given)).facts}
        return [facts[name].basis for name in ("near", "distance growth beyond it")]

    def told(**given: Any) -> bool:
        facts = report(plan_extension(SMOLLM2, 16384, "rerope", **given)).facts
        return any(fact.name == "gain over truncation" for fact in facts)

    assert told() and not told(near=1024) and not told(slower=3.0)  # what was measured is the rule
    assert bases() == ["formula", "formula"]
    assert bases(near=1024) == ["assumed", "formula"]
    assert bases(slower=3.0) == ["formula", "assumed"]


def test_the_next_step_can_be_run_as_it_stands() -> None:
    made = plan_report(plan_extension(SMOLLM2, 16384), [], source="my model", kept_in="plan.json")
    assert str(made.next_steps[0]).endswith("extend evaluate source=my model to=16384 methods=none,truncated,plan.json")
    assert "methods=none,truncated,yarn" in str(plan_report(plan_extension(SMOLLM2, 16384), []).next_steps[0])


def test_the_table_shows_turns_and_what_is_done() -> None:
    table = report(plan_extension(SMOLLM2, 16384)).tables[0]
    first, last = table.rows[0], table.rows[-1]
    assert first[0] == 0
    assert first[-1] == "kept"
    assert last[0] == 31
    assert last[-1] == "2 times slower"
    # A pair that is divided by the whole factor turns as often in the target as it did in training.
    assert last[3] == pytest.approx(last[4])


@pytest.mark.parametrize("name", ["SMOLLM2_135M", "LLAMA_31_8B", "GEMMA_3_27B"])
def test_picture_has_both_lengths_and_both_curves(name: str) -> None:
    model = from_config(getattr(released, name), name=name)
    reach = plan_extension(model, 2).native_length
    plan = plan_extension(model, 2 * reach)
    figure = wavelength_figure(plan)
    drawn = svg(figure)
    assert f"target: {2 * reach:,}" in drawn
    assert f"trained: {plan.trained_length:,}" in drawn
    layers = figure.spec["layer"]
    shown = layers[1]["data"]["values"]
    changed = next(entry for entry in plan.layer_types if entry.changed)
    assert len(shown) == 2 * len(changed.after)
    assert "none of them do" in figure.caption


def test_ntk_leaves_some_pairs_beyond_what_training_had_and_says_how_many() -> None:
    """Between the fastest pair and the slowest it stretches by less than the factor."""
    plan = plan_extension(SMOLLM2, 16384, "ntk")
    entry = plan.layer_types[0]
    slow = [pair for pair, length in enumerate(entry.wavelengths(after=False)) if (length or 0) > 8192]
    beyond = [pair for pair in slow if entry.after[pair] * 16384 > entry.before[pair] * 8192 * 1.000001]
    assert f"with the plan, {len(beyond)} of them do." in wavelength_figure(plan).caption
    assert 0 < len(beyond) < len(slow)


def test_every_face_shows_it() -> None:
    for method in ("auto", "dynamic", "ntk", "none"):
        made = report(plan_extension(SMOLLM2, 16384, method))
        assert Report.from_dict(made.to_dict()) == made
        assert made.verdict.split()[0] in to_text(made, width=80)
        assert "<html" in page(made)
