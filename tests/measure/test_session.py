"""Measuring a tiny model end to end: resumed, interrupted, refused, out of memory."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ropescope.measure.session as session
import ropescope.network.memory as memory
import ropescope.runs.journal as journal_module
from ropescope.errors import CaptureError, FormatError, MeasurementError
from ropescope.measure.instrument import Request, make_corpus, run
from ropescope.measure.protocol import FixedLength
from ropescope.measure.session import Plan, measure
from ropescope.measure.summary import summarise
from ropescope.network.loading.weights import Weights, load, with_random_weights

PLAN = Plan(FixedLength(length=128, rows=8), prompts=4)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def weights(tiny_folder: Path) -> Weights:
    return load(tiny_folder, dtype="float32")


def request(folder: Path, **changes: Any) -> Request:
    return Request(folder, plan=PLAN, corpus="random", dtype="float32", **changes)


def journal_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home").rglob("prompt-*"))


def test_same_request_same_result(tiny_folder: Path, tmp_path: Path) -> None:
    first, again = run(request(tiny_folder)), run(request(tiny_folder))
    assert dataclasses.replace(again.profile, provenance={}) == dataclasses.replace(first.profile, provenance={})
    assert first.summary.gamma == again.summary.gamma
    assert run(request(tiny_folder, seed=1)).profile != first.profile
    assert not journal_files(tmp_path)
    provenance = first.profile.provenance
    assert len(provenance["weights"]) == 64 and provenance["versions"]["torch"] == torch.__version__


@pytest.mark.parametrize("stop_after", [1, 3])
def test_interrupted_then_resumed_is_the_same(
    weights: Weights, tiny_folder: Path, tmp_path: Path, stop_after: int
) -> None:
    """Bit for bit."""
    corpus = make_corpus(request(tiny_folder), weights)
    whole = measure(weights, corpus, PLAN)

    def stop(done: int, *_: Any) -> None:
        if done == stop_after:
            raise KeyboardInterrupt

    part = measure(weights, corpus, PLAN, progress=stop)
    assert part.partial and part.n_prompts == stop_after and len(journal_files(tmp_path)) == stop_after
    np.testing.assert_array_equal(part.mass, whole.mass[:stop_after])

    passes = 0

    def count(*_: Any) -> None:
        nonlocal passes
        passes += 1

    hook = weights.network.register_forward_pre_hook(count)
    inner = weights.network.model.register_forward_pre_hook(count)
    resumed = measure(weights, corpus, PLAN, resume=True)
    hook.remove()
    inner.remove()
    assert passes == 4 - stop_after  # finished prompts are not run again
    assert not resumed.partial and not journal_files(tmp_path)
    assert dataclasses.replace(resumed, provenance={}) == dataclasses.replace(whole, provenance={})


def test_another_setting_never_meets_a_journal(weights: Weights, tiny_folder: Path, tmp_path: Path) -> None:
    def stop(done: int, *_: Any) -> None:
        if done == 1:
            raise KeyboardInterrupt

    corpus = make_corpus(request(tiny_folder), weights)
    measure(weights, corpus, PLAN, progress=stop)
    other = Plan(FixedLength(length=128, rows=9), prompts=4)
    resumed = measure(weights, corpus, other, resume=True)
    assert dataclasses.replace(resumed, provenance={}) == dataclasses.replace(
        measure(weights, corpus, other), provenance={}
    )
    assert len(journal_files(tmp_path)) == 1  # the interrupted one still waits


def test_a_damaged_journal_file_is_measured_again(weights: Weights, tiny_folder: Path, tmp_path: Path) -> None:
    def stop(done: int, *_: Any) -> None:
        if done == 2:
            raise KeyboardInterrupt

    corpus = make_corpus(request(tiny_folder), weights)
    measure(weights, corpus, PLAN, progress=stop)
    first, second = journal_files(tmp_path)
    first.write_bytes(b"PK\x03\x04 cut short")
    second.write_text('{"layers": [{"layer": 0}], "seconds": 1.0}')
    resumed = measure(weights, corpus, PLAN, resume=True)
    np.testing.assert_array_equal(resumed.mass, measure(weights, corpus, PLAN).mass)


def test_interrupted_before_anything_is_no_result(
    weights: Weights, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "prefill", stop)
    with pytest.raises(KeyboardInterrupt):
        measure(weights, make_corpus(request(tiny_folder), weights), PLAN)


def test_precision_adds_prompts_until_it_is_reached(weights: Weights, tiny_folder: Path) -> None:
    corpus = make_corpus(request(tiny_folder), weights)
    start = summarise(measure(weights, corpus, dataclasses.replace(PLAN, prompts=8)), resamples=1000).gamma.se
    assert start is not None
    target = start / 1.6
    reached = measure(weights, corpus, dataclasses.replace(PLAN, precision=target))
    se = summarise(reached, resamples=1000).gamma.se
    assert reached.n_prompts > 8 and se is not None and se <= target * 1.0001
    capped = measure(weights, corpus, dataclasses.replace(PLAN, precision=1e-6, max_prompts=10))
    assert capped.n_prompts == 10


def test_control_has_fresh_weights_and_the_same_prompts(tiny_folder: Path) -> None:
    outcome = run(request(tiny_folder, control="random-init"))
    assert outcome.control is not None and outcome.control_profile is not None
    assert outcome.control_profile.provenance["corpus_sha256"] == outcome.profile.provenance["corpus_sha256"]
    # Weights as transformers initialises them (std 0.02) attend evenly; the fixture's larger ones do not.
    assert outcome.control.gamma.value == pytest.approx(0.0, abs=0.01)
    assert np.log(96) < outcome.summary.entropy_nats + 0.1 < outcome.control.entropy_nats < np.log(128)


def test_control_is_repeatable(weights: Weights) -> None:
    first, again = with_random_weights(weights, 3).network, with_random_weights(weights, 3).network
    other = with_random_weights(weights, 4).network
    pairs = list(zip(first.parameters(), again.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert any(not torch.equal(a, c) for a, _, c in pairs)


def test_lengths_beyond_the_trained_context(weights: Weights, tiny_folder: Path) -> None:
    corpus = make_corpus(request(tiny_folder), weights)
    far = Plan(FixedLength(length=512, rows=8), prompts=1)
    with pytest.raises(
        MeasurementError, match=r"beyond the trained context of .* \(256, from max_position_embeddings\)"
    ):
        measure(weights, corpus, far)
    profile = measure(weights, corpus, dataclasses.replace(far, beyond_trained=True))
    assert profile.provenance["beyond_trained"] is True
    with pytest.raises(MeasurementError, match="2,050 tokens is beyond"):
        measure(weights, corpus, dataclasses.replace(PLAN, legacy_length=True))


def test_out_of_memory_names_a_length_that_fits(
    weights: Weights, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_corpus(request(tiny_folder), weights)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(session, "prefill", fail)
    with pytest.raises(
        MeasurementError, match=r"Out of memory at 128 tokens on cpu .*about 64 tokens would fit: `length` 64"
    ):
        measure(weights, corpus, PLAN)


def test_memory_is_refused_before_the_system_kills(
    weights: Weights, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_corpus(request(tiny_folder), weights)
    monkeypatch.setattr(memory, "available_bytes", lambda device: 100_000)
    with pytest.raises(MeasurementError, match="Out of memory at 128 tokens"):
        measure(weights, corpus, PLAN)


def test_an_absurd_length_is_refused_at_once(weights: Weights, tiny_folder: Path) -> None:
    corpus = make_corpus(request(tiny_folder), weights)
    with pytest.raises(MeasurementError, match=r"Out of memory at 99,999,999,999 tokens"):
        measure(weights, corpus, Plan(FixedLength(length=99_999_999_999), beyond_trained=True))


def test_a_full_disk_names_the_folder(weights: Weights, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = make_corpus(request(tiny_folder), weights)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal_module, "draft_of", full)
    with pytest.raises(MeasurementError, match=r"cannot be kept in .*No space left on device.*ROPESCOPE_HOME"):
        measure(weights, corpus, PLAN)


def test_text_needs_more_than_one_prompt_of_text(tiny_folder_with_tokenizer: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("only a few words")
    with pytest.raises(MeasurementError, match=r"short.txt gives 16 tokens: enough for 0 prompts of 128"):
        run(Request(tiny_folder_with_tokenizer, plan=PLAN, texts=(short,), dtype="float32"))
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(FormatError, match=r"empty.txt holds no text"):
        run(Request(tiny_folder_with_tokenizer, plan=PLAN, texts=(tmp_path / "empty.txt",), dtype="float32"))


def test_text_is_measured_with_its_tokenizer(tiny_folder_with_tokenizer: Path) -> None:
    outcome = run(Request(tiny_folder_with_tokenizer, plan=PLAN, dtype="float32"))
    assert outcome.profile.provenance["prefix"] == [1]
    assert "pydoc_data" in outcome.report().title


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("cut", "damaged or cut short"),
        ("remove", "no safetensors weights"),
        ("pickle", "no safetensors weights"),
        ("config", "max_position_embeddings|valid JSON"),
    ],
)
def test_damaged_sources_are_named(tiny_folder: Path, tmp_path: Path, damage: str, sentence: str) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    file = folder / "model.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    elif damage == "config":
        (folder / "config.json").write_text("{")
    else:
        file.unlink()
        if damage == "pickle":
            (folder / "pytorch_model.bin").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(Exception, match=sentence) as caught:
        load(folder)
    assert type(caught.value).__module__ == "ropescope.errors"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"corpus": "prose"}, "`corpus` must be"),
        ({"control": "untrained"}, "`control` must be random-init"),
        ({"resamples": 10}, "at least 1000"),
        ({"texts": (Path("a"),), "dataset": "b"}, "not both"),
        ({"texts": (Path("a"),), "corpus": "random"}, "uses no text"),
    ],
)
def test_bad_requests_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MeasurementError, match=sentence):
        Request("anything", **changes)


def test_a_folder_without_tokenizer_files_has_no_tokenizer(tmp_path: Path) -> None:
    # For GPT-2 transformers builds an empty tokenizer where there is none; random tokens must work all the same.
    from tiny_models import TINY, build

    build(next(tiny for tiny in TINY if tiny.model_type == "gpt2")).save_pretrained(tmp_path / "gpt2")
    weights = load(tmp_path / "gpt2", dtype="float32")
    assert weights.tokenizer is None
    assert run(request(tmp_path / "gpt2")).summary.n_prompts == 4
    far, corpus = (
        Plan(FixedLength(length=512, rows=8), beyond_trained=True),
        make_corpus(request(tmp_path / "gpt2"), weights),
    )
    with pytest.raises(MeasurementError, match=r"256 learned positions and cannot run at 512"):
        measure(weights, corpus, far)


def test_a_model_without_attention_says_so(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model("mamba", vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "mamba")
    with pytest.raises(CaptureError, match="no softmax attention layers"):
        run(request(tmp_path / "mamba"))


@pytest.mark.parametrize("model_type", ["jamba", "lfm2"])
def test_chunks_are_refused_where_a_state_would_be_lost(model_type: str, tmp_path: Path) -> None:
    from tiny_models import KEPT_IN_CACHES, TINY, build

    build(next(tiny for tiny in TINY if tiny.model_type == model_type)).save_pretrained(tmp_path / model_type)
    in_chunks = dataclasses.replace(request(tmp_path / model_type), plan=dataclasses.replace(PLAN, chunk_tokens=32))
    if model_type == "lfm2" and KEPT_IN_CACHES:
        assert run(in_chunks).profile.n_prompts == PLAN.prompts
        return
    with pytest.raises(MeasurementError, match=r"state-space|convolution.*leave `chunk` out"):
        run(in_chunks)


def test_layers_that_reach_nothing_are_no_error(tmp_path: Path) -> None:
    from tiny_models import TINY, build

    build(next(tiny for tiny in TINY if tiny.model_type == "llama4_text")).save_pretrained(tmp_path / "llama4")
    outcome = run(request(tmp_path / "llama4"))
    assert outcome.summary.gamma.value is None and "no exponent" in outcome.report().verdict
    assert not any("0 layers" in caveat for caveat in outcome.report().caveats)
