"""RoPE scaling: the inverse frequencies, and the factor on attention, that each published rule gives.

The rules and their defaults are those of `transformers` (5.x), which is what checkpoints are written for; the tests
hold every rule to its `ROPE_INIT_FUNCTIONS` within 1e-6, the precision of its float32.
"""

from __future__ import annotations

from math import ceil, floor, log, pi, sqrt

from ropescope.errors import DomainError
from ropescope.questions.domains import Choice, Flag, Real, Reals, Whole
from ropescope.theory.arguments import HEAD_DIM, THETA_ABOVE_ONE
from ropescope.theory.formula import Argument, formula

RULES = ("default", "linear", "dynamic", "ntk", "yarn", "longrope", "llama3", "proportional")

_RULE = Argument(
    "rule", "scaling rule, named as in `rope_parameters`; `ntk` is the static NTK-aware rule", Choice(RULES)
)
_FACTOR = Argument("factor", "stretch s of the context", Real(at_least=1.0, at_most=1e9))
_ORIGINAL = Argument(
    "original_length", "length the model was trained at (original_max_position_embeddings)", Whole(1, 10**12), "tokens"
)


@formula(
    symbol="ω_i",
    source="RoPE; PI (2306.15595); NTK-aware; YaRN (2309.00071); LongRoPE (2402.13753); Llama 3.1",
    definition="Angle a token adds to each rotary pair, θ^{−2i/d_h} as changed by a scaling rule.",
    arguments=(
        THETA_ABOVE_ONE,
        HEAD_DIM,
        _RULE,
        _FACTOR,
        _ORIGINAL,
        Argument(
            "length",
            "current length, for `dynamic` and `longrope`; 0 means within the trained one",
            Whole(0, 10**12),
            "tokens",
        ),
        Argument("beta_fast", "YaRN: turns at which a pair is left alone", Real(above=0.0, at_most=1e6)),
        Argument("beta_slow", "YaRN: turns at which a pair is fully interpolated", Real(above=0.0, at_most=1e6)),
        Argument("truncate", "YaRN: round the ramp's ends to whole pairs", Flag()),
        Argument("low_freq_factor", "Llama 3: below it a pair is fully interpolated", Real(above=0.0, at_most=1e6)),
        Argument("high_freq_factor", "Llama 3: above it a pair is left alone", Real(above=0.0, at_most=1e6)),
        Argument("short_factors", "LongRoPE: divisors within the trained length", Reals(1e-6, 1e9)),
        Argument("long_factors", "LongRoPE: divisors beyond it", Reals(1e-6, 1e9)),
        Argument("rotary_share", "proportional: share of the pairs that turn", Real(above=0.0, at_most=1.0)),
    ),
    standing="exact",
    worth="What the code computes from a config; whether the model was trained for it is another question.",
    example={"theta": 5e5, "head_dim": 128, "rule": "llama3", "factor": 8, "original_length": 8192},
    unit="rad/token",
)
def inverse_frequencies(
    theta: float,
    head_dim: int,
    rule: str = "default",
    factor: float = 1.0,
    original_length: int = 8192,
    length: int = 0,
    beta_fast: float = 32.0,
    beta_slow: float = 1.0,
    truncate: bool = True,
    low_freq_factor: float = 1.0,
    high_freq_factor: float = 4.0,
    short_factors: tuple[float, ...] = (),
    long_factors: tuple[float, ...] = (),
    rotary_share: float = 1.0,
) -> tuple[float, ...]:
    """The d_h/2 inverse frequencies in rad/token, fastest first; `head_dim` counts rotary dimensions only.

    Raises `DomainError` for values out of range, and for LongRoPE factors that are not one a pair.
    Source: the rules' papers, with the defaults of `transformers`.
    """
    pairs = head_dim // 2
    if rule in ("dynamic", "ntk"):
        if head_dim < 4:
            raise DomainError(f"head_dim = {head_dim} is outside the domain: rule {rule!r} needs at least 4.")
        reach = max(length, original_length) / original_length
        stretch = factor if rule == "ntk" else factor * reach - (factor - 1.0)
        theta *= stretch ** (head_dim / (head_dim - 2))
    plain = [theta ** (-2 * i / head_dim) for i in range(pairs)]
    if rule == "linear":
        return tuple(w / factor for w in plain)
    if rule == "yarn":
        return _yarn(plain, theta, head_dim, factor, original_length, beta_fast, beta_slow, truncate)
    if rule == "llama3":
        return _llama3(plain, factor, original_length, low_freq_factor, high_freq_factor)
    if rule == "longrope":
        name, divisors = (
            ("long_factors", long_factors) if length > original_length else ("short_factors", short_factors)
        )
        if len(divisors) != pairs:
            raise DomainError(f"{name} has {len(divisors)} numbers: rule 'longrope' needs {pairs}, one a pair.")
        return tuple(w / divisor for w, divisor in zip(plain, divisors, strict=True))
    if rule == "proportional":
        turning = int(rotary_share * head_dim // 2)
        return tuple(w / factor if i < turning else 0.0 for i, w in enumerate(plain))
    return tuple(plain)


def _yarn(
    plain: list[float],
    theta: float,
    head_dim: int,
    factor: float,
    original_length: int,
    beta_fast: float,
    beta_slow: float,
    truncate: bool,
) -> tuple[float, ...]:
    def pair_with(turns: float) -> float:
        return head_dim * log(original_length / (turns * 2.0 * pi)) / (2.0 * log(theta))

    low, high = pair_with(beta_fast), pair_with(beta_slow)
    if truncate:
        low, high = floor(low), ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    if low == high:
        high += 0.001  # as `transformers` does, so that the ramp has a width
    scaled = []
    for i, w in enumerate(plain):
        kept = 1.0 - min(max((i - low) / (high - low), 0.0), 1.0)
        scaled.append(w * (kept + (1.0 - kept) / factor))
    return tuple(scaled)


def _llama3(
    plain: list[float], factor: float, original_length: int, low_freq_factor: float, high_freq_factor: float
) -> tuple[float, ...]:
    if high_freq_factor <= low_freq_factor:
        raise DomainError(
            f"high_freq_factor = {high_freq_factor!r} is outside the domain: it must be above low_freq_factor = "
            f"{low_freq_factor!r}."
        )
    scaled = []
    for w in plain:
        turns = original_length * w / (2.0 * pi)
        kept = min(max((turns - low_freq_factor) / (high_freq_factor - low_freq_factor), 0.0), 1.0)
        scaled.append(w * (kept + (1.0 - kept) / factor))
    return tuple(scaled)


@formula(
    symbol="√(1/t)",
    source="YaRN (2309.00071), §3.4; LongRoPE (2402.13753); DeepSeek's mscale",
    definition="Factor on the rotated queries and keys that goes with a scaling rule; the logits get its square.",
    arguments=(
        _RULE,
        _FACTOR,
        _ORIGINAL,
        Argument("mscale", "YaRN: numerator scale, 0 for the plain rule", Real(at_least=0.0, at_most=1e3)),
        Argument("mscale_all_dim", "YaRN: denominator scale, 0 for the plain rule", Real(at_least=0.0, at_most=1e3)),
    ),
    standing="heuristic",
    worth="A fit to perplexity by the rules' authors; 1 for every other rule.",
    example={"rule": "yarn", "factor": 4},
)
def attention_factor(
    rule: str, factor: float = 1.0, original_length: int = 8192, mscale: float = 0.0, mscale_all_dim: float = 0.0
) -> float:
    """The factor: 0.1 ln s + 1 for YaRN, √(1 + ln s / ln L) for LongRoPE, 1 otherwise.

    Raises `DomainError` for values out of range. Source: the rules' papers, with the defaults of `transformers`.
    """
    if factor <= 1.0:
        return 1.0
    if rule == "yarn":
        if mscale and mscale_all_dim:
            return (0.1 * mscale * log(factor) + 1.0) / (0.1 * mscale_all_dim * log(factor) + 1.0)
        return 0.1 * log(factor) + 1.0
    if rule == "longrope":
        if original_length < 2:
            raise DomainError(f"original_length = {original_length} is outside the domain: 'longrope' needs 2 or more.")
        return sqrt(1.0 + log(factor) / log(original_length))
    return 1.0
