"""The modules of a base that an adapter can be put on, by name and shape, without building the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ropescope.errors import FormatError, SourceError
from ropescope.models.config.fields import Fields, text_part
from ropescope.models.counts.parts import part_of
from ropescope.models.model import Model
from ropescope.models.model_files import LocalFiles, ModelFiles
from ropescope.models.quantized.matrices import STYLES, Style, matrices
from ropescope.models.safetensors.files import stored_weights

_EMBEDDINGS: Final[Mapping[str, str]] = {
    "gpt_neox": "gpt_neox.embed_in",
    "falcon": "transformer.word_embeddings",
    "bloom": "transformer.word_embeddings",
    "opt": "model.decoder.embed_tokens",
    "mpt": "transformer.wte",
    "gpt2": "transformer.wte",
    "gpt_bigcode": "transformer.wte",
    "nemotron_h": "backbone.embeddings",
}
"""Model type → the module of its token embeddings, where that is not `model.embed_tokens`."""

OUTPUT: Final = "lm_head"

_TRANSPOSED: Final = frozenset({"gpt2", "openai-gpt"})
"""Model types whose linear layers are `Conv1D`, which stores its weights as [inputs, outputs]."""


@dataclass(frozen=True, slots=True)
class Modules:
    """The modules of a base. `linear` maps the name of each linear layer but the output to (outputs, inputs); `embedding`
    and `output` map theirs to (rows, width). `source` says where names and shapes are from, `lacks` what is left out.
    `expert_sides` is outputs + inputs, summed over the matrices of all experts: a LoRA of rank r on them trains r times that."""

    linear: Mapping[str, tuple[int, int]]
    embedding: Mapping[str, tuple[int, int]]
    output: Mapping[str, tuple[int, int]]
    source: str
    lacks: str = ""
    expert_sides: int = 0

    @property
    def linear_sides(self) -> int:
        """Outputs + inputs, summed over the linear layers that are no experts."""
        return sum(sum(shape) for name, shape in self.linear.items() if part_of(f"{name}.weight") != "experts")

    @property
    def containers(self) -> frozenset[str]:
        """The modules that hold others, such as `model.layers.0.self_attn`."""
        found: set[str] = set()
        for name in (*self.linear, *self.embedding, *self.output):
            while "." in name:
                name = name.rpartition(".")[0]
                if name in found:
                    break
                found.add(name)
        return frozenset(found)

    @property
    def shapes(self) -> Mapping[str, tuple[int, int]]:
        """Every module with its weight's shape: (outputs, inputs) of layers, (rows, width) of embeddings."""
        return {**self.linear, **self.embedding, **self.output}


def modules_of(model: Model) -> Modules:
    """The modules of `model`: from the headers of its weights where they are plain safetensors, else from its config.

    Raises FormatError for a model whose config does not tell its layers, and for a GGUF file, which names them otherwise.
    """
    if model.source.kind == "gguf" or model.source.file is not None:
        raise FormatError(f"{model.name} is a GGUF file, which names its layers otherwise: give the original model.")
    return (None if model.quantization is not None else _from_headers(model)) or _from_config(model)


def _from_headers(model: Model) -> Modules | None:
    source = model.source
    files: ModelFiles | None = None
    if source.kind == "folder" and source.path is not None:
        files = LocalFiles(source.path)
    elif source.kind == "hub" and source.repo_id is not None and source.revision is not None:
        from ropescope.models.hub_files import HubFiles

        files = HubFiles(source.repo_id, source.revision)
    if files is None:
        return None
    try:
        stored, _ = stored_weights(files)
    except SourceError:
        return None
    if stored is None:
        return None
    linear, embedding, output = (dict[str, tuple[int, int]]() for _ in range(3))
    expert_sides = 0
    for tensor in stored.tensors:
        if part_of(tensor.name) == "experts" and len(tensor.shape) in (2, 3):
            expert_sides += (tensor.shape[0] if len(tensor.shape) == 3 else 1) * sum(tensor.shape[-2:])
        name, ending = tensor.name.rpartition(".")[::2]
        if len(tensor.shape) != 2 or ending != "weight":
            continue
        shape = (tensor.shape[0], tensor.shape[1])
        part = part_of(tensor.name)
        if part == "embedding":
            embedding[name] = shape
        elif part == "output":
            output[OUTPUT if name == "embed_out" else name] = shape  # so called before transformers 5
        elif part != "router":  # a parameter of its own since transformers 5, and no linear layer
            linear[name] = shape[::-1] if text_part(model.config)[1] in _TRANSPOSED else shape
    return Modules(linear, embedding, output, f"headers of {stored.source}", expert_sides=expert_sides)


def _from_config(model: Model) -> Modules:
    part, model_type, path = text_part(model.config)
    fields, style = Fields(part, model_type, path), STYLES.get(model_type, Style())
    place = "model.language_model.layers" if path else style.places[0]
    linear = dict[str, tuple[int, int]]()
    expert_sides = 0
    lacks = "the layers of its other towers" if path else ""
    for one in matrices(model):
        if one.layer is None:
            continue
        if one.times > 1 or one.part == "experts":
            lacks = "its experts, which transformers 5 holds as one parameter a layer"
            expert_sides += one.times * (one.rows + one.columns)
        else:
            linear[f"{place}.{one.layer}.{one.name}"] = (one.rows, one.columns)
    rows, width = fields.required("vocab_size"), fields.required("hidden_size")
    embedding = _EMBEDDINGS.get(model_type, "model.language_model.embed_tokens" if path else "model.embed_tokens")
    return Modules(linear, {embedding: (rows, width)}, {OUTPUT: (rows, width)}, "config", lacks, expert_sides)
