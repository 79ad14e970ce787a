"""A search for a better plan, as a question; what files tell is checked before torch is imported."""

from __future__ import annotations

from importlib.util import find_spec

from ropescope.extend.search.inputs import SearchInputs
from ropescope.extend.search.shape import shape_of
from ropescope.extend.search.spans import spans
from ropescope.models.loadable import loadable
from ropescope.models.text_files import check_texts
from ropescope.questions.question import Run
from ropescope.report.report import Report


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
