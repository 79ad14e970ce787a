"""Arguments that many formulas share, so that a name has one meaning, one unit and one domain everywhere."""

from __future__ import annotations

from ropescope.questions.domains import Real, Whole
from ropescope.theory.constants import GAMMA_LIMIT, TOKENS_LIMIT
from ropescope.theory.formula import Argument

THETA = Argument("theta", "base of the rotary angles (rope_theta in a config)", Real(above=0.0, at_most=1e21))
THETA_ABOVE_ONE = Argument(
    "theta", "base of the rotary angles (rope_theta in a config)", Real(at_least=1.5, at_most=1e21)
)
LENGTH = Argument("length", "context length T the exponent is asked for", Real(at_least=0.0, at_most=1e21), "tokens")
POSITIVE_LENGTH = Argument("length", "context length T", Real(above=0.0, at_most=1e21), "tokens")
GAMMA = Argument("gamma", "exponent of the decay, A(d) ∝ d^−γ", Real(at_least=-GAMMA_LIMIT, at_most=GAMMA_LIMIT))
POSITIVE_GAMMA = Argument("gamma", "exponent of the decay, A(d) ∝ d^−γ", Real(above=0.0, at_most=GAMMA_LIMIT))
OPEN_GAMMA = Argument("gamma", "exponent of the decay", Real(above=-1.0, below=1.0))
N_TOKENS = Argument("n_tokens", "number of distances N, 1 … N", Whole(1, TOKENS_LIMIT), "tokens")
HEAD_DIM = Argument("head_dim", "rotary dimensions of a head", Whole(2, 65_536, even=True))
PARAMETERS = Argument("parameters", "parameter count of the model", Real(at_least=1.0, at_most=1e18))
