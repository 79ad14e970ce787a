"""What a quantisation costs: the published figures as published, nothing concluded of other models, and a run on weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import released_configs as released

from ropescope.checks.quantising.published import Cost, costs, published_model, read_format, recoveries
from ropescope.checks.quantising.quantisation import ROUNDED, QuantisationInputs
from ropescope.errors import EvaluationError, InputError, SourceError
from ropescope.questions.registry import find
from ropescope.report.report import Report


def ask(**inputs: object) -> Report:
    return find("quantisation").ask(QuantisationInputs(**inputs))  # type: ignore[arg-type]


def row(model: str, form: str, imatrix: str = "") -> Cost:
    return next(one for one in costs() if (one.model, one.format, one.imatrix) == (model, form, imatrix))


def test_figures_are_those_of_the_readme() -> None:
    found = row("Llama-3-8B", "Q4_K_M")
    assert (found.delta_ppl, found.delta_ppl_se, found.kld, found.same_top) == (0.175482, 0.004620, 0.031273, 91.901)
    found = row("Llama-3-8B", "Q2_K")
    assert (found.delta_ppl, found.kld, found.same_top) == (3.519934, 0.445132, 71.138)
    assert row("Llama-2-7B", "Q4_K_M").kld == 0.012686
    assert row("Llama-2-70B", "Q4_K_M").delta_ppl == pytest.approx(3.4725 - 3.4313)


def test_figures_agree_with_each_other() -> None:
    """Perplexity is the original's and what is added, but where the README repeats the original's; the stated error of a
    share is that of so many tokens; sizes are those of llama.cpp's other table within its rounding."""
    from ropescope.checks.serving.weights.precisions import gguf_bits

    for one in costs():
        assert one.ppl is None or one.ppl - one.base_ppl == pytest.approx(one.delta_ppl, abs=5e-6)
        if one.same_top is not None and one.same_top_se is not None and one.n_tokens:
            share = one.same_top / 100
            assert 100 * (share * (1 - share) / one.n_tokens) ** 0.5 == pytest.approx(one.same_top_se, abs=6e-4)
        if one.bits is not None and one.format in gguf_bits():
            assert one.bits == pytest.approx(gguf_bits()[one.format], rel=0.075)
    assert [one.format for one in costs() if one.ppl is None] == ["Q2_K"]


def test_a_published_model_is_answered_with_its_figure_and_date() -> None:
    report = ask(source="meta-llama/Meta-Llama-3-8B", format="q4_k_m")
    assert report.verdict.startswith(
        "Llama-3-8B in Q4_K_M: perplexity +0.1755 ± 0.0046 (+2.8 %), KL divergence 0.0313, same top token 91.90 %"
    )
    assert "dated" in report.verdict
    divergence = next(fact for fact in report.facts if fact.name == "KL divergence")
    assert divergence.basis == "published" and divergence.interval == pytest.approx((0.030807, 0.031739), abs=1e-5)


def test_of_another_model_nothing_is_concluded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    report = ask(source=str(tmp_path), format="Q4_K_M")
    assert report.verdict.startswith("Not known:") and report.data["known"] is False
    assert "0.031 on Llama-3-8B and 0.013 on Llama-2-7B" in report.verdict
    assert any("--kl-divergence" in str(step) for step in report.next_steps)
    facts = {fact.name: fact.value for fact in report.facts}
    assert facts["bits a weight as stored"] == 16
    assert facts["weights in Q4_K_M"] == pytest.approx(
        4.58, abs=0.01
    )  # GiB, as llama.cpp's README has it for this model


def test_an_instruct_model_is_not_its_base() -> None:
    assert published_model(["bartowski/Meta-Llama-3-8B-GGUF"]) == "Llama-3-8B"
    assert published_model(["./files/Meta-Llama-3-8B.Q4_K_M.gguf"]) == "Llama-3-8B"
    assert published_model(["Meta Llama 3 8B"]) == "Llama-3-8B"
    assert published_model(["meta-llama/Meta-Llama-3-8B-Instruct"]) is None
    assert published_model(["meta-llama/Llama-2-7b-hf"]) == "Llama-2-7B"


