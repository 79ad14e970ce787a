"""Whether a model finds what a long context told it: facts planted at known depths, each asked for by itself.

One context carries many facts, so that its prefill, which is nearly all of the cost, is paid once. A trial is a question on
the filled cache. Its answer is scored in two ways: by its log-probability against nine decoys that are as long (chance is
one in ten, and a model that knows the answer but would say something else first still gets it), and by exact greedy match.
The question is the beginning of the sentence that told the fact, so that base models and small ones can be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ropescope.quality.packing import continuation, continuations, packable
from ropescope.quality.trials import Trial


@dataclass(frozen=True, slots=True)
class Score:
    """How a trial went. Log-probabilities are in nats, of the whole answer.

    right: the answer is likelier than all nine decoys. exact: it is what greedy decoding says. best_decoy: of the
    likeliest decoy; a decoy that its first tokens already rule out is not run, so where `right` holds this is a bound
    from above.
    """

    answer: float
    best_decoy: float
    right: bool
    exact: bool


def score(network: Any, cache: Any, trial: Trial) -> Score:
    """The score of a trial on a cache that holds its context and nothing else; the cache is as before when this returns."""
    with torch.inference_mode():
        said = continuation(network, cache, (trial.question, trial.answer))
        answer = _log_probability(said, trial.answer)
        bounds = sorted(((_bound(said, trial.answer, decoy), decoy) for decoy in trial.decoys), reverse=True)
        best, highest = float("-inf"), answer
        for bound, decoy in bounds:
            # What is left begins less likely than the answer, or than a better decoy, is as a whole.
            if bound < highest:
                best = max(best, bound if highest == answer else best)
                break
            found = _log_probability(continuation(network, cache, (trial.question, decoy)), decoy)
            best, highest = max(best, found), max(highest, found)
    return Score(answer, best, answer > best, _greedy(said, trial.answer))


def scores(network: Any, cache: Any, group: Sequence[Trial]) -> list[Score]:
    """The scores of trials that share the context that `cache` holds, as `score` gives them; in two passes for all of them
    where a mask can keep them apart, the answers in one and in another the decoys that could be likelier."""
    if not packable(network, cache):
        return [score(network, cache, trial) for trial in group]
    with torch.inference_mode():
        told = continuations(network, cache, [(trial.question, trial.answer) for trial in group])
        said = [
            (
                _log_probability(rows, trial.answer),
                _greedy(rows, trial.answer),
                [(_bound(rows, trial.answer, decoy), decoy) for decoy in trial.decoys],
            )
            for trial, rows in zip(group, told, strict=True)
        ]
        open_ = [[decoy for bound, decoy in bounds if bound >= answer] for answer, _, bounds in said]
        asked = [(trial.question, decoy) for trial, left in zip(group, open_, strict=True) for decoy in left]
        run = (
            _log_probability(rows, decoy)
            for (_, decoy), rows in zip(asked, continuations(network, cache, asked), strict=True)
        )
        found: list[Score] = []
        for (answer, greedy, bounds), left in zip(said, open_, strict=True):
            likeliest = max([next(run) for _ in left], default=float("-inf"))
            ruled_out = max((bound for bound, _ in bounds if bound < answer), default=float("-inf"))
            best = likeliest if likeliest >= answer else max(likeliest, ruled_out)
            found.append(Score(answer, best, answer > best, greedy))
    return found


def _log_probability(rows: Tensor, answer: tuple[int, ...]) -> float:
    return float(rows.gather(1, torch.tensor(answer)[:, None]).sum())


def _greedy(rows: Tensor, answer: tuple[int, ...]) -> bool:
    return rows.argmax(1).tolist() == list(answer)


def _bound(said: Tensor, answer: tuple[int, ...], decoy: tuple[int, ...]) -> float:
    """From above, the log-probability of a decoy: exact as far as it agrees with the answer, and one token on."""
    total = 0.0
    for row, (right, other) in enumerate(zip(answer, decoy, strict=False)):
        total += float(said[row, other])
        if right != other:
            break
    return total
