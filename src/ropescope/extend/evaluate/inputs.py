"""What can be asked of an evaluation of longer contexts."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.errors import ExtendError, InputError
from ropescope.extend.evaluate.tasks import TASKS as GENERATED
from ropescope.quality.planting import KEYS_PER_CONTEXT, TASKS, Task
from ropescope.questions.domains import Choice, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import ListOf, Text, Tokens
from ropescope.questions.shared import Loading, OneModel, OwnText, Resumable


@dataclass(frozen=True, kw_only=True)
class EvaluateInputs(OneModel, OwnText, Loading, Resumable):
    """What to evaluate. lengths: by default half the trained length, the trained one, halfway to the target, the target."""

    to: int = asked(Tokens(least=2), "Tokens to read, as 16384 or 16k (16,384).")
    methods: tuple[str, ...] = asked(
        ListOf(Text()),
        "none, linear, ntk, dynamic, yarn, llama3, alpha, rerope, auto; with options as yarn@factor=4 or alpha@alpha=4; "
        "a saved plan (plan.json); or truncated: unscaled, shown the last tokens alone.",
        default=("none", "truncated", "ntk", "yarn"),
    )
    trained: int | None = asked(Tokens(least=2), "Tokens it was trained at, where the files do not say.", default=None)
    texts: int = asked(Whole(0, 10_000), "Texts of each kind (prose, code, tables); 0: no loss.", default=2)
    band: int = asked(Tokens(least=2), "Positions that a mean loss is taken over.", default=2048, only_with=("texts",))
    questions: int = asked(
        Whole(0, 10_000), "Planted facts asked for at each of five depths and each length; 0: none.", default=0
    )
    retrieval: tuple[Task, ...] = asked(
        ListOf(Choice(TASKS)),
        "How facts are asked for: passkey, multi-key, key-value.",
        default=("passkey",),
        only_with=("questions",),
    )
    keys_per_context: int = asked(
        Whole(1, 1000),
        "Facts that share a text; more cost less, and have more to be confused with.",
        default=KEYS_PER_CONTEXT,
    )
    lengths: tuple[int, ...] = asked(
        ListOf(Tokens(least=2)),
        "Where facts and tasks are tried; default: four up to the target.",
        default=(),
        only_with=("questions", "tasks"),
    )
    tasks: tuple[str, ...] = asked(
        ListOf(Choice((*GENERATED, "all"))),
        "Generated tasks in the manner of RULER: niah-single, niah-multikey, niah-multivalue, variable-tracking, "
        "common-words; or all.",
        default=(),
    )
    samples: int = asked(
        Whole(1, 10_000), "Samples of each generated task at each length.", default=5, only_with=("tasks",)
    )

    def __post_init__(self) -> None:
        """Raises ExtendError where there is nothing to score."""
        if "all" in self.tasks:
            object.__setattr__(self, "tasks", tuple(GENERATED))
        if self.text and not self.texts:
            raise InputError("text", "`text` is given and not read: it goes with `texts` above 0.")
        if not (self.texts or self.questions or self.tasks):
            raise ExtendError("Nothing is to be scored: give `texts`, `questions` or `tasks`.")


def asked_lengths(inputs: EvaluateInputs, trained: int) -> tuple[int, ...]:
    """The lengths at which facts and tasks are tried. Raises ExtendError for one beyond the target."""
    lengths = inputs.lengths or default_lengths(trained, inputs.to)
    if max(lengths) > inputs.to:
        raise ExtendError(f"Facts are asked for at up to {inputs.to:,} tokens, the target; {max(lengths):,} is more.")
    return lengths


def default_lengths(trained: int, target: int) -> tuple[int, ...]:
    """Half the trained length, all of it, halfway from there to the target, the target; in multiples of 64."""
    wanted = (trained // 2, trained, (trained + target) // 2)
    return tuple(sorted({*(length // 64 * 64 for length in wanted if 64 <= length < target), target}))
