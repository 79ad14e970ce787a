"""What each engine asks of a draft model's vocabulary, and what it does where that is not met, read in its source."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ropescope.checks.speculating.vocabularies import Difference, Words
from ropescope.errors import InputError
from ropescope.models.model import Model
from ropescope.questions.names import did_you_mean, shown

READ: Final = "2026-11-29"
LLAMA_MOST_APART: Final = 128
LLAMA_FIRST_COMPARED: Final = 5
"""SPEC_VOCAB_MAX_SIZE_DIFFERENCE and SPEC_VOCAB_CHECK_START_TOKEN_ID of llama.cpp's common/speculative.cpp."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether an engine takes a pair (None: what decides is not known), and what it does, in a sentence."""

    takes: bool | None
    says: str


@dataclass(frozen=True, slots=True)
class Rules:
    """An engine at a version: how it judges a pair, where that stands, how it keeps a draft's tokens by default (a mode of
    `quality.agreement`), the command that asks for it, and whether it runs GGUF files alone."""

    engine: str
    version: str
    source: str
    mode: str
    judge: Callable[[Words, Words, Difference], Ruling]
    command: Callable[[str, str, int], str]
    gguf: bool = False


def _sizes(apart: Difference) -> str:
    return " and ".join("unknown" if rows is None else f"{rows:,}" for rows in apart.rows)


def _by_size(apart: Difference, differs: Ruling, equal: str) -> Ruling:
    """Of an engine that compares vocab_size alone: what it does where it differs, and what is told where all is equal."""
    if apart.same_rows is None:
        return Ruling(None, "compares vocab_size, which is not known")
    if not apart.same_rows:
        return differs
    if apart.same_tokens is False:
        return Ruling(
            True, "vocab_size is equal, which is all it compares; but ids are other tokens, whose drafts are rejected"
        )
    return Ruling(True, equal)


def _vllm(target: Words, draft: Words, apart: Difference) -> Ruling:
    differs = (
        f"refuses: vocab_size differs ({_sizes(apart)}); use_heterogeneous_vocab drafts the shared tokens, greedily"
    )
    equal = f"vocab_size is equal ({_sizes(apart).partition(' ')[0]}), which is all it compares"
    return _by_size(apart, Ruling(False, differs), equal)


def _sglang(target: Words, draft: Words, apart: Difference) -> Ruling:
    if apart.same_rows is False:
        return Ruling(False, f"refuses: vocab_size differs ({_sizes(apart)})")
    if apart.same_tokens is False:
        return Ruling(False, "refuses: the tokenizers map tokens to other ids")
    if apart.same_rows is None or apart.same_tokens is None:
        return Ruling(None, "compares vocab_size and every id, which are not known")
    return Ruling(True, "vocab_size and every id are equal")


def _llama_cpp(target: Words, draft: Words, apart: Difference) -> Ruling:
    sizes = [_llama_rows(target), _llama_rows(draft)]
    if None not in sizes and abs(sizes[0] - sizes[1]) > LLAMA_MOST_APART:  # type: ignore[operator]
        return Ruling(False, f"refuses: {_sizes(apart)} tokens are more than {LLAMA_MOST_APART} apart")
    if target.table is None or draft.table is None or None in sizes or apart.conflicts is None:
        return Ruling(None, f"compares every id from {LLAMA_FIRST_COMPARED} on, which is not known")
    if "" not in (target.table.kind, draft.table.kind) and target.table.kind != draft.table.kind:
        return Ruling(False, f"refuses: the tokenizers are of other kinds ({target.table.kind} and {draft.table.kind})")
    for name in ("bos", "eos"):
        ours, theirs = target.table.adds.get(name), draft.table.adds.get(name)
        if None not in (ours, theirs) and (
            ours != theirs or (ours and target.special.get(name) != draft.special.get(name))
        ):
            return Ruling(False, f"refuses: {name} is added in one alone, or is another id")
    late = [index for index in apart.conflicts if index >= LLAMA_FIRST_COMPARED]
    if late:
        return Ruling(False, f"refuses: id {late[0]:,} is another token")
    return Ruling(True, f"ids are equal, and {_sizes(apart)} tokens are at most {LLAMA_MOST_APART} apart")


