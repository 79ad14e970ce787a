"""The search on a tiny network: what it returns is never behind YaRN, and it can be stopped and gone on with."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy import stats

from ropescope.app.cli import app
from ropescope.errors import ExtendError
from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.search.factors import guess
from ropescope.extend.search.objective import Calibration, Losses, losses_of, whole
from ropescope.extend.search.report import search_report
from ropescope.extend.search.result import Checked
from ropescope.extend.search.session import Search
from ropescope.extend.search.spans import BLOCKS, spans
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.loss import prefill, token_losses
from ropescope.quality.texts import calibration_texts
from ropescope.report.figure import svg
from ropescope.runs.journal import Journal

TARGET, MOST = 512, 12


@pytest.fixture(scope="module")
def weights(tiny_folder_with_tokenizer: Path) -> Weights:
    return load(tiny_folder_with_tokenizer, dtype="float32")


def search(weights: Weights, **given: Any) -> Search:
    texts = calibration_texts(weights.tokenizer, TARGET, 2)
    return Search(weights, TARGET, texts, **{"minutes": 60.0, "most": MOST, **given})


@pytest.fixture(scope="module")
def found(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Any:
    one = search(weights)
    return one.run(Journal(one.identity, tmp_path_factory.mktemp("runs")))


def exact(weights: Weights, plan: RopePlan) -> Losses:
    """By whole passes over all tokens, the long way."""
    rows = []
    for text in calibration_texts(weights.tokenizer, TARGET, 2):
        with plan.applied(weights.network):
            losses = token_losses(weights.network, torch.tensor(text.tokens))
        rows.append([[float(losses[a - 1 : b - 1].double().mean())] for a, b in spans(256, TARGET)])
    return losses_of(rows)


def test_it_never_ends_behind_yarn(weights: Weights, found: Any) -> None:
    start, best = exact(weights, found.start), exact(weights, found.plan)
    for told, is_so in ((found.started, start), (found.found, best)):
        assert (told.target, told.inside) == pytest.approx((is_so.target, is_so.inside), abs=2e-5)
    assert best.cost(start, found.unchanged) <= start.cost(start, found.unchanged)
    assert len(found.found.parts) == 2 * BLOCKS
    assert sum(found.found.parts) / len(found.found.parts) == pytest.approx(best.target, abs=2e-5)
    assert found.better == (found.plan is not found.start)
    assert MOST <= len(found.tried) <= MOST + 8 and found.tried[0].numbers == (0.0,) * 6


def test_turned_keys_score_the_plan_they_were_read_under_as_a_whole_pass_does(weights: Weights, found: Any) -> None:
    calibration = calibrated(weights)
    again = calibration.losses(calibration.plan)
    assert (again.target, again.inside) == pytest.approx(
        (calibration.reading.target, calibration.reading.inside), abs=2e-5
    )
    assert found.tried[1].numbers == guess(found.start.factor) and found.tried[1].losses == calibration.reading
    assert not found.exact


def test_turned_keys_are_near_whole_passes(weights: Weights, found: Any) -> None:
    calibration, moved = calibrated(weights), found.tried[2]
    plan = search(weights).shape.plan(moved.numbers)
    rows = losses_of([whole(weights.network, plan, text, calibration.places) for text in calibration.texts])
    read = calibration.reading.target
    assert abs(moved.losses.target - rows.target) < 0.5 * max(abs(rows.target - read), 0.01)


def calibrated(weights: Weights) -> Calibration:
    one = search(weights)
    tokens = [torch.tensor(text.tokens) for text in one.texts]
    made = Calibration(weights.network, one.shape.plan(one.shape.guess), tokens, spans(256, TARGET))
    assert one.shape.probe is not None
    made.find_layout(one.shape.plan(one.shape.probe))
    for _ in tokens:
        made.read_next()
    return made


def test_it_goes_on_with_what_was_tried(weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = search(weights)
    journal = Journal(one.identity, tmp_path)

    def stop(done: int, *_: Any) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    first = one.run(journal, progress=stop)
    assert first.partial and 5 <= len(first.tried) <= 8
    scored: list[int] = []
    honest = Calibration.losses

    def counted(self: Calibration, plan: RopePlan) -> Losses:
        scored.append(1)
        return honest(self, plan)

    monkeypatch.setattr(Calibration, "losses", counted)
    second = search(weights).run(journal)
    assert second.tried[: len(first.tried)] == first.tried
    assert len(scored) == len(second.tried) - len(first.tried)


def test_another_config_never_meets_these_files(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config may be edited between a run and the one that resumes it; the weights are then the same."""
    before = search(weights).identity
    assert before == search(weights).identity
    monkeypatch.setattr(weights.network.config, "rms_norm_eps", 0.5)
    assert search(weights).identity != before


