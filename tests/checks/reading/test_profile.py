"""One card of a model for a use: its memory, what it reads in full, published scores, and what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import released_configs as released

from ropescope.checks.fit import FitInputs
from ropescope.checks.fit import answer as fit
from ropescope.checks.reading.compare import CompareInputs
from ropescope.checks.reading.compare import answer as compare
from ropescope.checks.reading.profile import ProfileInputs, answer
from ropescope.checks.speed import SpeedInputs
from ropescope.checks.speed import answer as speed
from ropescope.errors import DomainError, InputError
from ropescope.questions.inputs import from_text
from ropescope.questions.question import Run
from ropescope.report import Report


def folder(tmp_path: Path, config: dict[str, Any], hub_id: str) -> str:
    made = tmp_path / hub_id.rpartition("/")[2]
    made.mkdir(exist_ok=True)
    (made / "config.json").write_text(json.dumps({**config, "_name_or_path": hub_id}))
    return str(made)


def profile(source: str, **more: Any) -> Report:
    return answer(ProfileInputs(source=source, **more), Run())


def facts(report: Report) -> dict[str, Any]:
    return {fact.name: fact for fact in report.facts}


@pytest.mark.parametrize(
    ("config", "hub_id", "tokens", "gib", "full", "of"),
    [
        # 10 full layers × 131,072 tokens and 52 × 1,023 (the next token joins its window), of 2 × 16 heads × 128 in 16 bits.
        (released.GEMMA_3_27B, "google/gemma-3-27b-it", 131_072, (10 * 131_072 + 52 * 1023) * 4096 * 2 / 2**30, 10, 62),
        # 61 layers × (512 + 64) numbers a token in 16 bits.
        (released.DEEPSEEK_V3, "deepseek-ai/DeepSeek-V3", 163_840, 61 * 163_840 * 576 * 2 / 2**30, 61, 61),
    ],
)
def test_the_cache_at_the_stated_context(
    tmp_path: Path, config: dict[str, Any], hub_id: str, tokens: int, gib: float, full: int, of: int
) -> None:
    report = profile(folder(tmp_path, config, hub_id))
    assert facts(report)[f"cache at {tokens:,} tokens"].value == pytest.approx(gib)
    assert round(gib, 1) in (10.4, 10.7) and f"takes {gib:.1f} GiB of cache at {tokens:,} tokens" in report.verdict
    assert (report.data["full_layers"], report.data["layers"]) == (full, of)


def test_a_card_says_what_fit_and_speed_say_and_scores_as_published(tmp_path: Path) -> None:
    source = folder(tmp_path, released.LLAMA_31_8B, "meta-llama/Llama-3.1-8B-Instruct")
    report = profile(source, gpu="h100-sxm", context=32_768, batch=4)
    memory = fit(FitInputs(source=source, gpu="h100-sxm", context=32_768, batch=4), Run()).data
    rate = speed(SpeedInputs(source=source, gpu="h100-sxm", context=32_768, batch=4), Run()).data
    assert (
        report.data["total_bytes"] == memory["total_bytes"] and report.data["cache_bytes"] == memory["bytes"]["cache"]
    )
    assert report.data["longest_context_that_fits"] == memory["longest_context"]
    assert report.data["decode_tokens_per_second"] == rate["decode"]["tokens_per_second"]
    told = facts(report)
    assert told["RULER at 32K"].value == 87.4 and told["RULER at 32K"].interval is not None
    assert told["NoLiMa at 32K"].basis == "published" and report.verdict.endswith("RULER at 32K: 87.4 %.")
    assert "fits one H100 SXM up to" in report.verdict and "all 32 layers read every earlier token" in report.verdict
    assert any("no total score" in text for text in report.caveats)


def test_what_does_not_fit_has_no_speed_and_says_how_far_it_would_go(tmp_path: Path) -> None:
    source = folder(tmp_path, released.LLAMA_31_8B, "my/llama")
    report = profile(source, gpu="4090", context=131_072)
    assert "does not fit one RTX 4090 at 131,072 tokens" in report.verdict and "but fits up to" in report.verdict
    assert report.data["fits"] is False and report.data["decode_tokens_per_second"] is None
    assert "RULER at 128K: not known" in report.verdict and report.data["ruler"] == {"length": "128K", "score": None}
    # Memory alone says nothing of bandwidth.
    slow = facts(profile(source, gpu="24GiB", context=8192))["decoding, at most"]
    assert slow.value == "not known" and "bandwidth" in slow.note


def test_a_base_model_never_has_the_scores_of_its_instruct_model(tmp_path: Path) -> None:
    base = profile(folder(tmp_path, released.LLAMA_31_70B, "meta-llama/Llama-3.1-70B"))
    assert base.data["ruler"]["score"] is None and "another model" in facts(base)["RULER at 128K"].note


def test_bad_input_is_told_before_a_file_is_read() -> None:
    with pytest.raises(DomainError, match="4091"):
        profile("/nowhere", gpu="4091")
    with pytest.raises(InputError, match="`precision` is given and not read"):
        from_text(ProfileInputs, {"source": "x", "precision": "Q4_K_M"})


def test_compare_takes_the_same_columns(tmp_path: Path) -> None:
    sources = (
        folder(tmp_path, released.LLAMA_31_8B, "meta-llama/Llama-3.1-8B-Instruct"),
        folder(tmp_path, released.GEMMA_3_27B, "google/gemma-3-27b-it"),
    )
    report = compare(CompareInputs(sources=sources, gpu="4090"), Run())
    rows = {row[0]: row[1:] for table in report.tables for row in table.rows}
    alone = [profile(source, gpu="4090", context=131_072) for source in sources]
    assert rows["longest context that fits"][0] == f"{alone[0].data['longest_context_that_fits']:,} tokens"
    assert (
        rows["fits"] == ("no: the cache", "no: the weights") and rows["layers that read every token"][1] == "10 of 62"
    )
    assert report.data["cards"] == [one.data for one in alone] and "RULER at 128K" in rows
    assert "no fit on one RTX 4090" in report.verdict


def test_an_encoder_has_no_cache_and_no_score_at_length(tmp_path: Path) -> None:
    bert = {"model_type": "bert", "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
    report = profile(folder(tmp_path, {**bert, "architectures": ["BertModel"]}, "org/bert"))
    assert report.verdict == "bert is an encoder: it keeps no KV cache."
    assert [step.question for step in report.next_steps if not isinstance(step, str)] == ["fit", "files"]


def test_sliding_layers_alone_read_no_earlier_token_in_full(tmp_path: Path) -> None:
    report = profile(folder(tmp_path, released.MISTRAL_7B_V01, "mistralai/Mistral-7B-v0.1"))
    assert "none of its 32 layers reads every earlier token" in report.verdict
