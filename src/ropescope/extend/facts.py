"""The facts of a RopePlan: what each number is, and what it rests on."""

from __future__ import annotations

from math import isclose

from ropescope.extend.plan.choosing import TUNED_FACTORS, ZERO_SHOT_FACTOR
from ropescope.extend.plan.frequencies import stated_factor
from ropescope.extend.plan.methods import default_far_divisor, default_near_tokens
from ropescope.extend.plan.rope_plan import METHOD_NAMES, LayerTypePlan, Method, RopePlan
from ropescope.report.report import Basis, Fact
from ropescope.theory.base_bound import base_lower_bound_fit

SHORT_PROMPTS: dict[Method, str] = {
    "linear": "scaled too: on SmolLM2, a factor of 2 doubles the loss there",
    "ntk": "scaled too: on SmolLM2, a factor of 2 adds 1.6 % ± 0.5 to the loss there",
    "alpha": "scaled too: on SmolLM2, α = 2 adds 1.6 % ± 0.5 to the loss there, α = 4 adds 4.2 % ± 1.2",
    "yarn": "scaled too: on SmolLM2, a factor of 2 adds 1.7 % ± 0.5 to the loss there, a factor of 4 adds 6.0 % ± 1.7",
    "llama3": "scaled too: on SmolLM2, without fine-tuning, a factor of 2 adds 2.4 % ± 0.7 to the loss there",
    "dynamic": "not scaled within the trained length",
    "rerope": "not changed: up to the trained length, the model's own attention runs",
}
"""What prompts within the trained length pay, by `benchmarks/extend_quality.py`: SmolLM2-135M-Instruct, nine held-out texts of
twice or four times the trained 8,192 tokens (prose, code, tables), loss of the first 8,192 against no scaling on the same text."""


_NOTHING = "none on SmolLM2: no method in a config beats the unscaled model on only its last 8,192 tokens"
WORTH: dict[Method, str] = {
    **dict.fromkeys(("linear", "ntk", "alpha", "llama3", "dynamic"), _NOTHING),
    "yarn": "none on SmolLM2. With only its last 8,192 tokens, the unscaled model has a lower loss: by 0.017 ± 0.015 nats "
    "per token at the end of 16,384, by 0.092 ± 0.047 at the end of 32,768",
    "rerope": "on SmolLM2, a lower loss than with only its last 8,192 tokens: by 0.016 ± 0.013 nats per token at the end of "
    "16,384, by 0.016 ± 0.036 at the end of 32,768",
}
"""What reading all of a long text wins over the unscaled model that is shown its last tokens alone; by the same benchmark."""


def scaled_layers(plan: RopePlan) -> LayerTypePlan:
    return next((entry for entry in plan.layer_types if entry.changed), plan.layer_types[0])


