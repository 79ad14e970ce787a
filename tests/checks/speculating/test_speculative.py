"""Speculative decoding: the formula by hand, what each engine does with a pair, and the acceptance of weights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import released_configs as released

from ropescope.checks.serving.engines.engine import find_engine, read_flags
from ropescope.checks.speculating.costs import cost_ratio
from ropescope.checks.speculating.engines import RULES
from ropescope.checks.speculating.heads import built_in, head_kind
from ropescope.checks.speculating.speculative import SpeculativeInputs
from ropescope.checks.speculating.speedup import best_drafted, break_even, expected_tokens, speedup, tokens_of
from ropescope.errors import EvaluationError, InputError
from ropescope.models.opening import open as open_model
from ropescope.models.source import resolve
from ropescope.models.token_table import token_table
from ropescope.questions.registry import find
from ropescope.report.report import Report

WORDS = [f"w{index}" for index in range(50)]


def ask(**inputs: Any) -> Report:
    return find("speculative").ask(SpeculativeInputs(**inputs))


def folder(path: Path, rows: int, words: list[str] = WORDS, **config: Any) -> str:
    """A model's config and tokenizer."""
    path.mkdir()
    tokens = {
        "added_tokens": [{"id": len(words), "content": "<|endoftext|>"}],
        "normalizer": None,
        "model": {"type": "BPE", "vocab": {word: index for index, word in enumerate(words)}, "merges": []},
    }
    (path / "tokenizer.json").write_text(json.dumps(tokens))
    (path / "config.json").write_text(json.dumps({**released.QWEN25_7B, "vocab_size": rows, **config}))
    return str(path)


def takes(report: Report) -> dict[str, bool | None]:
    return {one["engine"]: one["takes"] for one in report.data["engines"]}


def test_the_formula_by_hand() -> None:
    """(1 − 0.8⁶)/0.2 = 3.68928 tokens, over 1.5 steps; (1 − 0.3⁶)/0.7 over 2."""
    assert expected_tokens(0.8, 5) == pytest.approx(3.68928) and speedup(0.8, 5, 0.1) == pytest.approx(2.45952)
    assert speedup(0.3, 5, 0.2) == pytest.approx(0.71376, abs=5e-5)
    assert expected_tokens(1.0, 5) == 6 and expected_tokens(0.0, 5) == 1
    assert tokens_of([0.8, 0.64, 0.512], 2) == pytest.approx(expected_tokens(0.8, 2))


@pytest.mark.parametrize("drafted", [1, 5, 16])
@pytest.mark.parametrize("cost", [0.01, 0.2, 0.9])
def test_at_the_break_even_nothing_is_gained(drafted: int, cost: float) -> None:
    alpha = break_even(drafted, cost)
    assert alpha is not None and speedup(alpha, drafted, cost) == pytest.approx(1)
    assert drafted > 1 or alpha == pytest.approx(cost)  # 1 + α = 1 + c
    assert break_even(drafted, 1.0) is None


def test_the_best_length_of_draft() -> None:
    assert best_drafted(0.8, 0.1) == max(range(1, 65), key=lambda k: speedup(0.8, k, 0.1)) == 6
    assert best_drafted(0.0, 0.1) == 1


def test_without_models_the_formula_alone() -> None:
    assert ask(acceptance=(0.8,), k=5, cost=0.1).verdict == "3.69 tokens a step, × 2.46 (α 0.8, k 5, c 0.1)."
    slower = ask(acceptance=(0.3,), k=5, cost=0.2)
    assert slower.verdict.startswith("Slower: × 0.71") and slower.holds is False
    assert ask(k=5, cost=0.1).verdict == "It pays from α 0.33 on (k 5, c 0.1)."
    assert "undecided: × 0.71 to × 1.84" in ask(acceptance=(0.3, 0.8), k=5, cost=0.2).verdict.lower()


