"""Commands: how each engine is told to serve a model — the command, every setting with its reason, and what is missing.

Whatever comes from a user, a file or a config reaches a shell quoted and Python as a literal; a name with control
characters is refused. A flag that the engine's version does not have cannot be written: see `Settings.add`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from ropescope.checks.serving.devices.lists import listed
from ropescope.checks.serving.engines.engine import engine_default
from ropescope.checks.serving.launch.merging import merged_first
from ropescope.checks.serving.launch.quantised_checkpoints import checkpoint_name, checkpoint_script
from ropescope.checks.serving.launch.settings import Setting, Settings
from ropescope.checks.serving.launch.snippet import transformers_snippet
from ropescope.checks.serving.launch.split_flags import by_node, node_remarks, sglang_split, vllm_split
from ropescope.checks.serving.memory.demand import each_device
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.dealing import by_shares
from ropescope.checks.serving.weights.files import WeightFile, no_flag, printable, weight_file
from ropescope.checks.serving.weights.precisions import PLAIN, STORED
from ropescope.errors import DomainError
from ropescope.models.cache import BLOCK_TYPES
from ropescope.report.text import lines

_REPO: Final = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", re.ASCII)
_CUDA_PAIRS: Final = frozenset({"q4_0", "q8_0"})
"""Quantised types for which llama.cpp's CUDA builds have kernels by default, where keys and values share one (docs/build.md
of its commit 0c1e57098); others fall back to one for 16 bits."""
CONVERTED: Final = "Or name a GGUF repository of this model, if there is one: `gguf` org/name:Q4_K_M."

_MODELFILE_WORDS: Final = ("FROM", "PARAMETER", "num_ctx")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run (`text`, for a shell, or Python for transformers), why it is so, and what has to be done before."""

    text: str
    language: str
    settings: tuple[Setting, ...]
    before: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The text, after the steps that a shell must run first; Python stands alone."""
        return "\n".join((*self.before, self.text)) if self.language == "shell" else self.text


def command(serving: Serving, gguf: str | None = None) -> Command:
    """The command that serves `serving`; `gguf` names a file or a Hub repository (`org/name:Q4_K_M`) to run instead.

    Raises DomainError for a source that cannot be written in a command, and for what the engine cannot run.
    """
    served, steps = merged_first(serving)
    made = _WRITERS[served.engine.name](served, gguf)
    return replace(made, before=(*steps, *made.before)) if steps else made


def _llama_cpp(serving: Serving, gguf: str | None) -> Command:
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


def _ollama(serving: Serving, gguf: str | None) -> Command:
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
        (f"printf '%s\\n' {modelfile} > Modelfile", f"{environment} ollama serve &", f"ollama create {tag} -f Modelfile",
         f"ollama run {tag}")
    )  # fmt: skip
    remarks = (
        "Ollama places layers itself and says what it did: ollama ps.",
        "The variables belong to the server: where it runs as a service, set them there and restart it.",
        *weights.remarks,
        *((CONVERTED,) if weights.steps else ()),
    )
    return Command(text, "shell", tuple(settings.rows), weights.steps, remarks)


def _vllm(serving: Serving, gguf: str | None) -> Command:
    _no_gguf(serving, gguf)
    settings, (model, before) = Settings(serving.engine), _checkpoint(serving)
    _revision(settings, serving, before)
    settings.add("--max-model-len", serving.context_tokens, "prompt and answer together")
    copies = serving.split.data
    settings.add(
        "--max-num-seqs",
        ceil(serving.batch / copies),
        "sequences at once"
        + (", in each copy of the attention" if copies > 1 else "")
        + "; vLLM would take more and let them wait for blocks",
    )
    vllm_split(settings, serving)
    if not serving.model.causal:
        settings.add("--runner", "pooling", "an encoder: it answers with vectors or scores")
    if serving.cache_type.flag != "auto":
        settings.add("--kv-cache-dtype", serving.cache_type.flag, "type of keys and values")
        if serving.cache_type.kind != "fp8" and any(layer.tokens_per_entry for layer in serving.model.layers):
            settings.add(
                "--attention-backend", "FLASHINFER_MLA_SPARSE_DSV4", "the one that reads this cache in 16 bits"
            )
    if serving.utilisation is not None:
        settings.add("--gpu-memory-utilization", f"{serving.utilisation:g}", "share of each device")
    if serving.chunk_tokens is not None:
        settings.add("--max-num-batched-tokens", serving.chunk_tokens, "tokens of a step")
    _precision(settings, serving)
    remarks = (
        "vLLM measures its activations when it starts and gives the cache what is left, so more than this may fit.",
        *node_remarks(serving),
    )
    text = by_node(settings, serving, ("vllm", "serve", model), "--headless")
    return Command(text, "shell", tuple(settings.rows), before, remarks)


def _ranks(serving: Serving) -> bool:
    """Whether an encoder scores pairs of texts: a head that classifies, or llama.cpp's pooling of that name (4)."""
    config = serving.model.config
    named = config.get("architectures")
    heads = named if isinstance(named, list) else ()
    return config.get(f"{serving.model.model_type}.pooling_type") == 4 or any(
        "SequenceClassification" in str(head) for head in heads
    )


