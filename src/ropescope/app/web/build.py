"""The page as files for any web server: what the server serves, with Python for the browser beside it.

The same files and packages give the same bytes. Nothing is fetched but Pyodide, and nothing of it is executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, Final, NamedTuple

from ropescope.app.web.forms import catalogue, form
from ropescope.app.web.languages.catalogues import LANGUAGES
from ropescope.app.web.languages.translated import page_words
from ropescope.app.web.runtime import pyodide, sources
from ropescope.errors import ReportError
from ropescope.questions.registry import SITUATIONS, built_in
from ropescope.report.files import write_whole

SERVER_ONLY: Final = frozenset({"server.js", "sw_leaves.js"})
NOT_SERVED: Final = (".d.ts", "jsconfig.json", "jsconfig.worker.json")
LATER: Final = ("pyodide/", "forms/", "languages/", "python.tgz", "vega.js", "worker.js", "python.js")
"""What the first view does without; the service worker keeps it once Python runs."""

NOTICE: Final = """\
This page carries, unchanged:
  pyodide/      Pyodide, MPL-2.0, https://github.com/pyodide/pyodide (with CPython, PSF-2.0)
  python.tgz    ropescope, Apache-2.0; Jinja2 and MarkupSafe, BSD-3-Clause, https://palletsprojects.com
  vega.js       Vega, Vega-Lite and Vega-Embed, BSD-3-Clause, https://vega.github.io
"""


class Built(NamedTuple):
    """What was written: the folder, and the bytes of each file by its name in it."""

    folder: Path
    sizes: Mapping[str, int]


def build(folder: Path, package: Path | None = None) -> Built:
    """Write the page into `folder`, which is new, empty, or holds an earlier build.

    package: the npm package of Pyodide, if it is not to be fetched. Raises SourceError where Pyodide cannot be had,
    MissingExtraError without vl-convert-python, ReportError where the folder holds something else or cannot be written.
    """
    _refuse_others(folder)
    made = contents(package)
    for name, data in made.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ReportError(
                f"{path.parent} cannot be made ({error.strerror or error}): name another folder."
            ) from error
        write_whole(path, data)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in made:
            path.unlink()  # of an earlier build
    return Built(folder, {name: len(data) for name, data in made.items()})


def contents(package: Path | None = None) -> dict[str, bytes]:
    """Every file of the page by its name. Raises as `build`."""
    made = {name: data for name, data in page_files().items() if name not in SERVER_ONLY}
    made["catalogue.json"] = _json(catalogue(SITUATIONS))  # plugins are not carried into the browser
    for question in built_in().values():
        made[f"forms/{question.name.replace(' ', '_')}.json"] = _json(form(question))
    made |= {f"languages/{one}.json": _json(page_words(one)) for one in LANGUAGES if one != "en"}
    spoken = f'<meta name="ropescope-languages" content="{" ".join(LANGUAGES)}">\n</head>'
    made["index.html"] = made["index.html"].replace(b"</head>", spoken.encode())
    made["vega.js"] = vega()
    made["python.tgz"] = sources()
    made |= {f"pyodide/{name}": data for name, data in pyodide(package).items()}
    made["sw.js"] = _built(made) + made["sw.js"]
    made["NOTICE.txt"] = NOTICE.encode()
    made[".nojekyll"] = b""  # some hosts leave out what begins with an underscore, unless this is there
    return dict(sorted(made.items()))


def page_files() -> dict[str, bytes]:
    """The files of the page that both outputs share, by name."""
    found = resources("ropescope.app.web").joinpath("page")
    return {
        one.name: one.read_bytes() for one in found.iterdir() if one.is_file() and not one.name.endswith(NOT_SERVED)
    }


def vega() -> bytes:
    """Vega, Vega-Lite and Vega-Embed as one module. Raises MissingExtraError without vl-convert-python."""
    from ropescope.report.figure import vega_script

    return vega_script().encode()


def _built(made: Mapping[str, bytes]) -> bytes:
    """What the service worker knows of the files: the hash of each by its address, and which it keeps at once."""
    names = sorted(name for name in made if name != "sw.js")
    address = {name: "./" if name == "index.html" else f"./{name}" for name in names}
    told = {
        "files": {address[name]: hashlib.sha256(made[name]).hexdigest() for name in names},
        "first": [address[name] for name in names if not name.startswith(LATER)],
    }
    return b"self.BUILT = " + json.dumps(told, separators=(",", ":")).encode() + b";\n"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _refuse_others(folder: Path) -> None:
    """Raise ReportError for a folder that holds what no build wrote: what is not of the page is removed from it."""
    if folder.exists() and not folder.is_dir():
        raise ReportError(f"{folder} is a file: name a folder for the page.")
    held = list(folder.iterdir()) if folder.is_dir() else []
    if held and not {"sw.js", "python.tgz"} <= {path.name for path in held}:
        raise ReportError(f"{folder} holds other files: name a new or an empty folder for the page.")
