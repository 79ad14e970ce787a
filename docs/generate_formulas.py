"""Write docs/formulas.md from the registry of formulas: `python docs/generate_formulas.py`."""

from __future__ import annotations

from pathlib import Path

from ropescope.checks.theory.formulas import example_words
from ropescope.theory import STANDINGS, Formula, grouped

TARGET = Path(__file__).with_name("formulas.md")

OPENING = """\
# Formulas

This page is generated from the code (`python docs/generate_formulas.py`); a test keeps it up to date.

Every formula carries a standing:

{standings}

**Identities are identities.** `ropescope prove` decides each of them by machine, with sympy or z3, and refutes the
published errors with numbers. What it proves holds for every θ, T and γ, so it checks the algebra and not one model. A
model is checked by measuring it, beside the null of the measurement.

**Digits.** A number is right to 1e-12 relative over the stated domain. Where a quantity crosses zero the bound is
absolute, 1e-12 of its scale, and its docstring says so: the mean kernel, `active_pairs` near 2πθ, `critical_layer`
near T = 2π, `cardy_entropy_gap` near γ_Padé and `hallucination_index` near the horizon. γ_Padé and γ_lin keep relative
digits through their zeros. `exponent_from_mean_log_distance` returns what its argument can determine: 1e-12 of
max(1, |γ|), plus the effect of four roundings of E[ln d]. `compression_window` is a whole number and exact.
`base_lower_bound` is a search (1e-6, up to seconds) and not a closed form.

**Outside its domain** a formula raises `DomainError`, which names the argument, its value and the domain.

**Numbers** on the command line may be written `0.5`, `1e6`, `8B`; of tokens `128k` is 131,072 and `1M` 1,048,576; lists as
`30,50,100`.
"""


def text() -> str:
    """The whole page."""
    standings = "\n".join(f"- **{standing}**: {meaning}" for standing, meaning in STANDINGS.items())
    lines = [OPENING.format(standings=standings)]
    for group, members in grouped().items():
        lines += [f"## {group}", "", "| name | symbol | standing | worth |", "| --- | --- | --- | --- |"]
        lines += [f"| [`{f.name}`](#{f.name}) | {_cell(f.symbol)} | {f.standing} | {_cell(f.worth)} |" for f in members]
        lines.append("")
    lines += ["## Every formula", ""]
    lines += [_card(f) for members in grouped().values() for f in members]
    return "\n".join(lines)


def _card(entry: Formula) -> str:
    lines = [
        f"### {entry.name}",
        "",
        f"{entry.symbol}" + (f" [{entry.unit}]" if entry.unit else ""),
        "",
        entry.definition,
        "",
        f"- Standing: **{entry.standing}**. {entry.worth}",
        f"- Source: {entry.source}",
        "",
        "| argument | unit | domain | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for a in entry.arguments:
        optional = "" if a.required else f" (default {'empty' if a.default == () else a.default})"
        lines.append(f"| `{a.name}` | {a.unit} | {_cell(a.domain.words)} | {_cell(a.meaning)}{optional} |")
    return "\n".join(
        (*lines, "", "```console", f"$ ropescope compute {' '.join((entry.name, *example_words(entry)))}", "```", "")
    )


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
