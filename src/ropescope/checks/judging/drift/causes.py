"""What differs between two runs besides their scores: prompts, answers, and every setting that the results files record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ropescope.checks.judging.drift.logs import INVALID, arguments_of
from ropescope.checks.judging.drift.pairing import TaskPair
from ropescope.checks.judging.drift.runs import LoggedRun

_NONE: Final = "none"
_SHOWN: Final = 90
_AROUND: Final = 60

KINDS: Final = ("model", "prompt", "answers", "generation", "scoring", "number type", "software", "run")
"""What a difference changes, the plainest cause of a gap first."""

_TOP: Final[Mapping[str, str]] = {
    "model_source": "model",
    "chat_template_sha": "prompt",
    "system_instruction": "prompt",
    "fewshot_as_multiturn": "prompt",
    "max_length": "prompt",
    "tokenizer_bos_token": "prompt",
    "tokenizer_eos_token": "generation",
    "eot_token_id": "generation",
    "lm_eval_version": "software",
    "transformers_version": "software",
    "git_hash": "software",
}
_CONFIG: Final[Mapping[str, str]] = {
    "model": "model",
    "model_num_parameters": "model",
    "model_revision": "model",
    "model_sha": "model",
    "peft_sha": "model",
    "delta_sha": "model",
    "model_dtype": "number type",
    "gen_kwargs": "generation",
    "fewshot_seed": "prompt",
    "limit": "run",
    "batch_size": "run",
    "device": "run",
    "use_cache": "run",
    "random_seed": "run",
    "numpy_seed": "run",
    "torch_seed": "run",
}
_MODEL_ARGS: Final[Mapping[str, str]] = {
    **dict.fromkeys("pretrained peft delta revision model subfolder gguf_file base_url".split(), "model"),
    **dict.fromkeys("tokenizer add_bos_token prefix_token_id max_length max_model_len truncation".split(), "prompt"),
    **dict.fromkeys("enable_thinking chat_template_args chat_template".split(), "prompt"),
    **dict.fromkeys("think_end_token max_gen_toks temperature".split(), "generation"),
    **dict.fromkeys(
        "dtype load_in_4bit load_in_8bit quantization autogptq gptqmodel kv_cache_dtype".split(), "number type"
    ),
}
_TASK: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        "doc_to_text doc_to_choice description fewshot_delimiter target_delimiter num_fewshot".split(), "prompt"
    ),
    **dict.fromkeys("fewshot_split fewshot_config gen_prefix use_prompt process_docs".split(), "prompt"),
    **dict.fromkeys("dataset_path dataset_name dataset_kwargs test_split validation_split".split(), "prompt"),
    **dict.fromkeys("generation_kwargs repeats output_type".split(), "generation"),
    **dict.fromkeys("doc_to_target filter_list metric_list process_results should_decontaminate".split(), "scoring"),
}


class Cause(NamedTuple):
    """One thing that differs, as each run has it, and what it changes (one of `KINDS`)."""

    field: str
    first: str
    second: str
    kind: str


def causes(tasks: Sequence[TaskPair], first: LoggedRun, second: LoggedRun) -> list[Cause]:
    """Everything that differs, once each, in the order of `KINDS`."""
    found: dict[Cause, None] = {}
    for task in tasks:
        settings = [
            dict(_settings(run.results[log.task], task.task))
            for run, log in ((first, task.first), (second, task.second))
        ]
        if all(settings):
            for name in dict.fromkeys((*settings[0], *settings[1])):
                a, b = (_said(one[name][1]) if name in one else _NONE for one in settings)
                if a != b:
                    kind = next(one[name][0] for one in settings if name in one)
                    found[Cause(name, *_apart(a, b), kind)] = None
    if not any(cause.kind == "generation" for cause in found):
        found |= dict.fromkeys(_of_generation(tasks))
    return sorted([*found, *_of_prompts(tasks), *_of_answers(tasks)], key=lambda cause: KINDS.index(cause.kind))


def prompt_sentence(tasks: Sequence[TaskPair], found: Sequence[Cause]) -> str:
    """In how many documents the prompts differ, and why if the settings tell; "" where they are the same."""
    other, n = (
        sum(len(each) for each in lists) for lists in zip(*((t.other_prompts, t.pairs) for t in tasks), strict=True)
    )
    if not other:
        return ""
    by_field = {cause.field: cause for cause in found}
    why = ""
    if (template := by_field.get("chat_template_sha")) is not None:
        with_one = [word for word, value in (("first", template.first), ("second", template.second)) if value != _NONE]
        why = (
            "the chat templates differ" if len(with_one) == 2 else f"only the {with_one[0]} run applies a chat template"
        )
    elif (shots := by_field.get("num_fewshot")) is not None:
        why = f"{shots.first} few-shot examples against {shots.second}"
    elif named := [
        cause.field for cause in found if cause.kind == "prompt" and not cause.field.startswith("prompt of")
    ]:
        why = f"{', '.join(named[:3])} differ{'s' if len(named) == 1 else ''}"
    share = f"all {n:,} documents" if other == n else f"{other:,} of {n:,} documents"
    return f"The prompts differ in {share}" + (f": {why}." if why else ".")


def _settings(results: Mapping[str, Any], task: str) -> Iterator[tuple[str, tuple[str, Any]]]:
    """(name, (what it changes, value)) of every setting that a results file records for a task."""
    if not isinstance(results.get("config"), Mapping):
        return
    config: Mapping[str, Any] = results["config"]
    for name, kind in _TOP.items():
        if name in results:
            yield name, (kind, results[name])
    for name, kind in _CONFIG.items():
        if name in config:
            yield name, (kind, config[name])
    for name, value in _arguments(config.get("model_args")).items():
        yield f"model_args.{name}", (_MODEL_ARGS.get(name, "run"), value)
    own = results.get("configs", {})
    own = own.get(task, {}) if isinstance(own, Mapping) else {}
    for name, value in own.items() if isinstance(own, Mapping) else ():
        if name in _TASK:
            yield name, (_TASK[name], value)
    for name, table in (("version of the task", "versions"), ("num_fewshot", "n-shot")):
        if isinstance(results.get(table), Mapping) and task in results[table]:
            yield name, ("scoring" if table == "versions" else "prompt", results[table][task])
    told = results.get("pretty_env_info")
    for line in re.findall(
        r"^(PyTorch version|CUDA runtime version|GPU[^:]*): (.+)$", told if isinstance(told, str) else "", re.M
    ):
        yield line[0], ("run" if line[0].startswith("GPU") else "software", line[1])


def _arguments(given: Any) -> dict[str, Any]:
    """`model_args`, which is text (a=b,c=d) up to version 0.4.9 and an object since."""
    if isinstance(given, Mapping):
        return {str(name): value for name, value in given.items()}
    if not isinstance(given, str):
        return {}
    return {
        name.strip(): value.strip()
        for name, _, value in (part.partition("=") for part in given.split(","))
        if name.strip()
    }


def _of_prompts(tasks: Sequence[TaskPair]) -> Iterator[Cause]:
    """How the first prompt that differs does."""
    for task in tasks:
        for a, b in task.other_prompts[:1]:
            before, after = arguments_of(task.first, a).get("arg_0"), arguments_of(task.second, b).get("arg_0")
            if isinstance(before, str) and isinstance(after, str) and before != after:
                shown = _excerpts(before, after)
                yield Cause(f"prompt of document {a.doc_id}", shown[0], shown[1], "prompt")
                return


def _of_generation(tasks: Sequence[TaskPair]) -> Iterator[Cause]:
    """How answers were generated, as the logs themselves say it."""
    for task in tasks:
        a, b = task.pairs[0]
        asked = [arguments_of(log, row).get("arg_1") for log, row in ((task.first, a), (task.second, b))]
        if asked[0] != asked[1] and all(isinstance(one, dict) for one in asked):
            yield Cause("generation_kwargs", *_apart(_said(asked[0]), _said(asked[1])), "generation")


def _of_answers(tasks: Sequence[TaskPair]) -> Iterator[Cause]:
    """Answers that a filter could not read: a format that one run keeps and the other does not."""
    for task in tasks:
        for name, documents in task.documents.items():
            counts = [sum(pair[at].answer == INVALID for rows in documents for pair in rows) for at in (0, 1)]
            if counts[0] != counts[1]:
                what = f"{task.task}: answers that {name or 'the filter'} cannot read"
                yield Cause(what, f"{counts[0]:,}", f"{counts[1]:,}", "answers")


def _excerpts(first: str, second: str) -> tuple[str, str]:
    """Both prompts from where they begin to differ."""
    at = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))
    begin = max(0, at - _AROUND // 4)
    shown = [
        "…" * (begin > 0) + text[begin : begin + _AROUND] + "…" * (len(text) > begin + _AROUND)
        for text in (first, second)
    ]
    return (f"{len(first):,} characters: {shown[0]!r}", f"{len(second):,} characters: {shown[1]!r}")


def _said(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return _NONE
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _apart(first: str, second: str) -> tuple[str, str]:
    """Both texts short, from where they begin to differ if they are long."""
    if max(len(first), len(second)) <= _SHOWN:
        return (first[:12], second[:12]) if all(_is_hash(one) for one in (first, second)) else (first, second)
    at = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    begin = max(0, at - _SHOWN // 3)
    return (_cut(first, begin), _cut(second, begin))


def _is_hash(text: str) -> bool:
    return text == _NONE or re.fullmatch(r"[0-9a-f]{32,64}", text) is not None


def _cut(text: str, begin: int) -> str:
    if _is_hash(text):
        return text[:12]
    return "…" * (begin > 0) + text[begin : begin + _SHOWN] + "…" * (len(text) > begin + _SHOWN)
