"""What a reader must know of the numbers of a fit, and how they are written."""

from __future__ import annotations

from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.fitting.on_devices import dealt_remarks
from ropescope.checks.serving.memory.demand import Demand, demand
from ropescope.checks.serving.memory.storage import storage_remarks
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.support.kernels import support_remarks
from ropescope.checks.serving.weights.precisions import STORED, is_gguf

USUAL_NODE = 8


def caveats(serving: Serving) -> tuple[str, ...]:
    """What a reader must know of the numbers for this way of serving."""
    model, engine = serving.model, serving.engine
    said = [note[0].upper() + note[1:] for note in model.notes if note]
    if serving.device.detected:
        said.append(serving.device.detected)
    said += [f"The weights are a lower bound; not understood: {text}." for text in demand(serving).lacks]
    stated = model.context.longest
    if stated is not None and serving.context_tokens > stated:
        said.append(f"{serving.context_tokens:,} tokens are more than the {stated:,} that the model states.")
    if any(layer.cache.tokens_held is not None and not serving.windows(layer) for layer in model.layers):
        said.append(f"{engine.name} {engine.version} holds the sliding layers of this architecture in full.")
    said += storage_remarks(serving)
    held = serving.held_precision
    if is_gguf(held):
        said.append(f"{held} is sized by llama.cpp's figure for Llama-3.1-8B; the file itself tells exactly.")
    if serving.precision == STORED and held != STORED:
        said.append(
            f"{engine.name} runs GGUF files: these weights are counted as its converter writes them, in {held}."
        )
    if held in engine.ready_made:
        said.append(f"{engine.name} does not make {held} itself: it needs a checkpoint in that format.")
    if any(layer.experts is not None for layer in model.layers):
        said.append("All experts are held, though a token passes through a few.")
    if engine.name == "vllm" and any(layer.cache.recurrent_elements for layer in model.layers):
        said.append("vLLM pads states to whole pages of the attention cache; that padding is not counted.")
    said.extend(dealt_remarks(serving))
    said.extend(support_remarks(serving))
    if serving.count > USUAL_NODE and serving.split.nodes == 1 and engine.split == "tensor":
        said.append(f"More than {USUAL_NODE} devices mostly stand in several machines: `nodes` N counts with that.")
    if engine.name == "transformers":
        said.append("transformers runs whole prompts at once: its activations grow with context × batch.")
    said.append(
        "Activations and overhead are estimates; weights and cache are counted. Nothing is set aside for a display or "
        "other programs."
    )
    return tuple(said)


def at_least(needed: Demand) -> str:
    """The total of `needed`, as `12.3 GiB`, or as `at least 12.3 GiB` where it is a lower bound."""
    return ("at least " if needed.lacks else "") + gib(needed.total)


def gib(n_bytes: int) -> str:
    """`12.3 GiB`."""
    return f"{n_bytes / GIB:,.1f} GiB"
