"""What can be asked of an evaluation of longer contexts."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.errors import ExtendError, InputError
from ropescope.extend.evaluate.tasks import TASKS as GENERATED
from ropescope.quality.planting import KEYS_PER_CONTEXT, TASKS, Task
from ropescope.questions.domains import Choice, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import ListOf, Text, Tokens
from ropescope.questions.shared import Loading, OnCluster, OneModel, OwnText, Resumable


@dataclass(frozen=True, kw_only=True)
class EvaluateInputs(OneModel, OwnText, Loading, Resumable, OnCluster):
    """What to evaluate. lengths: by default half the trained length, the trained one, halfway to the target, the target."""

    to: int = asked(Tokens(least=2), "Target length in tokens, as 16384 or 16k (16,384).")
    methods: tuple[str, ...] = asked(
        ListOf(Text()),
        "none, linear, ntk, dynamic, yarn, llama3, alpha, rerope, auto; with options: yarn@factor=4, alpha@alpha=4; a "
        "saved plan (plan.json); or truncated: no scaling, only the last tokens.",
        default=("none", "truncated", "ntk", "yarn"),
    )
    trained: int | None = asked(
        Tokens(least=2), "Trained length in tokens, if the files do not state it.", default=None
    )
    texts: int = asked(Whole(0, 10_000), "Texts of each kind (prose, code, tables); 0: measure no loss.", default=2)
    band: int = asked(Tokens(least=2), "Positions per mean loss.", default=2048, only_with=("texts",))
    questions: int = asked(
        Whole(0, 10_000), "Planted facts to ask for, per depth (five) and length; 0: none.", default=0
    )
    retrieval: tuple[Task, ...] = asked(
        ListOf(Choice(TASKS)),
        "Retrieval tasks: passkey, multi-key, key-value.",
        default=("passkey",),
        only_with=("questions",),
    )
    keys_per_context: int = asked(
        Whole(1, 1000),
        "Facts per context. More facts take less time, and are easier to confuse.",
        default=KEYS_PER_CONTEXT,
    )
    lengths: tuple[int, ...] = asked(
        ListOf(Tokens(least=2)),
        "Context lengths for facts and tasks; default: four up to the target.",
        default=(),
        only_with=("questions", "tasks"),
    )
    tasks: tuple[str, ...] = asked(
        ListOf(Choice((*GENERATED, "all"))),
        "Generated tasks, RULER style: niah-single, niah-multikey, niah-multivalue, variable-tracking, common-words; "
        "or all.",
        default=(),
    )
    samples: int = asked(Whole(1, 10_000), "Samples per generated task and length.", default=5, only_with=("tasks",))

    @property
    def most_pieces(self) -> int:
        """Texts, contexts and samples under each method: no more workers than these have something to do."""
        asked = 5 * self.questions * len(self.retrieval) + self.samples * len(self.tasks)
        return (6 * self.texts + (len(self.lengths) or 4) * asked) * len(self.methods)

    def __post_init__(self) -> None:
        """Raises ExtendError where there is nothing to score."""
        if "all" in self.tasks:
            object.__setattr__(self, "tasks", tuple(GENERATED))
        if self.text and not self.texts:
            raise InputError("text", "`text` is not read when `texts` is 0: raise `texts`, or remove `text`.")
        if not (self.texts or self.questions or self.tasks):
            raise ExtendError("There is nothing to score: give `texts`, `questions` or `tasks`.")


def asked_lengths(inputs: EvaluateInputs, trained: int) -> tuple[int, ...]:
    """The lengths at which facts and tasks are tried. Raises ExtendError for one beyond the target."""
    lengths = inputs.lengths or default_lengths(trained, inputs.to)
    if max(lengths) > inputs.to:
        raise ExtendError(
            f"`lengths` may reach the target of {inputs.to:,} tokens, and {max(lengths):,} is more: give shorter ones."
        )
    return lengths


def default_lengths(trained: int, target: int) -> tuple[int, ...]:
    """Half the trained length, all of it, halfway from there to the target, the target; in multiples of 64."""
    wanted = (trained // 2, trained, (trained + target) // 2)
    return tuple(sorted({*(length // 64 * 64 for length in wanted if 64 <= length < target), target}))