def test_padding_that_differs_stops_some_engines(tmp_path: Path) -> None:
    """Qwen2.5's rows: 152,064 and 151,936, 128 apart, with the same tokens."""
    pair = {"target": folder(tmp_path / "large", 152_064), "draft": folder(tmp_path / "small", 151_936)}
    report = ask(**pair, cost=0.1)
    assert takes(report) == {"vllm": False, "sglang": False, "llama.cpp": True, "transformers": True}
    assert "in llama.cpp and transformers, not in vllm and sglang" in report.verdict and report.holds is True
    refused = ask(**pair, cost=0.1, engine="vllm")
    assert "vocab_size differs (152,064 and 151,936)" in refused.verdict and refused.holds is False
    wider = ask(target=pair["target"], draft=folder(tmp_path / "smaller", 151_935), cost=0.1)
    assert takes(wider)["llama.cpp"] is False  # 129 apart


def test_equal_vocabularies_are_taken_by_all_and_one_other_token_by_fewer(tmp_path: Path) -> None:
    target = folder(tmp_path / "target", 64)
    report = ask(target=target, draft=folder(tmp_path / "same", 64), cost=0.1)
    assert set(takes(report).values()) == {True} and report.data["vocabularies"]["same"] == 51
    late = ask(target=target, draft=folder(tmp_path / "late", 64, [*WORDS[:-1], "other"]), cost=0.1)
    assert takes(late) == {"vllm": True, "sglang": False, "llama.cpp": False, "transformers": True}
    early = ask(target=target, draft=folder(tmp_path / "early", 64, ["other", *WORDS[1:]]), cost=0.1)
    assert takes(early)["llama.cpp"] is True  # it compares from id 5 on


def test_where_most_ids_are_other_tokens_nothing_is_gained_anywhere(tmp_path: Path) -> None:
    foreign = folder(tmp_path / "foreign", 64, [f"v{index}" for index in range(50)])
    report = ask(target=folder(tmp_path / "target", 64), draft=foreign, cost=0.1)
    assert "cannot draft for target: of 51 ids, 50 are other tokens (id 0 is 'w0' and 'v0')" in report.verdict
    assert report.holds is False
    with pytest.raises(EvaluationError, match="id 0 is 'w0' and 'v0'"):
        ask(target=str(tmp_path / "target"), draft=foreign, measure=True)


def test_without_tokenizers_the_sizes_decide_where_they_can(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder(tmp_path / name, 64)
        (tmp_path / name / "tokenizer.json").unlink()
    report = ask(target=str(tmp_path / "a"), draft=str(tmp_path / "b"), cost=0.1)
    assert takes(report) == {"vllm": True, "sglang": None, "llama.cpp": None, "transformers": True}


def test_a_gguf_file_and_its_checkpoint_have_the_same_tokens(tmp_path: Path) -> None:
    import gguf

    source = folder(tmp_path / "folder", 51)
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "qwen2")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*WORDS, "<|endoftext|>"])
    writer.add_token_types([1] * 50 + [3])
    writer.add_add_bos_token(False)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.close):
        write()
    ours, theirs = (token_table(resolve(one)) for one in (source, tmp_path / "m.gguf"))
    assert ours is not None and theirs is not None
    assert ours.tokens == theirs.tokens and ours.added == theirs.added == {50} and ours.kind == theirs.kind == "BPE"
    assert theirs.adds == {"bos": False}


def test_heads_that_a_config_names() -> None:
    assert built_in(open_model(released.DEEPSEEK_V3)) == "1 layer for multi-token prediction (num_nextn_predict_layers)"
    assert built_in(open_model(released.LLAMA_31_8B)) == ""
    assert head_kind({"architectures": ["LlamaForCausalLMEagle3"], "draft_vocab_size": 32_000}) == "EAGLE-3"
    assert head_kind({"model_type": "medusa"}) == "Medusa" and head_kind(released.LLAMA_31_8B) == ""


def test_the_cost_ratio_is_that_of_the_bytes_read(tmp_path: Path) -> None:
    """The same model against itself: 1; on a device the same, for both wait for memory."""
    model = open_model(folder(tmp_path / "m", 152_064))
    for gpu in (None, "h100-sxm"):
        assert cost_ratio(model, model, gpu, 4096).value == pytest.approx(1)
    half = open_model(folder(tmp_path / "half", 152_064, num_hidden_layers=14))
    ratio = cost_ratio(model, half, None, 1)
    assert ratio.value == pytest.approx(0.54, abs=0.02)  # half of the layers, and the whole of the output