def test_a_checkpoint_is_known_by_its_name() -> None:
    report = ask(source="RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16")
    assert "in W4A16 keeps 93.0 % of Arena-Hard, 98.9 % of OpenLLM v1" in report.verdict
    assert len(recoveries()) == 15


def test_a_word_that_names_no_format_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"`format` 'Q4_K_N'.*Q4_K_M"):
        QuantisationInputs(format="Q4_K_N")
    assert read_format("fp16") == "F16"


def test_inputs_that_would_not_be_read_are_refused() -> None:
    with pytest.raises(InputError, match="`texts` is given and not read"):
        QuantisationInputs(source="smollm2", texts=3)
    with pytest.raises(InputError, match="two ways"):
        QuantisationInputs(source="smollm2", against="smollm2", rounded="Q4_0")


def test_a_name_that_is_nothing_is_refused() -> None:
    with pytest.raises(SourceError, match="does not exist"):
        ask(source="./nothing.gguf", format="Q4_0")


def test_roundings_are_those_of_the_network_room() -> None:
    from ropescope.network.rounding import ROUNDINGS

    assert tuple(ROUNDINGS) == ROUNDED


MEASURED = {"length": 48, "texts": 1, "dtype": "float32", "device": "cpu"}


def test_the_same_weights_cost_exactly_nothing(tiny_folder_with_tokenizer: Path) -> None:
    report = ask(source=str(tiny_folder_with_tokenizer), against=str(tiny_folder_with_tokenizer), **MEASURED)
    assert "predicts exactly what the original does" in report.verdict
    assert {fact.value for fact in report.facts if fact.name in ("KL divergence", "other top token", "added loss")} == {
        0.0
    }


def test_coarser_rounding_costs_more(tiny_folder_with_tokenizer: Path) -> None:
    found = [
        ask(source=str(tiny_folder_with_tokenizer), rounded=name, **MEASURED).data["divergence"]["value"]
        for name in ("Q8_0", "Q4_0", "2 bits")
    ]
    assert 0 < found[0] < found[1] < found[2]


def test_a_second_folder_is_measured_as_the_same_rounding_is(tiny_folder_with_tokenizer: Path, tmp_path: Path) -> None:
    import shutil

    from ropescope.network.loading.weights import load
    from ropescope.network.rounding import rounded

    shutil.copytree(tiny_folder_with_tokenizer, tmp_path / "coarse")
    coarse = rounded(load(tiny_folder_with_tokenizer, dtype="float32", device="cpu"), "Q4_0", dtype="float32")
    coarse.network.save_pretrained(tmp_path / "coarse")
    found = ask(source=str(tmp_path / "coarse"), against=str(tiny_folder_with_tokenizer), **MEASURED).data
    alone = ask(source=str(tiny_folder_with_tokenizer), rounded="Q4_0", **MEASURED).data
    assert found["divergence"] == alone["divergence"] and found["added_loss"] == alone["added_loss"]


def test_other_vocabularies_are_refused_before_weights_are_read(
    tiny_folder_with_tokenizer: Path, tmp_path: Path
) -> None:
    import shutil

    other = tmp_path / "other"
    shutil.copytree(tiny_folder_with_tokenizer, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "vocab_size": 400}))
    with pytest.raises(EvaluationError, match=r"different vocabularies \(400 and 300 ids\)"):
        ask(source=str(other), against=str(tiny_folder_with_tokenizer), **MEASURED)


def test_what_is_published_of_the_model_in_other_formats_is_named() -> None:
    verdict = (
        find("quantisation").ask(QuantisationInputs(source="meta-llama/Llama-3.1-8B-Instruct", format="fp8")).verdict
    )
    assert (
        verdict == "Not known: no figure is published here for Llama-3.1-8B-Instruct in fp8, only in W4A16, W8A8-INT."
    )
    with pytest.raises(InputError, match=r"there are f32, .*Q4_K_M"):
        find("quantisation").ask(QuantisationInputs(source="smollm2", format="stored"))
