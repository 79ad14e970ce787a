"""The loss of a model on prompts of a corpus: how much of it is left after something was changed."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ropescope.measure.prompts import Corpus
from ropescope.measure.weights import Weights

_PROMPTS = 2


def mean_loss(weights: Weights, corpus: Corpus, n_tokens: int) -> float:
    """Mean cross-entropy of the next token in nats, over the first two prompts of `n_tokens`."""
    losses = []
    with torch.inference_mode():
        for index in range(_PROMPTS):
            tokens = torch.from_numpy(corpus.prompt(index, n_tokens))[None].to(weights.network.device)
            logits = weights.network(input_ids=tokens, use_cache=False).logits[0, :-1]
            losses.append(float(F.cross_entropy(logits.float(), tokens[0, 1:])))
    return sum(losses) / len(losses)
