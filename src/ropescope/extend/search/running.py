"""From the inputs of a question to a finished search."""

from __future__ import annotations

from dataclasses import replace

from ropescope.extend.search.inputs import SearchInputs
from ropescope.extend.search.result import SearchResult
from ropescope.extend.search.session import Search
from ropescope.network.loading.asked import load_asked
from ropescope.quality.texts import calibration_texts
from ropescope.questions.question import Run
from ropescope.runs.journal import Journal


def search(inputs: SearchInputs, run: Run | None = None) -> tuple[SearchResult, Journal]:
    """Load and search; the journal holds what was tried, to be discarded once the plan is safe.

    Raises RopescopeError subclasses; KeyboardInterrupt only before the texts were read.
    """
    run = run or Run()
    weights = load_asked(inputs, run.say, text="read")
    texts = calibration_texts(weights.tokenizer, inputs.to, inputs.texts, files=inputs.text, column=inputs.column)
    run.say(f"Searching for {weights.on_what}")
    made = Search(weights, inputs.to, texts, inputs.minutes, inputs.method, trained=inputs.trained, seed=inputs.seed)
    journal = Journal(made.identity)
    journal.begin(inputs.resume)
    found = made.run(journal, progress=run.progress, say=run.say)
    return replace(found, provenance={**found.provenance, "source": inputs.source}), journal
