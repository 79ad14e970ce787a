"""What to evaluate, checked as far as arguments and files tell, before torch is imported and weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ropescope.errors import ExtendError
from ropescope.extend.evaluate.candidates import candidates
from ropescope.extend.evaluate.tasks import TASKS as GENERATED
from ropescope.models.loadable import encoder_of, loadable
from ropescope.models.text_files import check_texts
from ropescope.quality.planting import KEYS_PER_CONTEXT, TASKS, Task
from ropescope.quality.trials import require_room


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate. texts: how many of each kind, `files` replace them by the user's own, whose text is in
    `column` where they have fields. questions: at each of five
    depths and each length, of each task in `retrieval`; 0: none. samples: of each task in `tasks` at each length.
    lengths: where facts are asked for (default: half the trained length, the trained one, halfway to the target, the target).
    keys_per_context: facts that share a text; more of them cost less, and have more to be confused with.
    """

    source: str
    target: int
    methods: tuple[str, ...] = ("none", "truncated", "ntk", "yarn")
    trained: int | None = None
    texts: int = 2
    files: tuple[Path, ...] = ()
    column: str = "text"
    band: int = 2048
    questions: int = 0
    retrieval: tuple[Task, ...] = ("passkey",)
    lengths: tuple[int, ...] = ()
    keys_per_context: int = KEYS_PER_CONTEXT
    tasks: tuple[str, ...] = ()
    samples: int = 5
    dtype: str = "auto"
    device: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        """Raises ExtendError for what is no task, and where there is nothing to score."""
        for option, names, known in (("--retrieval", self.retrieval, TASKS), ("--tasks", self.tasks, tuple(GENERATED))):
            unknown = [name for name in names if name not in known]
            if unknown:
                raise ExtendError(f"{option} {unknown[0]!r}: take some of {', '.join(known)}.")
        if not (self.texts or self.questions or self.tasks):
            raise ExtendError("Nothing is to be scored: give --texts, --questions or --tasks.")


def check_first(request: Request) -> None:
    """Raise now what arguments and files tell of an evaluation that cannot be made. No weights are read."""
    # The second half is scored; no tokenizer makes more tokens than bytes.
    check_texts(request.files, request.column, least_bytes=2 * (request.target - 2) if request.texts else 0)
    model = loadable(request.source, request.revision, reads_text=not request.trust_remote_code)
    made = candidates(model, request.target, request.methods, trained=request.trained)
    lengths = asked_lengths(request, made[0].plan.seen_length)
    if request.questions and (encode := encoder_of(model.source)) is not None:
        for length in lengths:
            for task in request.retrieval:
                require_room(encode, task, length, request.questions, keys_per_context=request.keys_per_context)


def asked_lengths(request: Request, trained: int) -> tuple[int, ...]:
    """The lengths at which facts and tasks are tried. Raises ExtendError for one beyond the target."""
    lengths = request.lengths or default_lengths(trained, request.target)
    if max(lengths) > request.target:
        raise ExtendError(
            f"Facts are asked for at up to {request.target:,} tokens, the target; {max(lengths):,} is more."
        )
    return lengths


def default_lengths(trained: int, target: int) -> tuple[int, ...]:
    """Half the trained length, all of it, halfway from there to the target, the target; in multiples of 64."""
    wanted = (trained // 2, trained, (trained + target) // 2)
    return tuple(sorted({*(length // 64 * 64 for length in wanted if 64 <= length < target), target}))
