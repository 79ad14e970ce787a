"""Every way of scaling at 12k, 16k and 32k: loss by position on unseen text, and what is found; resumable and shardable.

    python benchmarks/extend_quality.py SOURCE [--lengths 12288,16384,32768] [--texts 3,3,1] [--methods none,yarn,…]
                                        [--plans plan16.json,plan32.json] [--questions 0] [--keys 50] [--shard 0/2]
                                        [--folder DIR] [--show] [--figure FOLDER]

--texts is how many of each kind (prose, code, tables), length by length. --methods are scored in place of all. --plans are
plans that `ropescope extend search` kept; each is scored at its own target length. --questions asks so many planted facts
at each of five depths of the target, among the numbers of other keys (multi-key; 10 of them: 50 trials a length), with --keys
facts in a context. --texts 0 asks alone. Finished pieces stay in
--folder: any number of processes share them (--shard i/n, one thread each), and what is there is not scored again. --show
scores nothing and prints the tables of what is there, which a run without it does at the end. Texts are held-out ones:
none is what the search was tuned on. --figure writes the pictures of each length into a folder.

`chosen` is what the planner takes by itself, for any engine and for transformers alone; the line under each table says how far
its loss is from the least of the scalings, and from the unscaled model that is shown the last tokens alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from shards import add_shard

from ropescope.errors import ExtendError
from ropescope.extend.evaluate import summary
from ropescope.extend.evaluate.figures import figures
from ropescope.extend.evaluate.inputs import EvaluateInputs
from ropescope.extend.evaluate.report import evaluation_report
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.extend.evaluate.running import prepare
from ropescope.extend.evaluate.session import Evaluation
from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.network.loading.weights import Weights, load
from ropescope.report.figure import write_figure
from ropescope.report.markdown import to_markdown
from ropescope.runs.job import do_pieces
from ropescope.runs.journal import Journal

METHODS = ("none", "truncated", "linear", "ntk", "dynamic", "yarn", "llama3", "alpha", "alpha@alpha=4")


def evaluation_of(weights: Weights, given: argparse.Namespace, length: int, texts: int) -> Evaluation:
    """What is scored at one length: the methods, and the searched plans for that length."""
    plans = [path for path in given.plans.split(",") if path and RopePlan.load(Path(path)).target_length == length]
    inputs = EvaluateInputs(
        source=given.source, to=length, methods=(*given.methods.split(","), *plans), texts=texts, questions=given.questions,
        retrieval=("multi-key",), lengths=(length,), keys_per_context=given.keys,
    )  # fmt: skip
    return prepare(inputs, weights)


def show(weights: Weights, result: ExtensionResult) -> None:
    """The tables of one length, and how far the planner's own choice is from the best."""
    report = evaluation_report(result)
    print(f"\n## {result.target_length:,} tokens, {len(result.texts)} texts\n")
    print(to_markdown(report))
    if not result.texts:
        return
    at = {name: summary.loss(result, name, "target") or 0.0 for name in result.methods}
    scalings = [name for name in result.methods if name not in result.shown]
    for in_config in (True, False):
        able = [name for name in scalings if not in_config or result.plans[name]["method"] != "rerope"]
        chosen = plan_extension(weights.model, result.target_length, in_config=in_config).method
        if chosen in able:
            best = min(able, key=at.__getitem__)
            where = "for any engine" if in_config else "for transformers"
            over = 100 * (at[chosen] / at[best] - 1)
            print(f"\nchosen {where}: {chosen}, {over:.2f} % above the least loss in the last band ({best}).")
    alone = summary.truncated(result)
    for name in scalings if alone is not None else ():
        print(f"{name} less {alone}, target: {summary.against(result, name, alone, 'target')}")  # type: ignore[arg-type]
    for name in result.methods:
        if result.plans[name]["method"] == "searched":
            for where in ("target", "beyond"):
                gap = summary.against(result, name, "yarn", where)  # type: ignore[arg-type]
                print(f"{name} less yarn, {where}: {gap}")
            print(f"{name} less none, inside: {summary.against(result, name, 'none', 'inside')}")


def main() -> None:
    """Score what is missing, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--lengths", default="12288,16384,32768")
    parser.add_argument("--texts", default="3,3,1", help="of each kind, length by length")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--questions", type=int, default=0)
    parser.add_argument("--keys", type=int, default=50, help="facts in a context")
    parser.add_argument("--plans", default="")
    add_shard(parser)
    parser.add_argument("--folder", type=Path, default=Path("extend-quality"))
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    if given.shard[1] > 1:
        torch.set_num_threads(1)
    weights = load(given.source, dtype=given.dtype)
    lengths, texts = ([int(part) for part in row.split(",")] for row in (given.lengths, given.texts))
    evaluations = [
        evaluation_of(weights, given, length, of_kind) for length, of_kind in zip(lengths, texts, strict=True)
    ]
    for evaluation in evaluations:
        journal = Journal(evaluation.identity, given.folder)
        if not given.show:
            do_pieces(
                evaluation, journal, shard=given.shard,
                progress=lambda done, total, _, e=evaluation: print(f"{e.target:,}: {done} of {total}", flush=True),  # type: ignore[misc]
            )  # fmt: skip
    for evaluation in evaluations:
        try:
            result = evaluation.result(Journal(evaluation.identity, given.folder))
        except ExtendError as error:
            print(f"{evaluation.target:,}: {error}")
            continue
        result.save(given.folder / f"result-{evaluation.target}{'' if result.texts else '-found'}.json")
        for picture in figures(result) if given.figure is not None else ():
            write_figure(picture, given.figure / f"extend-{evaluation.target}-{picture.name}.svg")
        show(weights, result)


if __name__ == "__main__":
    main()
