"""Constants that more than one file needs, each with where it comes from."""

from __future__ import annotations

EULER_GAMMA = 0.5772156649015329
"""γ_E, the Euler–Mascheroni constant."""

STIELTJES_1 = -0.07281584548367672
"""γ_1, the first Stieltjes constant."""

SQRT2 = 1.4142135623730951

FAMOUS = {
    "1 − 1/φ": 0.3819660112501051,
    "1/√2": 0.7071067811865475,
    "1 − 1/√2": 0.2928932188134525,
    "log₁₀ e": 0.4342944819032518,
    "1/π": 0.3183098861837907,
    "2/π": 0.6366197723675814,
    "1/φ": 0.6180339887498949,
    "ln 2": 0.6931471805599453,
    "(√17 − 3)/2": 0.5615528128088303,
}
"""Constants near which the series looks for exponents (Part II, §31); they mean nothing."""

GAMMA_LIMIT = 20.0
"""The largest |γ| of the domain: measured exponents lie between 0 and 3, single heads included."""

TOKENS_LIMIT = 10**12
"""The largest number of tokens of the domain; with |γ| ≤ 20 every sum then stays far below the float limit."""

EULER_MACLAURIN = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
)
"""B_2k / (2k)! for k = 1 … 8, the weights of the odd derivatives in the Euler–Maclaurin formula."""
