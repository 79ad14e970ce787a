"""A RopePlan as a Report: the answer, what it rests on, what happens to each pair, and the settings to copy."""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from shlex import quote

from ropescope.extend.figures import distance_figure, wavelength_figure
from ropescope.extend.plan.choosing import TUNED_FACTORS, ZERO_SHOT_FACTOR
from ropescope.extend.plan.frequencies import stated_factor
from ropescope.extend.plan.methods import default_far_divisor, default_near_tokens
from ropescope.extend.plan.rope_plan import METHOD_NAMES, LayerTypePlan, Method, RopePlan
from ropescope.extend.settings.setting import EngineSettings, printable
from ropescope.report.report import Basis, Column, Fact, Report, Scalar, Step, Table
from ropescope.theory.base_bound import base_lower_bound_fit

SHORT_PROMPTS: dict[Method, str] = {
    "linear": "read with it, too: on SmolLM2 a factor of 2 doubles the loss there",
    "ntk": "read with it, too: on SmolLM2 a factor of 2 adds 1.6 % ± 0.5 to the loss there",
    "alpha": "read with it, too: on SmolLM2 α = 2 adds 1.6 % ± 0.5 to the loss there, α = 4 adds 4.2 % ± 1.2",
    "yarn": "read with it, too: on SmolLM2 a factor of 2 adds 1.7 % ± 0.5 to the loss there, one of 4 adds 6.0 % ± 1.7",
    "llama3": "read with it, too: on SmolLM2, untrained for it, a factor of 2 adds 2.4 % ± 0.7 to the loss there",
    "dynamic": "nothing, within the trained length",
    "rerope": "nothing: up to the trained length the model's own attention runs",
}
"""What prompts within the trained length pay, by `benchmarks/extend_quality.py`: SmolLM2-135M-Instruct, nine held-out texts of
twice or four times the trained 8,192 tokens (prose, code, tables), loss of the first 8,192 against no scaling on the same text."""


_NOTHING = "on SmolLM2 nothing: none that a config can say loses less than its last 8,192 tokens alone, unscaled"
WORTH: dict[Method, str] = {
    **dict.fromkeys(("linear", "ntk", "alpha", "llama3", "dynamic"), _NOTHING),
    "yarn": "on SmolLM2 nothing: its last 8,192 tokens alone, unscaled, lose 0.017 ± 0.015 nats a token less at the end of 16,384, "
    "and 0.092 ± 0.047 less of 32,768",
    "rerope": "on SmolLM2 it loses 0.016 ± 0.013 nats a token less at the end of 16,384 than its last 8,192 tokens alone, and "
    "0.016 ± 0.036 less of 32,768",
}
"""What reading all of a long text wins over the unscaled model that is shown its last tokens alone; by the same benchmark."""


def plan_report(
    plan: RopePlan,
    settings: Sequence[EngineSettings],
    *,
    source: str = "SOURCE",
    kept_in: str | None = None,
    config_in: str | None = None,
    gguf_in: str | None = None,
) -> Report:
    """The report of a plan with the settings of some engines; `source` is how the user named the model, `kept_in` the file
    the plan was saved in, `config_in` and `gguf_in` the config.json and the GGUF file that were written."""
    return Report(
        title=_title(plan),
        verdict=_verdict(plan),
        facts=_facts(plan),
        tables=(*(_pairs(plan) if plan.in_config else _distances(plan)), *(_snippet(entry) for entry in settings)),
        figures=(wavelength_figure(plan) if plan.in_config else distance_figure(plan),),
        caveats=plan.caveats,
        next_steps=(*_next_steps(plan, source, kept_in, config_in), *_served(plan, gguf_in)),
        data={**plan.to_dict(), "settings": [_plain(entry) for entry in settings]},
    )


def _title(plan: RopePlan) -> str:
    if plan.target_length <= plan.native_length:
        return f"{plan.target_length:,} tokens of context: {plan.model}"
    return f"From {plan.native_length:,} to {plan.target_length:,} tokens: {plan.model}"