def _sglang(serving: Serving, gguf: str | None) -> Command:
    _no_gguf(serving, gguf)
    settings, (model, before) = Settings(serving.engine), _checkpoint(serving)
    settings.add("--model-path", model, "the model")
    _revision(settings, serving, before)
    settings.add("--context-length", serving.context_tokens, "prompt and answer together")
    settings.add("--max-running-requests", serving.batch, "sequences at once")
    sglang_split(settings, serving)
    if not serving.model.causal:
        settings.add("--is-embedding", "", "an encoder: it answers with vectors or scores")
    if serving.cache_type.flag != "auto":
        settings.add("--kv-cache-dtype", serving.cache_type.flag, "type of keys and values")
    if serving.chunk_tokens is not None:
        settings.add("--chunked-prefill-size", serving.chunk_tokens, "tokens of a prefill step")
    _precision(settings, serving)
    remarks = ["--mem-fraction-static is left out: SGLang sets it for the device."]
    if any(serving.windows(layer) and layer.tokens_per_entry is None for layer in serving.model.layers):
        ratio = engine_default("sglang", "swa_full_tokens_ratio")
        remarks.append(
            f"Sliding layers get {ratio:g} of the tokens of full ones; --swa-full-tokens-ratio changes that."
        )
    remarks += node_remarks(serving)
    text = by_node(settings, serving, ("python", "-m", "sglang.launch_server"))
    return Command(text, "shell", tuple(settings.rows), before, tuple(remarks))


def _transformers(serving: Serving, gguf: str | None) -> Command:
    _no_gguf(serving, gguf)
    source, revision = _reference(serving), serving.model.source.revision
    if not serving.model.causal:
        raise DomainError(
            f"{serving.model.name} is an encoder, which generates nothing: transformers loads it with AutoModel; choose `engine` "
            "vllm, sglang or llama.cpp for a command."
        )
    held, steps = serving.held_precision, ""
    _as_it_is(serving, held)
    quantised = serving.engine.online.get(held)
    before = () if quantised is None else ("pip install bitsandbytes accelerate",)
    if held in serving.engine.ready_made:
        before = ("pip install llmcompressor compressed-tensors",)
        steps = checkpoint_script(serving.model, source, revision, held) + "\n\n"
        source, revision = checkpoint_name(serving.model, held), None
    settings = [
        Setting("from_pretrained", source, "the model"),
        Setting("device_map", "auto", "layers over the devices"),
    ]
    if revision is not None:
        settings.append(Setting("revision", revision, "the commit that was read here"))
    settings.append(Setting("max_length", str(serving.context_tokens), "prompt and answer together"))
    if quantised is not None:
        settings.append(Setting("quantization_config", quantised, "weights are quantised as they are loaded"))
    text = steps + transformers_snippet(source, revision, held, serving.context_tokens, serving.batch)
    remarks = ("transformers allocates as it goes: a prompt that is too long fails when it comes, not at the start.",)
    return Command(text, "python", tuple(settings), before, remarks)


_WRITERS: Final[Mapping[str, Callable[[Serving, str | None], Command]]] = {
    "llama.cpp": _llama_cpp, "ollama": _ollama, "vllm": _vllm, "sglang": _sglang, "transformers": _transformers,
}  # fmt: skip


def _reference(serving: Serving) -> str:
    """The model as an engine takes it: its folder, or its id on the Hub."""
    source = serving.model.source
    return no_flag(printable(source.repo_id or source.name) if source.path is None else printable(str(source.path)))


def _no_gguf(serving: Serving, gguf: str | None) -> None:
    if gguf is not None or serving.model.source.kind == "gguf":
        raise DomainError(
            f"{serving.engine.name} is not launched from GGUF here: give the folder or Hub id of the original weights, "
            "or `engine` llama.cpp."
        )


def _checkpoint(serving: Serving) -> tuple[str, tuple[str, ...]]:
    """(the model as vLLM or SGLang takes it, the steps that make it where it must be quantised beforehand).

    Raises DomainError for weights that are quantised already, in another precision than was asked for.
    """
    source, held = _reference(serving), serving.held_precision
    _as_it_is(serving, held)
    if held not in serving.engine.ready_made:
        return source, ()
    script = checkpoint_script(serving.model, source, serving.model.source.revision, held)
    made = f"python - <<'QUANTISE'\n{script}\nQUANTISE"
    return checkpoint_name(serving.model, held), ("pip install llmcompressor", made)


def _as_it_is(serving: Serving, held: str) -> None:
    quantised = serving.model.quantization
    if quantised is not None and held != STORED:
        raise DomainError(
            f"{serving.model.name} is stored in {quantised.method}, and {serving.engine.name} loads it so: leave "
            f"`precision` {serving.precision} out, or give the original weights."
        )


def _revision(settings: Settings, serving: Serving, before: tuple[str, ...]) -> None:
    if serving.model.source.kind == "hub" and serving.model.source.revision and not before:
        settings.add("--revision", serving.model.source.revision, "the commit that was read here")


def _precision(settings: Settings, serving: Serving) -> None:
    held, engine = serving.held_precision, serving.engine
    if held in engine.online:
        settings.add("--quantization", engine.online[held], "weights are quantised as they are loaded")
    elif held in PLAIN:
        word = {"bf16": "bfloat16", "f16": "float16", "f32": "float32"}[held]
        settings.add("--dtype", word, "type of weights and activations")


def _gguf(serving: Serving, gguf: str | None) -> WeightFile:
    """What llama.cpp or Ollama loads: the given GGUF repository, else what the model and its precision ask for."""
    if gguf is None:
        return weight_file(serving.model, serving.engine.name, serving.precision)
    if _REPO.fullmatch(gguf) is None:
        raise DomainError(f"`gguf` {lines(gguf)!r} is no .gguf file and no Hub repository such as org/name:Q4_K_M.")
    return WeightFile("hub", gguf)
