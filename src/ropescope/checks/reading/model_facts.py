"""What a model is, as facts: the lines that `show` prints and `compare` lays side by side."""

from __future__ import annotations

from ropescope.checks.reading.layer_groups import constant_bytes, growth_bytes, is_wide, layout
from ropescope.models.model import Model
from ropescope.models.parameters import Parameters
from ropescope.report.numbers import binary_size
from ropescope.report.report import Basis, Fact

_COUNTED: dict[str, tuple[Basis, str]] = {
    "exact": ("config", "the headers of the weight files"),
    "closed": ("config", "the closed form, equal to the network"),
    "meta": ("config", "the network built on the meta device"),
    "estimate": ("formula", "an estimate from the config"),
}


def model_facts(model: Model) -> tuple[Fact, ...]:
    """The facts of a model in the order in which they are shown; what its files do not say is a dash."""
    return (
        Fact("model type", model.model_type or None, basis="config", source=_where(model, "model_type")),
        Fact("layers", layout(model), basis="config"),
        *_heads(model),
        *_parameters(model.parameters),
        *_weights(model),
        *_positions(model),
        *_context(model),
        *_cache(model),
        *_tokenizer(model),
        Fact("licence", model.licence, basis="config"),
    )


def _where(model: Model, name: str) -> str:
    return "general.architecture" if model.source.kind == "gguf" and name == "model_type" else name


def _heads(model: Model) -> tuple[Fact, ...]:
    attending = model.attention_layers
    if not attending:
        return ()
    heads = _several(f"{layer.n_heads} over {layer.n_kv_heads} KV" for layer in attending)
    dims = _several(
        str(layer.head_dim) if layer.value_dim in (0, layer.head_dim) else f"{layer.head_dim}, values {layer.value_dim}"
        for layer in attending
    )
    facts = [Fact("heads", heads, basis="config"), Fact("head dimension", dims, basis="config")]
    latents = _several(
        f"{layer.latent.kv_rank} + {layer.latent.rotary_dim} rotary" for layer in attending if layer.latent is not None
    )
    if latents:
        facts.append(Fact("KV latent", latents, basis="config", source="kv_lora_rank, qk_rope_head_dim"))
    experts = _several(
        f"{layer.experts.active} of {layer.experts.total}"
        + (f" + {layer.experts.shared} shared" if layer.experts.shared else "")
        for layer in model.layers
        if layer.experts is not None
    )
    if experts:
        mixed = sum(layer.experts is not None for layer in model.layers)
        facts.append(Fact("experts a token", experts, basis="config", note=f"in {mixed} of {len(model.layers)} layers"))
    return tuple(facts)


def _several(texts: object) -> str:
    """The different ones of some texts, joined."""
    return " or ".join(dict.fromkeys(texts))  # type: ignore[call-overload]


def _parameters(parameters: Parameters | None) -> tuple[Fact, ...]:
    if parameters is None:
        return (Fact("parameters", None, basis="config", note="no weight files were read"),)
    basis, how = _COUNTED[parameters.count]
    facts = [Fact("parameters", parameters.total, basis=basis, source=parameters.source or how)]
    if parameters.active != parameters.total:
        facts.append(
            Fact("parameters a token uses", parameters.active, basis=basis, source="all but the experts not chosen")
        )
    return tuple(facts)


def _weights(model: Model) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    if (weights := model.weights) is not None:
        types = ", ".join(
            f"{kind} {binary_size(n)}" for kind, n in sorted(weights.by_type.items(), key=lambda e: -e[1])[:4]
        )
        more = f" and {len(weights.by_type) - 4} more types" if len(weights.by_type) > 4 else ""
        files = f"{weights.n_files} file{'s' if weights.n_files != 1 else ''}"
        facts.append(Fact("weights", binary_size(weights.n_bytes), basis="config", source=f"{types}{more}; {files}"))
    elif (quantised := model.quantization) is not None and (counted := quantised.weights) is not None:
        lacking = f"a lower bound; not understood: {'; '.join(counted.lacks)}" if counted.lacks else ""
        facts.append(
            Fact("weights", binary_size(counted.n_bytes), basis="formula", source=counted.source, note=lacking)
        )
    if model.adapter_bytes:
        facts.append(Fact("adapter", binary_size(model.adapter_bytes), basis="config", source="its weight file"))
    if model.dtype:
        facts.append(Fact("precision", model.dtype, basis="config", source="dtype"))
    if (quantised := model.quantization) is not None:
        bits = f", {quantised.bits:g} bits" if quantised.bits is not None else ""
        facts.append(Fact("quantisation", f"{quantised.method}{bits}", basis="config"))
    return tuple(facts)


