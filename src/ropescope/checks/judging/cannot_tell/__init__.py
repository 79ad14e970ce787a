"""What published formulas cannot tell: each with a counterexample that is computed when it is asked for."""