def plan_facts(plan: RopePlan) -> tuple[Fact, ...]:
    entry = scaled_layers(plan)
    pairs = len(entry.after)
    never = sum((length or 0) > plan.seen_length for length in entry.wavelengths(after=False))
    facts = [
        Fact("method", METHOD_NAMES[plan.method], "", "assumed", " ".join(plan.reasons)),
        Fact("trained length", plan.trained_length, "tokens", *_trained(plan)),
        Fact(
            "reached without a plan", plan.native_length, "tokens", "config", plan.native or "no scaling in the files"
        ),
        Fact("target", plan.target_length, "tokens", "assumed", "as given"),
    ]
    if plan.extras.get("elsewhere"):
        facts.append(
            Fact("reached with engine support", int(plan.extras["elsewhere"]), "tokens", "config", plan.native)
        )
    if plan.changes:
        facts.append(Fact("factor", plan.factor, "", "formula", _factor_source(plan)))
    facts.append(Fact("base θ", entry.theta_before, "", "config", "rope_theta"))
    if not isclose(entry.theta, entry.theta_before):
        facts.append(Fact("base θ after", entry.theta, "", "formula", _theta_source(plan)))
    facts += _bound(plan, entry)
    facts.append(
        Fact(
            "pairs without a full turn",
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
            facts.append(Fact("pairs kept as they are", f"{kept} of {pairs}", "", "formula", f"by {plan.method}"))
        logits = f"on queries and keys; logits × {entry.attention_factor**2:.4g}"
        source = "0.1 ln s + 1, a fit of YaRN's authors" if plan.method == "yarn" else "the method has none"
        source = "mscale and mscale_all_dim of the config" if entry.parameters.get("mscale_all_dim") else source
        source = "attention_factor of the config" if stated_factor(entry.parameters) is not None else source
        source = "found by the same search" if plan.method == "searched" else source
        shown = "" if entry.attention_factor == 1.0 else logits
        facts.append(Fact("attention factor", round(entry.attention_factor, 4), "", "formula", source, note=shown))
        facts.append(_short(plan))
        if plan.method in WORTH and not plan.extends_native and _keeps_the_rule(plan):
            source = (
                "nine texts, the last 2,048 tokens, paired, 95 %; for your model: `extend evaluate` with truncated among its "
                "`methods`"
            )
            facts.append(Fact("gain over truncation", WORTH[plan.method], "", "measured", source))
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
    reads = f"the farthest key of the target then has the distance {entry.effective_distance(plan.target_length):,.0f}"
    slower_is: tuple[Basis, str] = (
        ("formula", reads) if by_rule else ("assumed", f"given, or found by a search; {reads}")
    )
    return [
        Fact("near", near, "tokens back", *near_is),
        Fact("distance growth beyond it", f"{slower:.4g} times slower", "", *slower_is),
    ]


def _trained(plan: RopePlan) -> tuple[Basis, str]:
    source = str(plan.extras.get("trained_from") or "")
    if source == "given":
        return "assumed", "`trained`"
    if source.startswith("the makers"):
        return "published", source
    return "config", source or "the length with its scaling; the files do not state the length before it"


def _factor_source(plan: RopePlan) -> str:
    if plan.extends_native and not isclose(plan.factor, plan.target_length / plan.trained_length):
        return "the model's own factor, scaled in proportion to the length: it is not a ratio of lengths"
    return "target / trained length"


def _theta_source(plan: RopePlan) -> str:
    if plan.method == "ntk":
        return "θ · s^(d/(d−2)): the slowest pair s times slower"
    if plan.extras.get("gamma") is not None:
        return f"θ_design at γ = {plan.extras['gamma']:g} (heuristic: never tested against YaRN)"
    return "θ · α; α = s keeps γ_Padé, and equals NTK-aware scaling for a large head"


def _bound(plan: RopePlan, entry: LayerTypePlan) -> list[Fact]:
    bound = base_lower_bound_fit(plan.target_length)
    stretched = plan.native_method != "none" or plan.method in ("yarn", "llama3", "linear", "searched", "rerope")
    if entry.theta >= bound:
        note = "the base is above it"
    elif stretched:
        note = "the base is below it, but scaling stretches the slow pairs instead of the base"
    else:
        note = "the base is below it: there they found low loss, but no retrieval"
    return [
        Fact(
            "base lower bound at target", float(f"{bound:.3g}"), "", "formula", "Men et al. 2024, their fit", note=note
        )
    ]


def _short(plan: RopePlan) -> Fact:
    words = SHORT_PROMPTS.get(plan.method)
    if words is None or plan.extends_native:
        return Fact("short prompts", "scaled too", "", "formula", "the scaling is static")
    if plan.method in ("dynamic", "rerope"):
        grows = "the base grows" if plan.method == "dynamic" else "far distances are shortened"
        return Fact("short prompts", words, "", "formula", f"{grows} beyond the trained length only")
    return Fact("short prompts", words, "", "measured", "nine texts of the trained 8,192 tokens, paired, 95 %")


def _tuning(plan: RopePlan) -> Fact:
    ratio = plan.target_length / plan.trained_length
    if plan.extends_native:
        return Fact("fine-tuning", "unknown beyond the length it was trained for", "", "assumed", plan.native)
    if ratio > ZERO_SHOT_FACTOR:
        return Fact("fine-tuning", f"usual at {ratio:.3g} times the trained length", "", "published", TUNED_FACTORS)
    if plan.method in ("linear", "llama3"):
        source = {
            "linear": "position interpolation was published with 1,000 steps of fine-tuning",
            "llama3": "its authors trained at the long length",
        }[plan.method]
        return Fact("fine-tuning", "usual at any factor", "", "published", source)
    if not plan.in_config:
        words = "not usual: it was published for use without fine-tuning"
        return Fact("fine-tuning", words, "", "published", "Su (2023): ReRoPE, kexue.fm/archives/9708")
    source = f"Qwen publishes YaRN {ZERO_SHOT_FACTOR:g} for weights without fine-tuning for it"
    if plan.method != "yarn":
        source = f"NTK-aware scaling was published for use without fine-tuning; {source}"
    return Fact("fine-tuning", f"not usual at {ratio:.3g} times the trained length", "", "published", source)