def test_inputs_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputError, match=re.escape("of vllm@0.33.0")):
        SpeculativeInputs(target="a/b", draft="a/c", engine="vllm@0.9")
    with pytest.raises(InputError, match="Did you mean vllm"):
        SpeculativeInputs(target="a/b", engine="vlm")
    with pytest.raises(InputError, match="`texts` is given and not read"):
        SpeculativeInputs(target="a/b", draft="a/c", texts=2)
    with pytest.raises(InputError, match="`target` is missing"):
        SpeculativeInputs(acceptance=(0.5,))


def test_rules_and_commands_are_of_the_versions_whose_flags_are_known() -> None:
    """A version that changes here and not there asks for the rules to be read again in the new source."""
    for rules in RULES:
        assert rules.version in find_engine(rules.engine).version
        flags = set(re.findall(r"(?<!\S)--?[a-z][\w-]*", rules.command("t", "d", 5))) - {"-m"}
        assert flags <= set(read_flags()[rules.engine]["flags"])


def test_transformers_does_what_the_rules_say(tiny_folder: Path) -> None:
    """The peer itself: a draft of another vocab_size is refused without both tokenizers, one of the same size runs."""
    import torch
    from transformers import AutoModelForCausalLM

    target = AutoModelForCausalLM.from_pretrained(tiny_folder)
    wider = AutoModelForCausalLM.from_pretrained(tiny_folder)
    ids = torch.tensor([[1, 5, 9]])
    wider.resize_token_embeddings(320, mean_resizing=False)
    with pytest.raises(ValueError, match="different tokenizers"):
        target.generate(ids, assistant_model=wider, max_new_tokens=2)
    drafted = target.generate(ids, assistant_model=AutoModelForCausalLM.from_pretrained(tiny_folder), max_new_tokens=8)
    assert drafted.tolist() == target.generate(ids, max_new_tokens=8).tolist()


MEASURED = {"measure": True, "length": 48, "texts": 1, "dtype": "float32", "device": "cpu", "cost": 0.1}


def test_a_model_keeps_all_that_it_drafts_itself(tiny_folder_with_tokenizer: Path) -> None:
    tiny = str(tiny_folder_with_tokenizer)
    report = ask(target=tiny, draft=tiny, **MEASURED)
    found = {one["mode"]: one["value"] for one in report.data["acceptances"]}
    assert found["sampled"] == found["greedy"] == 1 > found["top"]
    assert "6.00 tokens a step, × 4.00 (α 1, k 5, c 0.1)" in report.verdict
    # vLLM drafts the likeliest token by default, which is not always the one that is drawn.
    assert f"α {found['top']:.3g}" in ask(target=tiny, draft=tiny, engine="vllm", **MEASURED).verdict


def test_a_coarser_draft_keeps_less(tiny_folder_with_tokenizer: Path, tmp_path: Path) -> None:
    import shutil

    from ropescope.network.loading.weights import load
    from ropescope.network.rounding import rounded

    shutil.copytree(tiny_folder_with_tokenizer, tmp_path / "coarse")
    coarse = rounded(load(tiny_folder_with_tokenizer, dtype="float32", device="cpu"), "2 bits", dtype="float32")
    coarse.network.save_pretrained(tmp_path / "coarse")
    report = ask(target=str(tiny_folder_with_tokenizer), draft=str(tmp_path / "coarse"), **MEASURED)
    sampled = report.data["acceptances"][0]
    assert sampled["mode"] == "sampled" and 0.1 < sampled["low"] < sampled["value"] < sampled["high"] < 0.95


def test_an_encoder_drafts_nothing_and_a_running_state_takes_no_drafts_in_transformers(tmp_path: Path) -> None:
    words = folder(tmp_path / "words", 64)
    encoder = folder(tmp_path / "encoder", 64, model_type="bert", architectures=["BertModel"])
    with pytest.raises(InputError, match="`draft` encoder is an encoder, which generates no tokens"):
        ask(target=words, draft=encoder)
    hybrid = tmp_path / "hybrid"
    hybrid.mkdir()
    (hybrid / "config.json").write_text(json.dumps({**released.QWEN3_NEXT_80B_A3B, "vocab_size": 64}))
    engines = {row[0].split()[0]: row[1] for row in ask(target=str(hybrid), draft=words).tables[0].rows}
    assert engines["transformers"] == "no" and engines["vllm"] == "not known"
