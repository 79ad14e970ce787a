"""vLLM, SGLang and transformers: the commands of the engines that load a checkpoint as it was published."""

from __future__ import annotations

from math import ceil

from ropescope.checks.serving.engines.engine import engine_default
from ropescope.checks.serving.launch.quantised_checkpoints import checkpoint_name, checkpoint_script
from ropescope.checks.serving.launch.settings import Command, Setting, Settings
from ropescope.checks.serving.launch.snippet import transformers_snippet
from ropescope.checks.serving.launch.split_flags import by_node, node_remarks, sglang_split, vllm_split
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.weights.files import no_flag, printable
from ropescope.checks.serving.weights.precisions import PLAIN, STORED
from ropescope.errors import DomainError
from ropescope.extend.settings.long_rope import vllm_of_model


def vllm(serving: Serving, gguf: str | None) -> Command:
    """`vllm serve`."""
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
        *vllm_of_model(serving.model, serving.context_tokens),
        *node_remarks(serving),
    )
    text = by_node(settings, serving, ("vllm", "serve", model), "--headless")
    return Command(text, "shell", tuple(settings.rows), before, remarks)


def sglang(serving: Serving, gguf: str | None) -> Command:
    """SGLang's server."""
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


def transformers(serving: Serving, gguf: str | None) -> Command:
    """A script: transformers has no server of its own here."""
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
