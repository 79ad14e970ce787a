"""llama.cpp and Ollama: the commands of the engines that run GGUF files."""

from __future__ import annotations

import re
import shlex
from typing import Final

from ropescope.checks.serving.devices.lists import listed
from ropescope.checks.serving.engines.engine import engine_default
from ropescope.checks.serving.launch.settings import Command, Settings
from ropescope.checks.serving.memory.demand import each_device
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.dealing import by_shares
from ropescope.checks.serving.weights.files import WeightFile, weight_file
from ropescope.errors import DomainError
from ropescope.models.cache import BLOCK_TYPES
from ropescope.report.text import lines

_REPO: Final = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", re.ASCII)
_CUDA_PAIRS: Final = frozenset({"q4_0", "q8_0"})
"""Quantised types for which llama.cpp's CUDA builds have kernels by default, where keys and values share one (docs/build.md
of its commit 0c1e57098); others fall back to one for 16 bits."""
CONVERTED: Final = "Or name a GGUF repository of this model, if there is one: `gguf` org/name:Q4_K_M."

_MODELFILE_WORDS: Final = ("FROM", "PARAMETER", "num_ctx")


def llama_cpp(serving: Serving, gguf: str | None) -> Command:
    """`llama-server`, which places layers itself unless told how."""
    settings, weights = Settings(serving.engine), _gguf(serving, gguf)
    if weights.kind == "file":
        settings.add("-m", weights.where, "the GGUF file")
    elif weights.file:
        settings.add("-hf", weights.where, "a GGUF repository on the Hub")
        settings.add("-hff", weights.file, "which of its files")
    else:
        settings.add("-hf", weights.where, "a GGUF repository on the Hub; after the colon, which of its files")
    settings.add("-c", serving.context_tokens * serving.batch, f"{serving.context_tokens:,} tokens a slot")
    settings.add("-np", serving.batch, "slots, each with its own part of the context")
    kinds = serving.cache_type
    if kinds.kind != "f16":
        settings.add("-ctk", kinds.flag, "type of the keys")
    if kinds.values != "f16":
        settings.add("-ctv", kinds.value_word, "type of the values")
    if kinds.values in BLOCK_TYPES:
        settings.add("-fa", "on", "quantised values need flash attention; else it is left at auto")
    if serving.chunk_tokens is not None:
        settings.add("-ub", serving.chunk_tokens, "tokens of a micro-batch")
    if serving.swa_full:
        settings.add("--swa-full", "", "sliding layers held in full")
    if not serving.model.causal:
        flag, answer = ("--reranking", "scores") if _ranks(serving) else ("--embeddings", "vectors")
        settings.add(flag, "", f"an encoder: it answers with {answer}")
    margin = int(engine_default("llama.cpp", "fit_margin_mib"))
    remarks = [
        f"-ngl is left out: --fit is on by default and places layers and experts itself, keeping {margin:,} MiB free."
    ]
    if serving.device.vendor == "cpu":
        remarks = ["No GPU was found: all of it runs on the CPU."]
    if serving.cpu_moe_layers:
        settings.add("--n-cpu-moe", serving.cpu_moe_layers, "experts of the first layers stay in system memory")
        remarks = ["With --n-cpu-moe given, --fit moves nothing else: all other weights go to the device."]
    if serving.count > 1:
        split = _tensor_split(settings, serving)
        remarks = [*(remarks if len(split) == 1 else []), *split]
    blocks = serving.device.vendor != "cpu" and {kinds.kind, kinds.values} & BLOCK_TYPES
    if blocks and (kinds.kind != kinds.values or kinds.kind not in _CUDA_PAIRS):
        pair = f"{kinds.flag or 'f16'}-{kinds.value_word or 'f16'}"
        way = "use -ctk and -ctv of other types" if "iq4_nl" in pair else f"build with -DGGML_CUDA_FA_QUANTS={pair}"
        remarks.append(f"A CUDA build has no kernel for {pair} by default, and falls back to 16 bits: {way}.")
    remarks += [*weights.remarks, *((CONVERTED,) if weights.steps else ())]
    return Command(settings.shell("llama-server"), "shell", tuple(settings.rows), weights.steps, tuple(remarks))


