"""Each experiment on tiny models whose outcome is known: uniform attention, decays that were made, grids that fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from made_profiles import made_profile

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments import quantised, shape, sinks
from ropescope.evidence.experiments.context import ExperimentContext
from ropescope.evidence.experiments.experiment import Range, Setting, decide
from ropescope.evidence.experiments.running import Result, run_experiment
from ropescope.measure.profile import DecayProfile
from ropescope.models.config.reading import from_config
from ropescope.theory.nulls import uniform_null_exponent

RANDOM = Setting(prompts=4, length=256, corpus="random", dtype="float32")


def run(name: str, folder: Path, **changes: object) -> Result:
    """Run it, and see that the progress ends where it was planned to."""
    steps: list[tuple[int, int, str]] = []
    setting = replace(RANDOM, **changes)  # type: ignore[arg-type]
    result = run_experiment(name, [str(folder)], setting, progress=lambda *step: steps.append(step))
    assert [step[:2] for step in steps] == [(k + 1, len(steps)) for k in range(len(steps))]
    return result


@dataclass
class MadeContext(ExperimentContext):
    """A context whose every measurement is a made profile."""

    made: Callable[[int], DecayProfile] = lambda sinks: made_profile()

    def measure(self, label: str, *, sinks: int = 4, **_: object) -> DecayProfile:  # type: ignore[override]
        return self.made(sinks)


def test_random_init_of_a_flat_network_is_uniform_attention(flat_folder: Path) -> None:
    result = run("random-init", flat_folder, length=1024)
    published, fixed = result.observed.measured.values()
    null = uniform_null_exponent((30.0, 50.0, 100.0, 200.0, 500.0), 50.0).gamma
    assert published.value == pytest.approx(null, abs=0.01) and fixed.value == pytest.approx(0.0, abs=0.01)
    assert result.decision == "null" and result.observed.data["null"]["gamma"] == null


def test_length_sweep_of_uniform_attention_rises_as_its_null(flat_folder: Path) -> None:
    result = run("length-sweep", flat_folder, length=1024)
    measured = result.observed.measured["dγ/d ln T, published protocol"]
    nulls = [
        uniform_null_exponent(d, 50.0).gamma for d in ((30.0, 50.0, 100.0, 200.0), (30.0, 50.0, 100.0, 200.0, 500.0))
    ]
    assert measured.value == pytest.approx((nulls[1] - nulls[0]) / np.log(2.5), abs=0.01)
    assert result.decision == "null"
    fixed = result.observed.data["fixed"]
    assert list(fixed) == ["128", "256", "512", "1024"]
    assert all(abs(estimate["value"]) < 0.03 for estimate in fixed.values())


def test_offset_sweep_of_uniform_attention_is_its_null(flat_folder: Path) -> None:
    result = run("offset-sweep", flat_folder, length=700)
    assert result.decision == "null"
    for offset, gamma in result.observed.data["gamma"].items():
        null = uniform_null_exponent(tuple(map(float, result.observed.data["distances"])), float(offset)).gamma
        assert gamma["value"] == pytest.approx(null, abs=0.02)
    assert result.observed.data["distances"] == [30, 50, 100, 200, 500]


def test_base_sweep_measures_what_a_reloaded_model_gives(sharp_folder: Path, tmp_path: Path) -> None:
    result = run("base-sweep", sharp_folder)
    folder = tmp_path / "reloaded"
    shutil.copytree(sharp_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["rope_parameters"]["rope_theta"] = 1000.0
    (folder / "config.json").write_text(json.dumps(config))
    other = run("base-sweep", folder)
    # 1,000 is a tenth of the one model's base and the other's own: the same numbers, loss included.
    assert result.observed.data["gamma"]["1000"] == other.observed.data["gamma"]["1000"]
    assert result.observed.data["loss_nats"]["1000"] == other.observed.data["loss_nats"]["1000"]
    assert result.observed.data["gamma"]["10000"] != result.observed.data["gamma"]["1000"]
    gammas = [estimate["value"] for estimate in result.observed.data["gamma"].values()]
    slope = np.polyfit(list(result.observed.data["gamma_pade"].values()), gammas, 1)[0]
    assert len(result.observed.data["working"]) == 7  # no base hurts random weights
    assert result.observed.measured["dγ/dγ_Padé as θ changes"].value == pytest.approx(slope)


def test_base_scaling_scores_what_extend_evaluate_scores(make_folder: Callable[..., Path]) -> None:
    """γ against base-sweep's way of taking it, losses against transformers' own at the scaled base."""
    from transformers import AutoModelForCausalLM

    from ropescope.quality.texts import held_out_texts

    folder = make_folder("short", std=0.15, context=512)
    result = run("base-scaling", folder, corpus="text")
    data = result.observed.data
    scores = data["result"]
    assert scores["methods"] == [
        "none",
        "alpha@alpha=1.5",
        "alpha@alpha=2",
        "alpha@alpha=3",
        "alpha@alpha=4",
        "alpha@alpha=8",
        "ntk",
        "dynamic",
        "yarn",
    ]
    assert (scores["trained_length"], scores["target_length"], len(scores["texts"])) == (512, 1024, 4)
    network = AutoModelForCausalLM.from_pretrained(folder, rope_parameters={"rope_type": "default", "rope_theta": 2e4})
    from tiny_tokenizer import byte_tokenizer

    text = held_out_texts(byte_tokenizer(), 1024, 2)[0]
    ids = torch.tensor([text.tokens])
    with torch.inference_mode():
        losses = torch.nn.functional.cross_entropy(network(ids).logits[0, :-1], ids[0, 1:], reduction="none")
    expected = [float(losses[max(a, 1) - 1 : b - 1].mean()) for a, b in scores["bands"]]
    assert scores["texts"][0]["losses"]["alpha@alpha=2"] == pytest.approx(expected, abs=1e-4)
    sweep = run("base-sweep", folder, corpus="text").observed.data["gamma"]
    assert data["gamma"]["1"]["value"] == pytest.approx(sweep["10000"]["value"])
    inside = result.observed.measured["Δloss inside the trained length, α_opt less unscaled"]
    rows = [text["losses"] for text in scores["texts"]]
    by_hand = np.mean([_inside(row["alpha@alpha=2"]) - _inside(row["none"]) for row in rows])
    assert inside.value == pytest.approx(by_hand)


def _inside(row: list[float]) -> float:
    """Four bands of 128 within 512; the first has 127 tokens with a loss."""
    return (127 * row[0] + 128 * sum(row[1:4])) / 511


def test_corpus_measures_five_corpora(sharp_folder: Path) -> None:
    result = run("corpus", sharp_folder, corpus="text")
    data = result.observed.data
    assert list(data["gamma"]) == ["text", "shuffled text", "random tokens", "synthetic, α = 0.25", "synthetic, α = 1"]
    assert data["alpha"]["synthetic, α = 1"] == pytest.approx(1.0) and data["alpha"]["text"] is None
    value = {name: estimate["value"] for name, estimate in data["gamma"].items()}
    share, slope = result.observed.measured.values()
    assert share.value == pytest.approx(value["random tokens"] / value["text"])
    assert slope.value == pytest.approx((value["synthetic, α = 1"] - value["synthetic, α = 0.25"]) / 0.75)


def made(law: Callable[[np.ndarray], np.ndarray], noise: float = 0.01) -> DecayProfile:
    """A profile whose heads follow `law` of the distance instead of a power."""
    profile = made_profile(0.0, n_prompts=8, noise=0.0)
    edges = profile.protocol.edges
    rng = np.random.default_rng(1)
    mean = np.array([law(np.arange(max(a, 1), max(b, 2))).mean() for a, b in pairwise(edges)])
    profile.mass[:] *= (mean * rng.lognormal(0, noise, (8, 1, 1, len(mean)))).astype(np.float32)
    return profile


@pytest.mark.parametrize(
    ("law", "stand", "best"),
    [
        (lambda d: d**-0.9, "theory", {"power", "power with cutoff", "log-normal", "offset power"}),
        (lambda d: 2e-3 + d**-1.2, "neither", {"offset power"}),
        (lambda d: np.exp(-d / 80), "neither", {"exponential"}),
    ],
)
def test_shape_finds_the_law_that_was_made(law: Callable[[np.ndarray], np.ndarray], stand: str, best: set[str]) -> None:
    context = MadeContext(("made",), replace(RANDOM, prompts=8, length=1024), made=lambda _: made(law))
    observed = shape.observe(context)
    assert observed.data["best"] in best
    assert decide(shape.EXPERIMENT.expect(None, context.setting), observed.measured) == stand


def test_shape_of_uniform_attention_does_not_refute_its_null() -> None:
    context = MadeContext(
        ("made",), replace(RANDOM, prompts=8, length=1024), made=lambda _: made(lambda d: d * 0.0 + 1)
    )
    observed = shape.observe(context)
    assert observed.measured[shape.UNIFORM].ci[0] <= 0  # type: ignore[index]


def test_sinks_that_are_counted_flatten_the_fit() -> None:
    """A decay of 0.8 with 30 % of the attention on the first four keys, which lie in the last bin."""
    without = made_profile(0.8, noise=0.01)

    def profile(sinks_left_out: int) -> DecayProfile:
        if sinks_left_out:
            return without
        mass = without.mass.copy()
        mass[..., -1] += 0.3
        return replace(without, mass=mass)

    context = MadeContext(("made",), replace(RANDOM, prompts=8, length=1024), made=profile)
    observed = sinks.observe(context)
    change = observed.measured[sinks.STATISTIC]
    assert change.value is not None and change.value < -0.1
    assert decide(sinks.EXPERIMENT.expect(None, context.setting), observed.measured) == "null"


def test_sinks_of_uniform_attention_change_nothing(flat_folder: Path) -> None:
    result = run("sinks", flat_folder, length=1024)
    assert result.observed.measured[sinks.STATISTIC].value == pytest.approx(0.0, abs=0.01)
    assert result.decision == "theory"


@pytest.mark.parametrize(
    ("r2", "expected"),
    [(0.85, Range(0.3, 0.8)), (0.92, Range(-0.05, 0.05)), (0.97, Range(-0.05, 0.05)), (0.995, Range(-0.4, -0.2))],
)
def test_the_nf4_rule(r2: float, expected: Range) -> None:
    assert quantised.band(r2) == expected


def test_grouped_queries_are_told_from_the_config() -> None:
    def grouped(kv_heads: int) -> bool:
        sizes = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": kv_heads}
        return quantised.is_grouped(from_config({"model_type": "llama", "vocab_size": 99, **sizes}))

    assert grouped(1) and grouped(4) and not grouped(8)


def test_quantised_measures_every_format(sharp_folder: Path) -> None:
    result = run("quantised", sharp_folder)
    data = result.observed.data
    assert list(data["gamma"]) == ["float32", "bfloat16", "Q8_0", "NF4", "Q4_0", "3 bits", "2 bits"]
    assert data["grouped_queries"] and data["change"]["bfloat16"]["value"] == 0.0
    for name in ("NF4", "2 bits"):
        difference = data["gamma"][name]["value"] - data["gamma"]["bfloat16"]["value"]
        assert data["change"][name]["value"] == pytest.approx(difference)
    # Eight bits move the exponent far less than two.
    assert abs(data["change"]["Q8_0"]["value"]) < 0.2 * abs(data["change"]["2 bits"]["value"])


def test_quantised_holds_the_rule_against_a_model_without_grouped_queries(make_folder: Callable[..., Path]) -> None:
    result = run("quantised", make_folder("mha", std=0.15, kv_heads=4))
    assert [item.statistic for item in result.expectations] == [quantised.RULE, quantised.PUBLISHED, quantised.FIXED]
    data = result.observed.data
    band = quantised.band(data["r2_published_bfloat16"])
    delta = data["change_published"]["NF4"]["value"]
    outside = result.observed.measured[quantised.RULE].value
    assert outside == pytest.approx(delta - np.clip(delta, band.low, band.high))


def test_induction_scores_random_weights_by_chance(flat_folder: Path) -> None:
    result = run("induction", flat_folder, corpus="text")
    scores = np.array(result.observed.data["scores"])
    # 127 different tokens twice behind a BOS: attention is even over 128 to 254 keys.
    chance = np.mean([1 / (p + 1) for p in range(128, 255)])
    assert scores.shape == (2, 4) and scores == pytest.approx(np.full((2, 4), chance), rel=0.1)
    assert "0 of 8 heads" in result.observed.sentence


def test_base_sweep_leaves_out_the_bases_that_break_the_model(
    sharp_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ropescope.evidence.experiments import context
    from ropescope.network.loading.weights import Weights

    def broken_below_500(weights: Weights, *_: object) -> float:
        return 9.0 if weights.model.rope_thetas[0] < 500 else 3.0

    monkeypatch.setattr(context, "mean_loss", broken_below_500)
    result = run("base-sweep", sharp_folder)
    data = result.observed.data
    assert data["working"] == ["1000", "3000", "10000", "30000", "100000"]
    pairs = [(data["gamma_pade"][base], data["gamma"][base]["value"]) for base in data["working"]]
    slope = np.polyfit(*zip(*pairs, strict=True), 1)[0]
    assert result.observed.measured["dγ/dγ_Padé as θ changes"].value == pytest.approx(slope)
    assert data["slope_over_all_bases"]["value"] != pytest.approx(slope)
    series = {point["series"] for point in result.observed.figures[0].spec["layer"][1]["data"]["values"]}
    assert series == {"measured", "measured, model broken"}
    monkeypatch.setattr(context, "mean_loss", lambda weights, *_: 9.0 * (weights.model.rope_thetas[0] != 10_000))
    with pytest.raises(MeasurementError, match=r"At 6 of 7 bases the loss .* too few are left"):
        run("base-sweep", sharp_folder)
