"""Templates of pages, filled so that nothing from outside can be markup or end a script."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ropescope.report.text import lines, plain

if TYPE_CHECKING:
    from jinja2 import Environment


@functools.cache
def environment() -> Environment:
    """Jinja with everything escaped, and control characters taken out of all text."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def harmless(value: Any) -> Any:
        """Everything a template prints passes here, so that no field can be forgotten."""
        return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    return Environment(
        autoescape=True, undefined=StrictUndefined, finalize=harmless, trim_blocks=True, lstrip_blocks=True
    )


def filled(name: str, **values: Any) -> str:
    """The template `name` of this room with `values`."""
    return environment().from_string(resource(name)).render(values)


def resource(name: str) -> str:
    """The text of a file beside this one."""
    return files("ropescope.report").joinpath(name).read_text(encoding="utf-8")


def script_hash(script: str) -> str:
    """As a content security policy names a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def preformatted(text: str) -> Any:
    """`text` with its line breaks, which `harmless` would make spaces, and everything escaped."""
    from markupsafe import escape

    return escape(lines(text))


def markup(text: str) -> Any:
    """`text` as it stands, unescaped."""
    from markupsafe import Markup

    return Markup(text)  # only for our own files and for what `embedded` and `in_script` made safe


def in_script(json_text: str) -> Any:
    """JSON (ASCII already) that cannot end the script element it stands in, nor begin a comment there."""
    return markup(json_text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
