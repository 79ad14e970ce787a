"""English prose that comes with Python and with the packages that measuring needs: documentation, without its examples."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

HELD_OUT = tuple(
    """
    scipy/stats torch/nn numpy/lib scipy/optimize torch/distributed scipy/signal numpy/_core huggingface_hub/hf_api.py
    scipy/sparse torch/_torch_docs.py scipy/integrate torch/fx scipy/interpolate scipy/special torch/onnx scipy/linalg
    torch/autograd scipy/ndimage scipy/spatial numpy/ma torch/cuda torch/optim scipy/cluster torch/export
    """.split()
)
"""Folders and files whose documentation is scored, the most unlike ones first."""
CALIBRATION = (
    "transformers/generation",
    "torch/utils",
    "numpy/polynomial",
    "transformers/utils",
    "torch/_dynamo",
    "transformers/pipelines",
    "torch/_functorch",
    "accelerate/utils",
)

_LONG = 200
"""Characters from which a string constant is taken for documentation."""
_PARAGRAPH = 120
_LETTERS = 0.88
"""Share of letters and spaces that running prose has and tables, formulae and code have not."""


def language_reference() -> str:
    """The topics of Python's language reference, which every CPython carries."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def documentation(place: str) -> Iterator[str]:
    """The paragraphs of running prose in the documentation strings under `place` ("scipy/stats"), each once.

    Nothing is imported or run; without the package there are none.
    """
    package, _, inside = place.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return
    root = Path(spec.origin).parent / inside
    seen: set[str] = set()
    for path in [root] if root.is_file() else sorted(root.rglob("*.py")):
        if "tests" in path.parts:
            continue
        for paragraph in _paragraphs(path):
            if paragraph not in seen:
                seen.add(paragraph)
                yield paragraph


def _paragraphs(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) >= _LONG):
            continue
        for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(node.value)):
            flat = " ".join(paragraph.split())
            if len(flat) < _PARAGRAPH or ">>>" in flat or ". " not in flat + " ":
                continue
            if sum(char.isalpha() or char == " " for char in flat) >= _LETTERS * len(flat):
                yield flat