def _verdict(plan: RopePlan) -> str:
    if not plan.changes:
        return plan.reasons[0] if plan.reasons else f"{plan.model} stays as it is at {plan.target_length:,} tokens."
    name = METHOD_NAMES[plan.method]
    entry = _scaled(plan)
    if plan.method == "alpha":
        alpha = entry.theta / entry.theta_before
        name = f"A base of {entry.theta:,.0f} (α = {alpha:.4g})"
        stretch = entry.before[-1] / entry.after[-1] if entry.after[-1] else 1.0
        if stretch < plan.factor * 0.95:
            return (
                f"{name} stretches the slowest pair of {plan.model} {stretch:.3g} times, short of the {plan.factor:.3g} that "
                f"{plan.target_length:,} tokens ask for."
            )
    elif not plan.in_config:
        name = f"{METHOD_NAMES[plan.method]} beyond {entry.near_tokens:,} tokens back"
    elif plan.method != "searched":
        name = f"{name} by {plan.factor:.4g}"
    takes = "take" if plan.method == "searched" else "takes"
    reach = f"{takes} {plan.model} from {plan.native_length:,} to {plan.target_length:,} tokens"
    if plan.extends_native:
        return f"{_capital(name)}, the scaling it came with at a larger factor, {reach}: score it, or fine-tune."
    if plan.target_length / plan.trained_length > ZERO_SHOT_FACTOR:
        return f"{_capital(name)} {reach}, but so far fine-tuning is usual: without it, expect losses."
    return f"{_capital(name)} {reach}, without training."


def _scaled(plan: RopePlan) -> LayerTypePlan:
    return next((entry for entry in plan.layer_types if entry.changed), plan.layer_types[0])


def _facts(plan: RopePlan) -> tuple[Fact, ...]:
    entry = _scaled(plan)
    pairs = len(entry.after)
    never = sum((length or 0) > plan.seen_length for length in entry.wavelengths(after=False))
    facts = [
        Fact("method", METHOD_NAMES[plan.method], "", "assumed", " ".join(plan.reasons)),
        Fact("trained length", plan.trained_length, "tokens", *_trained(plan)),
        Fact("reached as it is", plan.native_length, "tokens", "config", plan.native or "no scaling in the files"),
        Fact("target", plan.target_length, "tokens", "assumed", "asked for"),
    ]
    if plan.extras.get("elsewhere"):
        facts.append(Fact("with its own attention", int(plan.extras["elsewhere"]), "tokens", "config", plan.native))
    if plan.changes:
        facts.append(Fact("factor", plan.factor, "", "formula", _factor_source(plan)))
    facts.append(Fact("base θ", entry.theta_before, "", "config", "rope_theta"))
    if not isclose(entry.theta, entry.theta_before):
        facts.append(Fact("base θ after", entry.theta, "", "formula", _theta_source(plan)))
    facts += _bound(plan, entry)
    facts.append(
        Fact(
            "pairs that never came round",
            f"{never} of {pairs}",
            "",
            "formula",
            f"wavelength beyond the {plan.seen_length:,} tokens of training",
        )
    )
    if plan.changes:
        kept = sum(isclose(was, now, rel_tol=1e-6) for was, now in zip(entry.before, entry.after, strict=True))
        if entry.near_tokens is not None:
            facts += _ranges(plan, entry.near_tokens)
        else:
            facts.append(Fact("pairs left as they are", f"{kept} of {pairs}", "", "formula", f"by {plan.method}"))
        logits = f"on queries and keys; logits × {entry.attention_factor**2:.4g}"
        source = "0.1 ln s + 1, a fit of YaRN's authors" if plan.method == "yarn" else "the method has none"
        source = "mscale and mscale_all_dim of the config" if entry.parameters.get("mscale_all_dim") else source
        source = "attention_factor of the config" if stated_factor(entry.parameters) is not None else source
        source = "found with the factors" if plan.method == "searched" else source
        shown = "" if entry.attention_factor == 1.0 else logits
        facts.append(Fact("attention factor", round(entry.attention_factor, 4), "", "formula", source, note=shown))
        facts.append(_short(plan))
        if plan.method in WORTH and not plan.extends_native and _keeps_the_rule(plan):
            source = (
                "nine texts, the last 2,048 tokens, paired, 95 %; score your own: `extend evaluate`, truncated among "
                "its `methods`"
            )
            facts.append(Fact("worth of reading all", WORTH[plan.method], "", "measured", source))
        facts.append(_tuning(plan))
    return tuple(facts)


def _keeps_the_rule(plan: RopePlan) -> bool:
    """Whether nothing but a rule says what reads near and far."""
    near = plan.layer_types[0].near_tokens
    return near is None or all(fact.basis == "formula" for fact in _ranges(plan, near))