def _positions(model: Model) -> tuple[Fact, ...]:
    if model.positions != "rope":
        return (Fact("positions", model.positions, basis="config"),)
    kinds: dict[str, list[str]] = {}
    for layer in model.attention_layers:
        if layer.rope is None:
            text = "none (NoPE)"
        else:
            part = f", {layer.rope.rotary_fraction:.0%} of a head" if layer.rope.rotary_fraction != 1 else ""
            rule = f", {layer.rope.scaling['rope_type']}" if layer.rope.scaling else ""
            text = f"RoPE θ = {layer.rope.theta:,.12g}{part}{rule}"
        kinds.setdefault(text, []).append(layer.kind)
    texts = [
        text if len(kinds) == 1 else f"{text} ({' and '.join(dict.fromkeys(words))})" for text, words in kinds.items()
    ]
    basis: Basis = (
        "assumed" if any(name.startswith(("rope_theta", "rope.theta")) for name in model.assumed) else "config"
    )
    return (Fact("positions", "; ".join(texts), basis=basis),)


def _context(model: Model) -> tuple[Fact, ...]:
    context = model.context
    basis: Basis = "assumed" if "max_position_embeddings" in model.assumed else "config"
    facts = [_length("context, configured", context.configured, context.configured_field, basis)]
    if context.rule or context.trained != context.configured:
        facts.append(_length("context, before scaling", context.trained, context.trained_field))
    if context.rule:
        factor = f" × {context.factor:g}" if context.factor is not None else ""
        facts.append(
            _length("context, extended", context.extended, f"{context.rule}{factor}; {context.extended_field}")
        )
    return tuple(facts)


def _length(name: str, tokens: int | None, source: str, basis: Basis = "config") -> Fact:
    return Fact(name, tokens, "" if tokens is None else "tokens", basis=basis, source=source)


def _cache(model: Model) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    if any(layer.cache.elements_per_token for layer in model.layers):
        wide = [layer for layer in model.layers if is_wide(model, layer)]
        growing = growth_bytes(model.layers) + float(sum(2 * layer.cache.elements_per_token for layer in wide))
        first = float(sum(2 * layer.cache.elements_per_token for layer in model.layers))
        note = "" if growing == first else f"{first:,.0f} until the windows are full"
        facts.append(
            Fact("cache a token", growing, "bytes", basis="formula", source="keys and values in 16 bits", note=note)
        )
    if constant := constant_bytes(model.layers):
        facts.append(Fact("state a sequence", constant, "bytes", basis="formula", source="16 bits, recurrent part 32"))
    return tuple(facts)


def _tokenizer(model: Model) -> tuple[Fact, ...]:
    rows = Fact("vocabulary", model.vocab_size, "" if model.vocab_size is None else "rows", basis="config")
    tokenizer = model.tokenizer
    if tokenizer is None:
        return (rows,)
    facts = [rows]
    if tokenizer.vocab_size is not None and tokenizer.vocab_size != model.vocab_size:
        facts.append(Fact("tokens with an id", tokenizer.vocab_size, basis="config", source=tokenizer.source))
    ids = ", ".join(f"{name} {' '.join(map(str, values))}" for name, values in tokenizer.special_ids.items())
    template = None if tokenizer.chat_template is None else f"{len(tokenizer.chat_template):,} characters"
    facts.append(Fact("special ids", ids or None, basis="config", source=tokenizer.source))
    facts.append(Fact("chat template", template, basis="config", source=tokenizer.source))
    return tuple(facts)