@pytest.fixture(scope="module")
def farther(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Any:
    one = search(weights, method="rerope")
    return one.run(Journal(one.identity, tmp_path_factory.mktemp("runs")))


def test_near_and_far_are_searched_as_well(weights: Weights, farther: Any) -> None:
    """The texts are read under the rule itself, so that it is known exactly; nothing changes within the trained length."""
    start, best = exact(weights, farther.start), exact(weights, farther.plan)
    for told, is_so in ((farther.started, start), (farther.found, best)):
        assert (told.target, told.inside) == pytest.approx((is_so.target, is_so.inside), abs=2e-5)
    assert best.target <= start.target
    assert farther.unchanged == pytest.approx(best.inside, abs=2e-5) and best.inside == pytest.approx(
        start.inside, abs=2e-5
    )
    assert {plan.losses.inside for plan in farther.tried} == {farther.started.inside}
    assert farther.tried[0].numbers == (0.0, 0.0) and farther.tried[1].numbers != (0.0, 0.0)
    assert farther.plan.method == "rerope" and (farther.plan is farther.start) != farther.better
    assert not farther.exact


def test_a_far_plan_is_scored_over_the_keys_of_the_rule(weights: Weights, farther: Any) -> None:
    """All but the last span went through under the rule; that span reads them as the plan says."""
    one = search(weights, method="rerope")
    plan = one.shape.plan(farther.tried[1].numbers)
    first, end = spans(256, TARGET)[-1]
    rows = []
    for text in one.texts:
        tokens = torch.tensor(text.tokens[:end])
        with one.start.applied(weights.network) as network:
            cache = prefill(network, tokens[: first - 1])
        with plan.applied(weights.network) as network:
            rows.append(float(token_losses(network, tokens[first - 1 :], cache=cache).double().mean()))
    assert farther.tried[1].losses.target == pytest.approx(sum(rows) / len(rows), abs=2e-5)


def test_the_report_of_near_and_far(weights: Weights, farther: Any) -> None:
    """Of a search that found a plan, and of one that did not, whatever this one did."""
    plan = search(weights, method="rerope").shape.plan((-1.0, 0.1))
    started = farther.started
    less = replace(started, target=started.target - 0.5, parts=tuple(part - 0.5 for part in started.parts))
    better = replace(farther, plan=plan, found=less, better=True)
    report = search_report(better, kept_in="plan.json")
    assert [figure.name for figure in report.figures] == ["ranges"] and "<svg" in svg(report.figures[0])
    assert {fact.name for fact in report.facts} >= {"near", "distance growth beyond it"}
    assert "0.5000 nats per token lower than Leaky ReRoPE's" in report.verdict
    assert "Inside the trained 256 tokens, it changes nothing" in report.verdict
    assert "methods=none,truncated,rerope,plan.json" in str(report.next_steps[0])
    nothing = search_report(replace(farther, plan=farther.start, found=started, better=False, unsure=None))
    assert nothing.verdict.startswith("Nothing better than Leaky ReRoPE was found")
    maybe = Checked(plan, less)
    unsure = search_report(replace(farther, plan=farther.start, found=started, better=False, unsure=maybe))
    assert unsure.verdict.startswith("Nothing significantly better than Leaky ReRoPE was found")
    assert "differs by -0.5000 ± 0.0000 nats per token at the end, which may be chance" in unsure.verdict
    (step,) = unsure.next_steps
    (spelled,) = re.findall(r"rerope@near=(\d+)\+slower=([\d.]+)", str(step))
    again = plan_extension(weights.model, TARGET, "rerope", near=int(spelled[0]), slower=float(spelled[1]))
    assert again.layer_types[0].after == pytest.approx(plan.layer_types[0].after, rel=1e-3)
    assert RopePlan.from_dict(farther.plan.to_dict()) == farther.plan


def test_costs_hold_both_ends() -> None:
    start = Losses(2.3, 2.0)
    better = Losses(2.29, 2.0).cost(start, 1.999)
    assert better < start.cost(start, 1.999)
    # What is won at the target is not worth as much inside, beyond half a percent.
    assert Losses(2.28, 2.05).cost(start, 1.999) > start.cost(start, 1.999)
    assert Losses(2.31, 1.99).cost(start, 1.999) > start.cost(start, 1.999)


def test_what_chance_may_have_made_is_not_taken() -> None:
    """Two plans that gain the same; against scipy's paired t test, from part to part."""
    rng = np.random.default_rng(3)
    start = rng.normal(2.0, 0.3, 24)
    for spread, taken in ((0.002, True), (0.02, False)):
        parts = start - 0.003 + spread * (rng.permutation(24) - 11.5) / 7
        a, b = (Losses(float(np.mean(x)), 1.5, tuple(map(float, x))) for x in (start, parts))
        assert b.cost(a, 1.5) < a.cost(a, 1.5)
        assert b.surely_costs_less(a, 1.5) is taken is bool(stats.ttest_rel(parts, start).pvalue < 0.05)
        assert not a.surely_costs_less(b, 1.5)


def test_a_better_plan_that_is_not_sure_is_not_the_result(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = search(weights, method="rerope")
    monkeypatch.setattr(Losses, "surely_costs_less", lambda *_: False)
    found = one.run(Journal(one.identity, tmp_path))
    assert found.plan is found.start and not found.better and found.found == found.started
    if found.unsure is not None:  # else no plan was better by whole passes
        assert found.unsure.losses.cost(found.started, found.unchanged) < found.started.cost(
            found.started, found.unchanged
        )


def test_where_is_scored() -> None:
    assert spans(8192, 16384) == [(1, 2048), (7168, 8192), (15360, 16384)]
    with pytest.raises(ExtendError, match="nothing to search for"):
        spans(8192, 8192)
    with pytest.raises(ExtendError, match="nothing to search for"):
        spans(40, 100)


def test_the_report_and_the_command(
    weights: Weights, found: Any, tiny_folder_with_tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = search_report(found)
    assert ("The plan's loss" in report.verdict) == found.better
    assert [figure.name for figure in report.figures] == ["factors", "course"]
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    out = tmp_path / "plan.json"
    arguments = [
        "extend",
        "search",
        str(tiny_folder_with_tokenizer),
        "--to",
        "512",
        "--minutes",
        "0.02",
        "--texts",
        "1",
    ]
    result = CliRunner().invoke(app, [*arguments, "--dtype", "float32", "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert RopePlan.from_dict(printed["plan"]) == RopePlan.load(out)
    assert RopePlan.load(out).target_length == 512


def test_a_search_that_took_longer_than_it_was_given_says_so(weights: Weights, found: Any, tmp_path: Path) -> None:
    short = search(weights, minutes=1e-4)
    late = short.run(Journal(short.identity, tmp_path))
    assert late.seconds > 60 * late.minutes and 0 < late.reading < late.seconds
    assert any("longer than 0.0001 minutes" in caveat for caveat in search_report(late).caveats)
    assert not any("longer than" in caveat for caveat in search_report(found).caveats)


def test_what_cannot_be_searched_is_said(weights: Weights) -> None:
    with pytest.raises(ExtendError, match="no scaling is needed"):
        Search(weights, 200, calibration_texts(weights.tokenizer, 200, 1), 1.0)
    with pytest.raises(ExtendError, match="at least one text"):
        search(weights, minutes=0.0)
