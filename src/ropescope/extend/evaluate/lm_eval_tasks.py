"""lm-eval's tasks on a model whose context was extended, for those who have its data (or let it download some).

lm-eval is EleutherAI's lm-evaluation-harness; it is imported when it is asked for. Its own long-context tasks are ruler (which
it generates, and needs `wonderwords` and `nltk` for), longbench, babilong, scrolls and others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropescope.errors import ExtendError, MissingExtraError, SourceError
from ropescope.extend.evaluate.candidates import Candidate
from ropescope.network.loading.weights import Weights


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that lm-eval reports of a task under a method. standard_error: None where lm-eval gives none."""

    task: str
    method: str
    name: str
    value: float
    standard_error: float | None


def run_tasks(
    weights: Weights,
    candidates: Sequence[Candidate],
    tasks: Sequence[str],
    *,
    limit: int | None = None,
    lengths: Sequence[int] = (),
    folder: Path | None = None,
) -> list[Metric]:
    """What lm-eval reports of each task under each candidate, at the candidate's target length.

    limit: samples of each task, all without. lengths: `max_seq_lengths` for the tasks that are generated, as ruler is.
    folder: where further task files (YAML) lie. Raises MissingExtraError without lm-eval, ExtendError where it fails.
    """
    try:
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise MissingExtraError(
            f"lm-eval's tasks need {error.name or 'lm-eval'}, which is not installed: pip install 'ropescope[lm-eval]'."
        ) from error
    if weights.tokenizer is None:
        raise SourceError(f"{weights.source.name} comes without a tokenizer, so lm-eval cannot ask it anything.")
    manager = TaskManager(include_path=None if folder is None else str(folder))
    metadata: dict[str, Any] = {"tokenizer": weights.tokenizer.name_or_path}
    if lengths:
        metadata["max_seq_lengths"] = list(lengths)
    found: list[Metric] = []
    for candidate in candidates:
        with candidate.plan.applied(weights.network) as network:
            model = HFLM(
                pretrained=network,
                tokenizer=weights.tokenizer,
                max_length=candidate.plan.target_length,
                batch_size=1,
                device=str(network.device),
            )
            try:
                result: Any = simple_evaluate(
                    model,
                    tasks=list(tasks),
                    limit=limit,
                    task_manager=manager,
                    metadata=metadata,
                    log_samples=False,
                    bootstrap_iters=1000,
                )
            except Exception as error:  # lm-eval raises many kinds; the user needs one sentence
                raise ExtendError(f"lm-eval failed on {', '.join(tasks)}: {_short(error)}") from error
        found += _metrics(candidate.name, result["results"])
    return found


def _metrics(method: str, results: dict[str, dict[str, Any]]) -> list[Metric]:
    """lm-eval names a number "acc,none" and its error "acc_stderr,none"; ruler has −1 for lengths that were not run."""
    found = []
    for task, numbers in results.items():
        for key, value in numbers.items():
            name, _, filtered = key.partition(",")
            if not filtered or name.endswith("_stderr") or not isinstance(value, int | float) or value == -1:
                continue
            error = numbers.get(f"{name}_stderr,{filtered}")
            found.append(
                Metric(task, method, name, float(value), float(error) if isinstance(error, int | float) else None)
            )
    return found


def _short(error: Exception, limit: int = 240) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
