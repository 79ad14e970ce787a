"""What to search for, checked as far as arguments and files tell, before torch is imported and weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from ropescope.extend.search.shape import shape_of
from ropescope.extend.search.spans import spans
from ropescope.models.loadable import loadable
from ropescope.models.text_files import check_texts
from ropescope.questions.domains import Real, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Text, Tokens
from ropescope.questions.question import Run
from ropescope.questions.shared import Loading, OneModel, OwnText, Resumable
from ropescope.report.report import Report


@dataclass(frozen=True, kw_only=True)
class SearchInputs(OneModel, OwnText, Loading, Resumable):
    """What to search for, and for how long."""

    to: int = asked(Tokens(least=2), "Tokens to read, as 16384 or 16k (16,384).")
    minutes: float = asked(
        Real(above=0.0, at_most=1e6),
        "How long; half of it and more goes into reading the texts where N is long.",
        default=10.0,
    )
    method: str = asked(
        Text(),
        "What is varied: yarn, a factor of every pair; rerope, what reads near and how slowly distance grows.",
        default="yarn",
    )
    texts: int = asked(Whole(1, 10_000), "Texts to search on (prose, code and tables in turn).", default=3)
    trained: int | None = asked(Tokens(least=2), "Tokens it was trained at, where the files do not say.", default=None)
    seed: int = asked(Whole(0, 2**31), "Of the plans that are tried.", default=0)


def answer(inputs: SearchInputs, run: Run) -> Report:
    """A plan that reads longer contexts better than the rule does, if a search finds one."""
    if find_spec("cma") is None:  # said before the weights are loaded
        raise ModuleNotFoundError("No module named 'cma'", name="cma")
    check_first(inputs)
    from ropescope.extend.search.report import search_report
    from ropescope.extend.search.running import search

    with run.working():
        result, journal = search(inputs, run)
    kept = run.keep("plan", lambda path: [result.plan.save(path)], "no plan is tried again")
    if kept is not None and not result.partial:
        run.when_shown(journal.discard)
    return search_report(result, kept_in=kept)


def check_first(inputs: SearchInputs) -> None:
    """Raise now what arguments and files tell of a search that cannot be made. No weights are read."""
    # The first half is searched on; no tokenizer makes more tokens than bytes.
    check_texts(inputs.text, inputs.column, least_bytes=2 * (inputs.to - 2))
    shape = shape_of(
        loadable(inputs.source, inputs.revision, reads_text=not inputs.trust_remote_code),
        inputs.to,
        inputs.method,
        inputs.trained,
    )
    spans(shape.start.trained_length, inputs.to)
