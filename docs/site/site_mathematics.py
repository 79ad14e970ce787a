"""Mathematics as it is written in this repository, `θ^{2i/d_h}` or `γ_Padé`, as HTML with raised and lowered parts."""

from __future__ import annotations

import re
from typing import Final

KEPT: Final = re.compile(r"(`+[^`]*`+|\]\([^)]*\)|</?\w[^>\n]*>|https?://\S+)")
"""Code, targets of links, HTML and addresses stay as they are."""
RAISED: Final = re.compile(r"\^(?:\{((?:[^{}]|\{[^{}]*\})*)\}|([−-]?[\d.]*\d|[−-]?[^\W\d_]))")
LOWERED: Final = re.compile(r"((?<![A-Za-z_])(?:log|[^\W\d_])|[α-ωΑ-Ω])_(?:\{([^{}]*)\}|([^\W_]+(?:,[^\W_]+)?))")
"""Of one letter, of log, or of a Greek letter after another, as in dγ_Padé: `rope_theta` is a name."""
REFERENCE: Final = re.compile(r"\[([^\[\]]*)\] ?\[([^\[\]]*)\](?!\()")


def as_html(text: str) -> str:
    """`text`, which is Markdown without blocks of code, with `<sup>` and `<sub>`.

    Two pairs of brackets in a row, as in `E[ln d] [nats]`, stay text: Markdown would take them for a link.
    """
    parts = KEPT.split(text)
    parts[::2] = [_set(REFERENCE.sub(r"\\[\1\\] \\[\2\\]", part)) for part in parts[::2]]
    return "".join(parts)


def _set(text: str) -> str:
    raised = RAISED.sub(lambda found: f"<sup>{found[1] or found[2]}</sup>", text)
    return LOWERED.sub(lambda found: f"{found[1]}<sub>{found[2] or found[3]}</sub>", raised)
