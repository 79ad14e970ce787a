"""The scaling that a model came with: what it is, how far it reaches, and how it goes on beyond that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ropescope.errors import ExtendError
from ropescope.extend.plan.groups import RopeGroup, text_config
from ropescope.extend.plan.rope_plan import METHOD_NAMES, Method
from ropescope.models.gguf.header import read_header
from ropescope.models.gguf.model import FACTOR_TENSORS
from ropescope.models.model import Model

_KNOWN: Final = frozenset({"linear", "dynamic", "yarn", "llama3", "longrope"})
_PRETRAINED: Final[Mapping[tuple[str, int], int]] = {("qwen3", 40960): 32768, ("qwen3_moe", 40960): 32768}
"""(model type, stated length) → length of training, where the makers say that the two differ: Qwen3's configs state room
for 32,768 tokens and an answer, and its model cards scale from 32,768."""


@dataclass(frozen=True, slots=True)
class Native:
    """What a model's files say of its reach. `trained` tokens without scaling (None: not told), `reach` tokens as the files
    have it. `method` is the scaling it came with ("none": it came without), `factor` that scaling's, and `words` say it.
    `elsewhere` is a longer reach that needs an engine's own attention (0: there is none), and `source` the field that
    `trained` was read from."""

    trained: int | None
    reach: int
    method: Method = "none"
    factor: float = 1.0
    words: str = ""
    elsewhere: int = 0
    source: str = ""

    @property
    def scaled(self) -> bool:
        """Whether the model came with a scaling."""
        return self.method != "none"


def native_of(model: Model, groups: tuple[RopeGroup, ...], trained: int | None = None) -> Native:
    """The Native of a model; `trained` is what a user knows of its training, and goes before the files.

    Raises ExtendError where no length is stated anywhere, or the scaling is of a kind that is not known.
    """
    context = model.context
    scaled = next((group for group in groups if _kind(group) != "default"), None)
    if scaled is None:
        chunks = text_config(model)[0].get("dual_chunk_attention_config")
        if isinstance(chunks, Mapping) and trained is None and context.configured is not None:
            return _dual_chunk(chunks, context.configured)
        length = trained or _pretrained(model) or context.configured
        if length is None:
            raise ExtendError(f"{model.name} does not state its trained length: give `trained`.")
        source = "given" if trained is not None else context.configured_field
        if trained is None and length != context.configured:
            source = f"the makers' model cards, which scale from this length ({context.configured_field} is {context.configured:,})"
        return Native(length, max(length, context.configured or 0) if trained is None else length, source=source)
    kind = _kind(scaled)
    if kind not in _KNOWN:
        raise ExtendError(
            f"{model.name} has a RoPE scaling of the type {kind!r}, which ropescope does not know: use another model."
        )
    reach = trained if context.longest is None else context.longest
    if reach is None:
        raise ExtendError(f"{model.name} does not state a context length: give `trained`.")
    scaling = scaled.rope.scaling or {}
    factor = float(scaling.get("factor") or context.factor or 1.0)
    original = trained or context.trained
    if kind == "dynamic" and original is not None:
        reach = max(reach, round(original * factor))
    return Native(
        trained=original,
        reach=reach,
        method=kind,  # type: ignore[arg-type]  # one of _KNOWN
        factor=factor,
        words=_words(kind, factor, original, reach, scaled.layer_type),
        source="given" if trained is not None else context.trained_field,
    )


def check_tensors(model: Model) -> None:
    """Raises ExtendError for a GGUF file that holds factors for each pair as a tensor, as those of Llama 3.1 and of Phi do:
    its metadata do not tell what scaling that is, so a plan would come on top of it."""
    if model.source.kind != "gguf" or model.source.path is None:
        return
    found = sorted({tensor.name for tensor in read_header(model.source.path).tensors} & FACTOR_TENSORS)
    if found:
        raise ExtendError(
            f"{model.name} has a scaling factor for each rotary pair in a tensor ({found[0]}), and its metadata do not "
            "name the method: name the original model, which has a config.json."
        )


def _kind(group: RopeGroup) -> str:
    kind = str((group.rope.scaling or {}).get("rope_type", "default"))
    if kind == "proportional" and float((group.rope.scaling or {}).get("factor") or 1.0) == 1.0:
        return "default"
    return {"su": "longrope", "proportional": "linear", "mrope": "default"}.get(kind, kind)


def _pretrained(model: Model) -> int | None:
    return _PRETRAINED.get((model.model_type, model.context.configured or 0))


def _dual_chunk(chunks: Mapping[str, Any], stated: int) -> Native:
    trained = int(chunks.get("original_max_position_embeddings") or stated)
    words = (
        f"dual chunk attention from {trained:,} to {stated:,} tokens, in engines that support it; its RoPE is not "
        "scaled"
    )
    return Native(
        trained,
        trained,
        words=words,
        elsewhere=stated,
        source="dual_chunk_attention_config.original_max_position_embeddings",
    )


def _words(kind: str, factor: float, original: int | None, reach: int, layer_type: str) -> str:
    where = f" in its {layer_type.replace('_', ' ')} layers" if layer_type else ""
    named = METHOD_NAMES[kind]  # type: ignore[index]  # one of _KNOWN
    by = "" if kind == "longrope" else f" by {factor:g}"
    start = "" if original is None else f" from {original:,}"
    return f"{named}{by}{where},{start} to {reach:,} tokens"


def beyond(native: Native, target: int) -> float:
    """The factor with which the scaling a model came with reaches `target` tokens.

    YaRN, linear and dynamic scaling count it from the length before them; Llama 3.1's factor, and a linear one whose
    start is not told, are no ratio of lengths, so they grow by the same share as the length. Raises ExtendError for
    LongRoPE.
    """
    if native.method == "longrope":
        raise ExtendError(
            f"This model comes with {native.words}. Its factors were searched for one length, and no formula extends them: "
            "run `extend search`, or name another method, such as yarn. It starts from the unscaled RoPE, so the training "
            "on LongRoPE is lost."
        )
    if native.method == "llama3" or native.trained is None:
        return native.factor * target / native.reach
    return target / native.trained
