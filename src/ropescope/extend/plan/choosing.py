"""Which method to take, and why: what the model came with where that reaches; where nothing did, YaRN if a config has to
say it, and Leaky ReRoPE on a network in transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ropescope.errors import ExtendError
from ropescope.extend.plan.native import Native
from ropescope.extend.plan.rope_plan import METHODS, Method
from ropescope.models.model import Model
from ropescope.questions.names import did_you_mean, shown

ZERO_SHOT_FACTOR: Final = 4.0
"""Up to here scaling is used without training: Qwen2.5 and Qwen3 publish YaRN 4 for weights that were not tuned for it."""

TUNED_FACTORS: Final = (
    "YaRN's authors train 400 steps for a factor of 16, and 200 more for 32; those of position interpolation "
    "train 1,000 for up to 16"
)

_WHY_YARN: Final = (
    "YaRN keeps the high-frequency dimensions and interpolates the low ones. It had the lowest loss of seven "
    "methods that a config can state, at the end of 1.5, 2 and 4 times the trained length (SmolLM2; nine texts)."
)

_WHY_REROPE: Final = (
    "Leaky ReRoPE had the lowest loss of all methods at the end of 1.5, 2 and 4 times the trained length, and "
    "changes nothing within it (SmolLM2, nine texts). It works in transformers only; for a config.json, use the "
    "method yarn."
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The method, whether it is the one the model came with at a larger factor, and sentences for and against."""

    method: Method
    native: bool = False
    reasons: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()


def choose(
    model: Model, native: Native, target: int, asked: str, sees_beyond: bool, *, allow_rerope: bool = False
) -> Choice:
    """The choice for `target` tokens. allow_rerope: the model is used where its attention can be replaced, and can be.

    Raises ExtendError where a method is asked for and none is needed.
    """
    needless = _needless(model, native, target, sees_beyond)
    if needless:
        if asked not in ("auto", "none"):
            raise ExtendError(f"{needless} Remove the method, or give a longer `to`.")
        return Choice("none", reasons=(needless,))
    if asked == "none":
        return Choice(
            "none",
            caveats=(
                f"Beyond {native.reach:,} tokens, the loss of an unscaled model rises steeply: use this as a baseline only.",
            ),
        )
    if native.scaled and asked in ("auto", native.method):
        return _native(native)
    method: Method = "yarn" if asked == "auto" else asked  # type: ignore[assignment]  # checked by the caller
    reasons = (_WHY_YARN if asked == "auto" else f"You asked for {method}.",)
    if asked == "auto" and allow_rerope:
        method, reasons = "rerope", (_WHY_REROPE,)
    elif asked == "auto" and _is_proportional(model):
        method = "ntk"
        reasons = ("For proportional RoPE, a larger base is the only scaling by frequency.",)
    return Choice(method, reasons=reasons, caveats=_against(native, target, method))


def _needless(model: Model, native: Native, target: int, sees_beyond: bool) -> str:
    if target <= native.reach:
        by = f", by {native.words.split(',')[0]}" if native.scaled else ""
        return f"{target:,} tokens are within the {native.reach:,} that {model.name} reaches{by}: no scaling is needed."
    if not sees_beyond:
        return (
            f"Every RoPE layer of {model.name} has a window, and training covered every distance inside it: no scaling is "
            "needed."
        )
    return ""


def _native(native: Native) -> Choice:
    reason = f"The model came with {native.words}; the plan uses the same scaling with a larger factor."
    caveat = (
        f"Beyond {native.reach:,} tokens, the model's own scaling goes farther than it was trained for: fine-tune, or "
        "score it first."
    )
    return Choice(native.method, True, (reason,), (caveat,))


def _against(native: Native, target: int, method: Method) -> tuple[str, ...]:
    found: list[str] = []
    if native.scaled:
        found.append(
            f"The model came with {native.words}, and was trained with it. {method} replaces that scaling, and starts from "
            "the unscaled RoPE, so the training on the old scaling is lost."
        )
    factor = target / (native.trained or native.reach)
    if factor > ZERO_SHOT_FACTOR:
        found.append(
            f"A factor of {factor:.3g} is more than is used without fine-tuning ({ZERO_SHOT_FACTOR:g}): fine-tune with it. "
            f"{TUNED_FACTORS}."
        )
    if method == "linear":
        found.append(
            "Linear scaling also shortens the distance between neighbouring tokens: without fine-tuning, it costs most."
        )
    return tuple(found)


def _is_proportional(model: Model) -> bool:
    return any(
        layer.rope is not None and (layer.rope.scaling or {}).get("rope_type") == "proportional"
        for layer in model.layers
    )


def require_method(name: str) -> None:
    """Raise ExtendError, with the nearest and all there are, for a name that is neither a method nor `auto`."""
    if name == "auto" or name in METHODS:
        return
    raise ExtendError(
        f"No method is called {shown(name)}.{did_you_mean(name, METHODS)} Methods: auto, {', '.join(METHODS)}."
    )
