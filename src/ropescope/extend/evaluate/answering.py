"""Greedy answers to the prompts of generated tasks."""

from __future__ import annotations

from typing import Any

import torch

from ropescope.extend.evaluate.tasks import Sample
from ropescope.network.rotary import positions_of_whole, switching_length
from ropescope.quality.loss import decoder_of, output_layer, prefill


def recall(network: Any, tokenizer: Any, sample: Sample, *, chunk: int | None = None) -> float:
    """The share of the expected strings that the greedy answer says, without regard to case."""
    said = greedy(network, tokenizer, sample, chunk=chunk).lower()
    return sum(wanted.lower() in said for wanted in sample.expected) / len(sample.expected)


def greedy(network: Any, tokenizer: Any, sample: Sample, *, chunk: int | None = None) -> str:
    """What greedy decoding answers, up to the end of the text, the tokens allowed, or when all that is asked for is said.

    Where the text grows beyond LongRoPE's original length, all of it is read again under the frequencies for long texts, as
    `generate` does for the Phi-3 family.
    """
    ids, said, cache = list(sample.prompt), list[int](), None
    decoder, ends, switch = decoder_of(network), _ends(network, tokenizer), switching_length(network)
    with torch.inference_mode():
        for _ in range(sample.answer_tokens):
            last = torch.tensor([ids[-1:]], device=network.device)
            with positions_of_whole(network, len(ids)):
                if cache is None or len(ids) - 1 == switch:
                    cache = prefill(network, torch.tensor(ids[:-1]), chunk=chunk)
                output = decoder(input_ids=last, past_key_values=cache, use_cache=True)
            token = int(output_layer(network, output, output.last_hidden_state[:, -1:])[0, -1].argmax())
            if token in ends:
                break
            ids.append(token)
            said.append(token)
            text = tokenizer.decode(said).lower()
            # Nothing said later can change the score.
            if all(wanted.lower() in text for wanted in sample.expected):
                break
    return str(tokenizer.decode(said))


def _ends(network: Any, tokenizer: Any) -> set[int]:
    config = getattr(network.generation_config, "eos_token_id", None)
    found = {config} if isinstance(config, int) else set(config or ())
    return found | ({tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set())