def _llama_rows(words: Words) -> int | None:
    """Tokens of a GGUF file: its converter pads the tokenizer's up to the rows of the output."""
    known = [rows for rows in (words.rows, None if words.table is None else len(words.table.tokens)) if rows]
    return max(known, default=None)


def _transformers(target: Words, draft: Words, apart: Difference) -> Ruling:
    differs = (
        f"vocab_size differs ({_sizes(apart)}): pass both tokenizers; tokens are translated, or text is encoded again"
    )
    return _by_size(
        apart, Ruling(True, differs), "vocab_size is equal, which is all it compares; one sequence at a time"
    )


def with_states(rules: Rules, ruling: Ruling, target: Model) -> Ruling:
    """`ruling`, where the target keeps a running state, which no rejected draft may stay in. transformers refuses every such model
    (`_is_stateful` in generation/utils.py; MiniMax is not marked so); of the other engines it was not read."""
    stateful = any(layer.kind in ("state-space", "recurrent", "linear") for layer in target.layers)
    if ruling.takes is False or not stateful or str(target.config.get("model_type", "")).startswith("minimax"):
        return ruling
    if rules.engine == "transformers":
        return Ruling(
            False, "refuses: the state of the target's recurrent layers cannot go back to before a rejected draft"
        )
    return Ruling(
        None, f"{ruling.says}; whether it takes rejected drafts out of the target's recurrent state is not known"
    )


def _vllm_command(target: str, draft: str, drafted: int) -> str:
    asked = {"method": "draft_model", "model": draft, "num_speculative_tokens": drafted}
    return f"vllm serve {shlex.quote(target)} --speculative-config {shlex.quote(json.dumps(asked))}"


RULES: Final = (
    Rules("vllm", "0.33.0", "vllm/config/speculative.py", "top", _vllm, _vllm_command),
    Rules(
        "sglang",
        "0.5.23",
        "sglang/srt/speculative/standalone_worker_v2.py",
        "",
        _sglang,
        lambda target, draft, drafted: (
            f"python -m sglang.launch_server --model-path {shlex.quote(target)} --speculative-algorithm STANDALONE "
            f"--speculative-draft-model-path {shlex.quote(draft)} --speculative-num-steps {drafted} "
            f"--speculative-eagle-topk 1 --speculative-num-draft-tokens {drafted + 1}"
        ),
    ),
    Rules(
        "llama.cpp",
        "0c1e57098",
        "common/speculative.cpp",
        "top",
        _llama_cpp,
        lambda target, draft, drafted: (
            f"llama-server -m {shlex.quote(target)} -md {shlex.quote(draft)} --spec-type draft-simple --spec-draft-n-max {drafted}"
        ),
        gguf=True,
    ),
    Rules(
        "transformers",
        "5.23.0",
        "transformers/generation/utils.py",
        "sampled",
        _transformers,
        lambda target, draft, drafted: (
            f"target.generate(**inputs, assistant_model=draft), with num_assistant_tokens {drafted}"
        ),
    ),
)


def rules_for(engine: str | None) -> tuple[Rules, ...]:
    """The rules of `engine` (name, or name@version), or of all. Raises InputError for one whose rules are not known here."""
    if engine is None:
        return RULES
    name, at, version = engine.strip().lower().partition("@")
    name = {"llamacpp": "llama.cpp", "llama-cpp": "llama.cpp", "hf": "transformers"}.get(name, name)
    found = {rules.engine: rules for rules in RULES}
    if name not in found:
        raise InputError(
            "engine", f"`engine` {shown(engine)} is none of {', '.join(found)}.{did_you_mean(name, found)}"
        )
    if at and version.removeprefix("v") != found[name].version:
        raise InputError(
            "engine",
            f"`engine` {engine!r}: the rules known here are of {name}@{found[name].version} (read {READ}); give that, or "
            f"{name} alone.",
        )
    return (found[name],)