def _ranges(plan: RopePlan, near: int) -> list[Fact]:
    """What reads near, and how slowly distance grows beyond: by the rule, or as it was given."""
    entry = plan.layer_types[0]
    slower = entry.before[0] / entry.after[0]
    by_rule = isclose(slower, default_far_divisor(near, plan.trained_length, plan.target_length), rel_tol=1e-9)
    near_is: tuple[Basis, str] = ("formula", "a quarter of the trained length")
    if near != default_near_tokens(plan.trained_length):
        near_is = ("assumed", "given, or found by a search")
    reads = f"the farthest key of the target then reads at {entry.effective_distance(plan.target_length):,.0f}"
    slower_is: tuple[Basis, str] = (
        ("formula", reads) if by_rule else ("assumed", f"given, or found by a search; {reads}")
    )
    return [
        Fact("near", near, "tokens back", *near_is),
        Fact("distance beyond it grows", f"{slower:.4g} times slower", "", *slower_is),
    ]


def _trained(plan: RopePlan) -> tuple[Basis, str]:
    source = str(plan.extras.get("trained_from") or "")
    if source == "given":
        return "assumed", "`trained`"
    if source.startswith("the makers"):
        return "published", source
    return "config", source or "the length it reaches: what came before its scaling is not told"


def _factor_source(plan: RopePlan) -> str:
    if plan.extends_native and not isclose(plan.factor, plan.target_length / plan.trained_length):
        return "the model's own, grown by the same share as the length: it is no ratio of lengths"
    return "target / trained length"


def _theta_source(plan: RopePlan) -> str:
    if plan.method == "ntk":
        return "θ · s^(d/(d−2)): the slowest pair s times slower"
    if plan.extras.get("gamma") is not None:
        return f"θ_design at γ = {plan.extras['gamma']:g} (heuristic: never tested against YaRN)"
    return "θ · α; α = s keeps γ_Padé, and is NTK-aware scaling with a large head"


def _bound(plan: RopePlan, entry: LayerTypePlan) -> list[Fact]:
    bound = base_lower_bound_fit(plan.target_length)
    stretched = plan.native_method != "none" or plan.method in ("yarn", "llama3", "linear", "searched", "rerope")
    if entry.theta >= bound:
        note = "the base is above it"
    elif stretched:
        note = "the base is below it, but scaling stretches the slow pairs instead of the base"
    else:
        note = "the base is below it, where they found low loss without retrieval"
    return [
        Fact(
            "base lower bound at target", float(f"{bound:.3g}"), "", "formula", "Men et al. 2024, their fit", note=note
        )
    ]


def _short(plan: RopePlan) -> Fact:
    words = SHORT_PROMPTS.get(plan.method)
    if words is None or plan.extends_native:
        return Fact("short prompts", "read with it, too", "", "formula", "the scaling is static")
    if plan.method in ("dynamic", "rerope"):
        grows = "the base grows" if plan.method == "dynamic" else "far keys are read otherwise"
        return Fact("short prompts", words, "", "formula", f"{grows} beyond the trained length only")
    return Fact("short prompts", words, "", "measured", "the trained 8,192 of nine texts that long, paired, 95 %")


def _tuning(plan: RopePlan) -> Fact:
    ratio = plan.target_length / plan.trained_length
    if plan.extends_native:
        return Fact("fine-tuning", "not known beyond what it was trained for", "", "assumed", plan.native)
    if ratio > ZERO_SHOT_FACTOR:
        return Fact("fine-tuning", f"usual at {ratio:.3g} times the trained length", "", "published", TUNED_FACTORS)
    if plan.method in ("linear", "llama3"):
        source = {
            "linear": "position interpolation was published with 1,000 steps of it",
            "llama3": "its makers trained at the long length",
        }[plan.method]
        return Fact("fine-tuning", "usual at any factor", "", "published", source)
    if not plan.in_config:
        words = "not usual: it was published for use without it"
        return Fact("fine-tuning", words, "", "published", "Su (2023): ReRoPE, kexue.fm/archives/9708")
    source = f"Qwen publish YaRN {ZERO_SHOT_FACTOR:g} for weights that were not tuned for it"
    if plan.method != "yarn":
        source = f"NTK-aware scaling was published for use without it; {source}"
    return Fact("fine-tuning", f"not usual at {ratio:.3g} times the trained length", "", "published", source)


def _pairs(plan: RopePlan) -> tuple[Table, ...]:
    columns = (
        Column("pair"),
        Column("wavelength", "", ",.0f"),
        Column("after", "", ",.0f"),
        Column("turns trained", "", ",.3g"),
        Column("in target", "", ",.3g"),
        Column("what is done"),
    )
    tables = []
    for entry in plan.layer_types:
        if plan.changes and not entry.changed:
            continue
        where = f", {entry.layer_type.replace('_', ' ')}" if entry.layer_type else ""
        tables.append(
            Table(
                title=f"Rotary pairs, fastest first{where}",
                columns=columns,
                rows=tuple(_row(plan, entry, pair) for pair in _shown(len(entry.after))),
                note=_WAVELENGTH + (f" {len(entry.after)} pairs; `json` has all." if len(entry.after) > _FEW else ""),
            )
        )
    return tuple(tables)


