"""Show: what a model is, from its files alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from ropescope.checks.reading.layer_groups import LayerGroup, constant_bytes, layer_groups, layout, ranges, reach
from ropescope.checks.reading.layer_map import layer_map, memory_by_length
from ropescope.checks.reading.model_facts import model_facts
from ropescope.errors import RopescopeError
from ropescope.models.cache import BLOCK, cache_bytes
from ropescope.models.model import Layer, Model
from ropescope.models.opening import open as open_model
from ropescope.questions.question import Run
from ropescope.questions.shared import OneModel
from ropescope.report.numbers import binary_size
from ropescope.report.report import Column, Fact, Report, Scalar, Step, Table

LENGTHS: tuple[int, ...] = tuple(1 << power for power in range(12, 21))
"""4,096 to 1,048,576 tokens."""

GIB = 1 << 30

HASHED_BYTES = 4 * GIB
"""Weights that are read to tell whether a profile is theirs; hashing more than this would keep `show` for long."""


@dataclass(frozen=True, kw_only=True)
class ShowInputs(OneModel):
    """One model."""


def answer(inputs: ShowInputs, run: Run) -> Report:
    """What a model is, from its files alone."""
    model = open_model(inputs.source, revision=inputs.revision)
    report = show_model(model)
    facts, caveats, data = _beside(model)
    return replace(
        report,
        facts=(*report.facts, *facts),
        caveats=(*report.caveats, *caveats),
        data={**report.data, "profile": data},
    )


def _beside(model: Model) -> tuple[tuple[Fact, ...], tuple[str, ...], dict[str, Any] | None]:
    """What the profile beside the weights says, if one lies there and is theirs: facts, caveats, data."""
    from ropescope.measure.beside import has_profile, name_beside

    if not has_profile(model.source):
        return (), (), None
    name = name_beside(model.source)
    try:
        return _measured(model)
    except ModuleNotFoundError as error:
        told = f"{name} lies beside the weights and was not read: it needs {error.name} (pip install 'ropescope[measure]')."
    except RopescopeError as error:
        told = f"{name} beside the weights was not used: {error}"
    return (), (told,), {"file": name, "used": False, "why": told}


def _measured(model: Model) -> tuple[tuple[Fact, ...], tuple[str, ...], dict[str, Any] | None]:
    from ropescope.measure.beside import profile_beside, theirs
    from ropescope.measure.summary import summarise

    found = profile_beside(model, most_bytes=HASHED_BYTES)
    if found is None:
        return (), (), None
    summary = summarise(theirs(found).profile)
    gamma = summary.gamma
    fact = Fact(
        "γ, measured",
        None if gamma.value is None else round(gamma.value, 4),
        basis="measured",
        source=found.about,
        interval=gamma.ci,
    )
    data = {"file": found.path.name, "used": True, "gamma": gamma.value, "gamma_ci": gamma.ci and list(gamma.ci)}
    return (fact,), (), {**data, "length": summary.length, "date": found.profile.provenance.get("date")}


def show_model(model: Model) -> Report:
    """What `model` is: its layers, positions, contexts, memory, parameters, precision and tokenizer."""
    tables = [_layer_table(model), *((_memory_table(model),) if model.causal else ())]
    if model.parameters is not None and len(model.parameters.parts) > 1:
        tables.append(_parts_table(model))
    return Report(
        title=model.name,
        verdict=_verdict(model),
        facts=model_facts(model),
        tables=tuple(tables),
        figures=(layer_map(model), *((memory_by_length(model, LENGTHS),) if model.causal else ())),
        caveats=_caveats(model),
        next_steps=_next_steps(model),
        data={
            "model": model.to_dict(),
            "layout": layout(model),
            "reach": reach(model),
            "cache_bytes": {str(length): model.cache_bytes(length) for length in LENGTHS},
        },
    )


def _verdict(model: Model) -> str:
    parts = [
        f"{model.name} ({model.model_type})" if model.model_type and model.model_type != model.name else model.name
    ]
    if (count := model.parameters) is not None:
        active = f", {short_count(count.active)} a token" if count.active != count.total else ""
        about = "about " if count.count == "estimate" else ""
        parts.append(f"{about}{short_count(count.total)} parameters{active}")
    parts.append(layout(model))
    longest = model.context.longest
    if longest is not None:
        whose = f", whose cache takes {binary_size(model.cache_bytes(longest))}" if model.causal else ""
        parts.append(f"context of {longest:,} tokens{_rule(model)}{whose}")
    elif (constant := constant_bytes(model.layers)) and not model.attention_layers:
        parts.append(f"a state of {binary_size(constant)} whatever the length")
    return f"{parts[0]}: {'; '.join(parts[1:])}. {reach(model)}"


def _rule(model: Model) -> str:
    context = model.context
    if not context.rule or context.trained in (None, context.longest):
        return ""
    return f" ({context.rule} from {context.trained:,})"


def short_count(number: int) -> str:
    """`8.03B`, `135M`: a count of parameters in three digits."""
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)


def _layer_table(model: Model) -> Table:
    groups = layer_groups(model)
    rows = tuple(_row(group) for group in groups)
    columns = (
        Column("layers"),
        Column("number"),
        Column("kind"),
        Column("sees", "tokens"),
        Column("heads"),
        Column("KV heads"),
        Column("head dim"),
        Column("RoPE θ"),
        Column("experts"),
        Column("cache a token", "bytes"),
        Column("state", "bytes"),
    )
    kept = [
        place
        for place, column in enumerate(columns)
        if any(row[place] is not None for row in rows) or column.name in ("layers", "number", "kind")
    ]
    return Table(
        "Layers",
        tuple(columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows),
        note="Cache and state in 16 bits; the recurrent part of a state in 32. A dash: everything, or none.",
        limit=24,
    )


def _row(group: LayerGroup) -> tuple[Scalar, ...]:
    layer = group.layer
    kind = " + ".join((layer.kind, *layer.beside)) + (" (shared KV)" if layer.kv_source is not None else "")
    if layer.tokens_per_entry is not None:
        kind += f" ({layer.tokens_per_entry} to one)"
    if layer.sparse is not None:
        kind += f", reads {layer.sparse.top:,}"
    cache = layer.cache
    experts = None
    if layer.experts is not None:
        shared = f" + {layer.experts.shared}" if layer.experts.shared else ""
        experts = f"{layer.experts.active} of {layer.experts.total}{shared}"
    state = 2 * cache.state_elements + 4 * cache.recurrent_elements
    return (
        ranges(group.indices),
        len(group.indices),
        kind,
        layer.window_tokens,
        layer.n_heads or None,
        layer.n_kv_heads or None,
        _dims(layer),
        _theta(layer),
        experts,
        2 * cache.elements_per_token or None,
        state or None,
    )


def _dims(layer: Layer) -> str | int | None:
    if not layer.n_heads:
        return None
    same = layer.value_dim in (0, layer.head_dim)
    return layer.head_dim if same else f"{layer.head_dim} / {layer.value_dim}"


def _theta(layer: Layer) -> Scalar:
    if layer.rope is None:
        return "none" if layer.n_heads else None
    return f"{layer.rope.theta:,.12g}" + (f" ({layer.rope.scaling['rope_type']})" if layer.rope.scaling else "")


def holds_blocks(model: Model) -> bool:
    """Whether the keys and values of every head come in whole blocks of 32, as llama.cpp asks for block types."""
    for layer in model.layers:
        heads = 1 if layer.latent is not None else max(layer.n_kv_heads, 1)
        if layer.cache.key_elements % (heads * BLOCK) or layer.cache.value_elements % (heads * BLOCK):
            return False
    return True


def _memory_table(model: Model) -> Table:
    caches = tuple(layer.cache for layer in model.layers)
    keyed = any(cache.elements_per_token for cache in caches)
    kinds = ("bf16", *(("q8_0", "q4_0") if keyed and holds_blocks(model) else ("fp8",) if keyed else ()))
    longest = model.context.longest
    rows: list[tuple[Scalar, ...]] = []
    for length in LENGTHS:
        sizes = [cache_bytes(caches, length, key_type=kind) / GIB for kind in kinds]
        whole = None if model.weights is None else (model.weights.n_bytes + sizes[0] * GIB) / GIB
        beyond = None if longest is None else "beyond" if length > longest else "yes"
        rows.append((length, *sizes, whole, beyond))
    names = {"bf16": "16-bit cache"}
    columns = [Column("tokens"), *(Column(names.get(kind, f"{kind} cache"), "GiB", ".3f") for kind in kinds)]
    columns += [Column("with weights", "GiB", ".2f"), Column("within context")]
    kept = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    return Table(
        "Memory of one sequence",
        tuple(columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows),
        note="Exact for the layers above, as transformers holds them; engines round up to their blocks (`fit`).",
    )


def _parts_table(model: Model) -> Table:
    assert model.parameters is not None
    total = model.parameters.total
    rows = tuple(
        (part, n, 100 * n / total)
        for part, n in sorted(model.parameters.parts.items(), key=lambda entry: -entry[1])
        if n
    )
    return Table("Parameters by part", (Column("part"), Column("parameters"), Column("share", "%", ".1f")), rows)


def _caveats(model: Model) -> tuple[str, ...]:
    caveats = [note[0].upper() + note[1:] for note in model.notes if note]
    caveats += assumptions(model)
    if model.unread:
        caveats.append(f"Not read: {', '.join(model.unread)}.")
    return tuple(caveats)


def assumptions(model: Model) -> list[str]:
    """What was not in the files and is assumed, in as few sentences as there are reasons."""
    shared: dict[tuple[str, str], list[str]] = {}
    others: list[str] = []
    for name, why in model.assumed.items():
        found = _DEFAULT.fullmatch(why)
        if found is None:
            others.append(f"{name}: {why}.")
        else:
            shared.setdefault((found["version"], found["type"]), []).append(f"{name} {found['value']}")
    together = [
        f"Not in the files, and taken as transformers {version} has it for {model_type}: {', '.join(values)}."
        for (version, model_type), values in shared.items()
    ]
    return together + others


_DEFAULT = re.compile(r"not in the file; transformers (?P<version>\S+) takes (?P<value>.+) for (?P<type>\S+)")


def _next_steps(model: Model) -> tuple[Step, ...]:
    name = model.source.spelled
    steps = [Step("fit", {"source": name, "gpu": "24GB"}, "Whether it fits, and what it costs in context")]
    if model.attention_layers and model.causal:
        steps.append(Step("measure", {"source": name}, "How far its attention really reaches"))
    return tuple(steps)