def _tensor_split(settings: Settings, serving: Serving) -> list[str]:
    """Say how layers are dealt to several devices, where --fit and equal shares would not; what to know of it."""
    choice = "All visible devices are used; CUDA_VISIBLE_DEVICES chooses among them."
    devices = each_device(serving)
    slots = [len(one.slots) for one in devices]
    plain = not serving.unequal and slots == list(map(len, by_shares(sum(slots), [1] * serving.count)))
    if plain or any(one.spare_bytes < 0 for one in devices):
        return [choice]
    settings.add("--tensor-split", ",".join(map(str, slots)), "layers of each device, and the output with the last")
    order = "CUDA numbers the fastest first: CUDA_VISIBLE_DEVICES with CUDA_DEVICE_ORDER=PCI_BUS_ID sets another order."
    return [
        "With --tensor-split given, --fit moves nothing: every layer goes to the device that it is counted on.",
        *(
            (f"The devices are taken in the order {listed(serving.unequal)}. {order}",)
            if serving.unequal
            else (choice,)
        ),
    ]


def ollama(serving: Serving, gguf: str | None) -> Command:
    """A Modelfile, and the variables of the server that runs it."""
    settings, weights = Settings(serving.engine), _gguf(serving, gguf)
    # After the colon Ollama takes the name of a file as well.
    named = f"{weights.where}:{weights.file}" if weights.file else weights.where
    source = f"hf.co/{named}" if weights.kind == "hub" else named
    settings.add("FROM", source, "the model")
    settings.add("num_ctx", serving.context_tokens, "tokens of context a request; Ollama multiplies by the requests")
    variables = {"OLLAMA_NUM_PARALLEL": (str(serving.batch), "requests at once")}
    if serving.cache_type.kind != "f16":
        variables["OLLAMA_FLASH_ATTENTION"] = ("1", "a quantised cache needs it")
        variables["OLLAMA_KV_CACHE_TYPE"] = (serving.cache_type.flag, "type of keys and values")
    for name, (value, why) in variables.items():
        settings.add(name, value, why)
    tag = re.sub(r"[^a-z0-9._-]+", "-", serving.model.name.rsplit("/", 1)[-1].lower()).strip("-.") or "model"
    modelfile = " ".join(
        shlex.quote(line) for line in (f"FROM {source}", f"PARAMETER num_ctx {serving.context_tokens}")
    )
    assert all(word in serving.engine.flags for word in (*_MODELFILE_WORDS, "-f"))
    environment = " ".join(f"{name}={shlex.quote(value)}" for name, (value, _) in variables.items())
    text = "\n".join(
        (
            f"printf '%s\\n' {modelfile} > Modelfile",
            f"{environment} ollama serve &",
            f"ollama create {tag} -f Modelfile",
            f"ollama run {tag}",
        )
    )
    remarks = (
        "Ollama places layers itself and says what it did: ollama ps.",
        "The variables belong to the server: where it runs as a service, set them there and restart it.",
        *weights.remarks,
        *((CONVERTED,) if weights.steps else ()),
    )
    return Command(text, "shell", tuple(settings.rows), weights.steps, remarks)


def _ranks(serving: Serving) -> bool:
    """Whether an encoder scores pairs of texts: a head that classifies, or llama.cpp's pooling of that name (4)."""
    config = serving.model.config
    named = config.get("architectures")
    heads = named if isinstance(named, list) else ()
    return config.get(f"{serving.model.model_type}.pooling_type") == 4 or any(
        "SequenceClassification" in str(head) for head in heads
    )


def _gguf(serving: Serving, gguf: str | None) -> WeightFile:
    """What llama.cpp or Ollama loads: the given GGUF repository, else what the model and its precision ask for."""
    if gguf is None:
        return weight_file(serving.model, serving.engine.name, serving.precision)
    if _REPO.fullmatch(gguf) is None:
        raise DomainError(f"`gguf` {lines(gguf)!r} is no .gguf file and no Hub repository such as org/name:Q4_K_M.")
    return WeightFile("hub", gguf)