def _distances(plan: RopePlan) -> tuple[Table, ...]:
    """How far keys are read, at the near border and by doublings of it."""
    entry = plan.layer_types[0]
    assert entry.near_tokens is not None
    shown, distance = [], entry.near_tokens // 2
    while 0 < distance < plan.target_length:
        shown.append(distance)
        distance *= 2
    rows = tuple((tokens, entry.effective_distance(tokens)) for tokens in (*shown, plan.target_length))
    return (
        Table(
            title="Distance of a key, and the distance it is read at",
            columns=(Column("tokens back", "", ",.0f"), Column("read as", "", ",.0f")),
            rows=rows,
            note=f"For queries from position {plan.trained_length:,} on; those before read every key where it is.",
        ),
    )


_FEW = 16
_WAVELENGTH = (
    "wavelength: tokens for a full turn; turns: how many there are in the length of training and in the target."
)


def _shown(pairs: int) -> list[int]:
    """All pairs of a small head, else sixteen that span it, the first and the last among them."""
    if pairs <= _FEW:
        return list(range(pairs))
    return sorted({round(step * (pairs - 1) / (_FEW - 1)) for step in range(_FEW)})


def _row(plan: RopePlan, entry: LayerTypePlan, pair: int) -> tuple[Scalar, ...]:
    before, after = entry.wavelengths(after=False)[pair], entry.wavelengths()[pair]
    if before is None or after is None:
        return (pair, before, after, None, None, "does not turn")
    stretch = after / before
    if isclose(stretch, 1.0, rel_tol=1e-6):
        done = "left as it is"
    else:
        done = f"{stretch:.4g} times slower" if stretch > 1 else f"{1 / stretch:.4g} times faster"
    return (pair, before, after, plan.seen_length / before, plan.target_length / after, done)


def _snippet(entry: EngineSettings) -> Table:
    lines = entry.text.splitlines() or ["cannot be told; see the note"]
    return Table(
        title=f"{entry.engine} ({entry.versions})",
        columns=(Column(entry.language if entry.text else "settings"),),
        rows=tuple((line,) for line in lines),
        note=" ".join((*entry.remarks, f"Read in {entry.read_from}.")),
    )


def _next_steps(plan: RopePlan, source: str, kept_in: str | None, config_in: str | None) -> tuple[Step | str, ...]:
    if not plan.changes:
        return ()
    methods = f"none,truncated,{kept_in or plan.method}"
    given = {"source": printable(source), "to": str(plan.target_length)}
    steps: list[Step | str] = [
        Step("extend evaluate", {**given, "methods": printable(methods)}, "Score it before you serve it")
    ]
    if plan.method == "yarn" and not plan.extends_native:
        steps.append(
            Step("extend search", {**given, "out": "searched.json"}, "Look for factors that fit these weights better")
        )
        if plan.extras.get("rerope"):
            why = "In transformers alone, Leaky ReRoPE reads farther and costs nothing within"
            steps.append(Step("extend plan", {**given, "method": "rerope", "out": "rerope.json"}, why))
    if kept_in is None:
        steps.append(
            "Keep the plan with `out`, as plan.json: RopePlan.load('plan.json').apply(model) puts it on a loaded model."
        )
    else:
        steps.append(
            f"RopePlan.load({kept_in!r}).apply(model) puts it on a loaded transformers model"
            + (
                "; `with plan.applied(model, n_tokens=N)` does for texts longer than trained, and leaves shorter ones alone."
                if plan.in_config
                else "."
            )
        )
    if not plan.in_config:
        return tuple(steps)
    if config_in is None:
        steps.append("`save_config` writes the model's config.json with these positions, and all else as it is.")
    else:
        steps.append(f"{config_in} has these positions: put the weights and the tokenizer beside it.")
    return tuple(steps)


def _served(plan: RopePlan, gguf_in: str | None) -> tuple[str, ...]:
    if gguf_in is None:
        return ()
    name = quote(printable(gguf_in))
    return (
        f"{gguf_in} holds these positions: llama-server -m {name} -c {plan.target_length}; for Ollama a Modelfile of "
        f"FROM {gguf_in} and PARAMETER num_ctx {plan.target_length}.",
    )


def _plain(entry: EngineSettings) -> dict[str, object]:
    return {
        "engine": entry.engine,
        "versions": entry.versions,
        "read_from": entry.read_from,
        "language": entry.language,
        "text": entry.text,
        "remarks": list(entry.remarks),
        "overrides": dict(entry.overrides),
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
