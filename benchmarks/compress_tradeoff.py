"""What smaller caches cost: every method at every budget, on held-out prose, code and tables, with questions on planted facts.

    python benchmarks/compress_tradeoff.py [SOURCE] [--length 2112] [--texts 16] [--folder tradeoff] [--shard 0/2]

Texts, budgets, intervals and questions are those of `ropescope compress evaluate`; this runs them in pieces. Finished
texts and contexts lie in --folder: a run that was cut short goes on when it is started again, processes with shards 0/2
and 1/2 share the work, and any of them prints the tables of all that is finished (--show: without running anything). The
length counts the 64 scored tokens: 2112 is a context of 2,048, 8256 one of 8,192. What plans are made from is measured once
and kept beside.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from pathlib import Path

from pickled import once
from shards import add_shard

from ropescope.compress.evaluate.methods.catalogue import all_names, methods_named
from ropescope.compress.evaluate.results.report import tradeoff_report
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.evaluation import Evaluation
from ropescope.compress.evaluate.scoring.questions import questions
from ropescope.compress.plan.calibration import measured_for
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.network.loading.weights import load
from ropescope.quality.texts import held_out_texts
from ropescope.report.markdown import to_markdown
from ropescope.runs.job import do_pieces
from ropescope.runs.journal import Journal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--length", type=int, default=2112, help="tokens of a text, the 64 scored ones included")
    parser.add_argument("--texts", type=int, default=16, help="texts of each of three kinds")
    parser.add_argument("--budgets", default="0.15,0.2,0.3,0.45,0.6")
    parser.add_argument("--methods", default=",".join(all_names()))
    parser.add_argument("--questions", type=int, default=0, help="questions at each of five depths, for two tasks")
    parser.add_argument("--folder", type=Path, default=Path("tradeoff"), help="finished pieces, plans and the result")
    add_shard(parser)
    parser.add_argument("--show", action="store_true", help="print what is finished, and run nothing")
    parser.add_argument("--max-loss", type=float, default=0.01)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device")
    given = parser.parse_args()
    weights = load(given.source, dtype=given.dtype, device=given.device)
    model, length, started = weights.model, given.length, time.perf_counter()

    def progress(done: int, planned: int, what: str) -> None:
        seconds = time.perf_counter() - started
        left = f", about {seconds / done * (planned - done):.0f} s left" if done else ""
        print(f"{what}: {done} of {planned} after {seconds:.0f} s{left}", file=sys.stderr, flush=True)

    @functools.cache
    def measured() -> OutputErrors:
        path = given.folder / f"errors-{model.name}-{length}.pickle"
        return once(path, functools.partial(measured_for, weights, length, progress=progress))

    names, budgets = given.methods.split(","), tuple(float(budget) for budget in given.budgets.split(","))
    methods = methods_named(names, model=model, length=length, measured=measured)
    sweep = Evaluation(
        weights,
        Split(model, length, 64),
        methods,
        budgets,
        held_out_texts(weights.tokenizer, length, given.texts),
        questions(weights.tokenizer, length, given.questions) if given.questions else (),
        about={"source": given.source},
    )
    journal = Journal(sweep.identity, given.folder)
    if not given.show:
        do_pieces(sweep, journal, progress=progress, shard=given.shard)
    result = sweep.result(journal)
    path = result.save(given.folder / f"result-{model.name}-{length}.json")
    print(to_markdown(tradeoff_report(result, limit=given.max_loss, kept_in=str(path))))


if __name__ == "__main__":
    main()
