"""A Figure drawn and written: SVG, PNG, an interactive page, or its Vega-Lite specification.

Drawing needs vl-convert (the extra `figures`), which brings its own Vega: no browser, no network. A specification holds
its data; one that names a remote source is refused rather than fetched.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from ropescope.cache_home import cache_home
from ropescope.errors import MissingExtraError, ReportError
from ropescope.report.files import write_whole
from ropescope.report.json import dumps, strict
from ropescope.report.report import Figure
from ropescope.report.templates import filled, in_script, markup, resource, script_hash
from ropescope.report.text import lines, slug
from ropescope.report.theme import themed

CAPTION_WIDTH = 92
"""Characters of a caption in a line below the title: what 600 pixels hold at the caption's size."""


def vega_lite(figure: Figure, *, titled: bool = True) -> dict[str, Any]:
    """The specification of `figure` with the shared theme, and its title and caption unless `titled` is False.

    Raises ReportError for a number that is NaN or infinite, and for data that would have to be fetched.
    """
    spec = _clean(strict(figure.spec, f"the figure {figure.name!r}: spec"))
    _refuse_remote(spec, figure.name)
    if titled and "title" not in spec:
        caption = textwrap.wrap(lines(figure.caption), CAPTION_WIDTH)
        spec["title"] = {"text": lines(figure.title), **({"subtitle": caption} if caption else {})}
    return themed(spec)


def svg(figure: Figure, *, titled: bool = True) -> str:
    """`figure` as an SVG document. Raises MissingExtraError, and ReportError if the specification cannot be drawn."""
    vl_convert = _vl_convert()
    return str(_draw(figure, lambda spec: vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]), titled))


def png(figure: Figure, scale: float = 2, *, titled: bool = True) -> bytes:
    """`figure` as a PNG, `scale` (above 0, at most 10) pixels for each of its units. Raises as `svg` does."""
    if not 0 < scale <= 10:
        raise ReportError(f"Cannot draw a PNG at scale {scale}: give a number above 0 and at most 10.")
    vl_convert = _vl_convert()
    picture = _draw(figure, lambda spec: vl_convert.vegalite_to_png(spec, scale=scale, allowed_base_urls=[]), titled)
    return bytes(picture)


def html(figure: Figure) -> str:
    """`figure` as one interactive page that holds all its scripts (about 1 MB). Raises as `svg` does."""
    spec = vega_lite(figure)
    svg(figure)  # what cannot be drawn is refused here, and not by an empty page
    return _interactive_page(figure.title, spec, vega_script())


def vega_script() -> str:
    """The script that draws figures in a browser (0.9 MB); it sets `window.vegaEmbed`. Raises MissingExtraError.

    vl-convert takes seconds to bundle it, so it is kept, by vl-convert's version.
    """
    vl_convert = _vl_convert()
    kept = cache_home() / f"vega-{vl_convert.__version__}.js"
    with suppress(OSError, UnicodeDecodeError):
        if script := kept.read_text(encoding="utf-8"):
            return script
    script = str(vl_convert.javascript_bundle())
    with suppress(OSError, ReportError):  # a machine that keeps nothing bundles it again
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, script)
    return script


_WRITERS: Mapping[str, Callable[[Figure], str | bytes]] = {
    ".svg": svg,
    ".png": png,
    ".html": html,
    ".json": lambda figure: dumps(vega_lite(figure), name=f"the figure {figure.name!r}", indent=1) + "\n",
}


def write_figure(figure: Figure, path: str | Path) -> Path:
    """Write `figure` to `path`, as its suffix says: .svg, .png, .html (interactive) or .json (Vega-Lite).

    Returns the path. The file appears whole or not at all. Raises ReportError for another suffix, a folder that is not
    there, or a full disk; MissingExtraError without vl-convert (.json needs none).
    """
    path = check_suffix(path)
    return write_whole(path, _WRITERS[path.suffix.lower()](figure))


def write_figures(figures: Sequence[Figure], path: str | Path) -> list[Path]:
    """Write one figure to `path`, or several beside it: F.svg becomes F-<name>.svg for each. Returns the paths.

    Raises as `write_figure` does, and ReportError if there is no figure.
    """
    path = check_suffix(path)
    if not figures:
        raise ReportError(f"This report has no figure to write to {path}.")
    if len(figures) == 1:
        return [write_figure(figures[0], path)]
    names: list[str] = []
    for figure in figures:
        name = slug(figure.name)
        names.append(name if name not in names else f"{name}-{len(names) + 1}")
    return [
        write_figure(figure, path.with_name(f"{path.stem}-{name}{path.suffix}"))
        for figure, name in zip(figures, names, strict=True)
    ]


def check_suffix(path: str | Path) -> Path:
    """`path`, if its suffix names a kind of figure. Raises ReportError naming the kinds if not."""
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        raise ReportError(f"Cannot write a figure to {path}: name a file that ends in {', '.join(_WRITERS)}.")
    return path


def require_drawable(paths: Iterable[Path]) -> None:
    """Raise ReportError now for a path whose suffix names no kind of figure, and MissingExtraError without vl-convert."""
    for path in paths:
        if check_suffix(path).suffix.lower() != ".json":
            _vl_convert()


def _interactive_page(title: str, spec: Mapping[str, Any], bundle: str) -> str:
    """A page that draws `spec` with the Vega scripts in `bundle`, with tooltips and export; it fetches nothing."""
    start = resource("figure.js")
    return filled(
        "figure.html.j2",
        title=title,
        spec=in_script(dumps(spec, name="spec")),
        bundle=markup(bundle),
        start=markup(start),
        hashes=[script_hash(bundle), script_hash(start)],
    )


def _vl_convert() -> ModuleType:
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("Figures need vl-convert: pip install 'ropescope[figures]'.") from error
    module: ModuleType = vl_convert
    return module


def _draw(figure: Figure, draw: Callable[[dict[str, Any]], Any], titled: bool) -> Any:
    try:
        return draw(vega_lite(figure, titled=titled))
    except ReportError:
        raise
    except ValueError as error:
        cause = next((line.strip() for line in str(error).splitlines()[1:] if line.strip()), str(error))
        raise ReportError(f"The figure {figure.name!r} cannot be drawn: {lines(cause)[:300]}") from error


def _clean(value: Any) -> Any:
    """The same value without control characters in its texts: no SVG may hold one, and vl-convert ends the process."""
    if isinstance(value, str):
        return lines(value)
    if isinstance(value, dict):
        return {lines(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _refuse_remote(value: Any, name: str) -> None:
    if isinstance(value, dict):
        data = value.get("data")
        if isinstance(data, dict) and "url" in data:
            raise ReportError(f"The figure {name!r} names data to fetch ({data['url']}): give the values themselves.")
        for item in value.values():
            _refuse_remote(item, name)
    elif isinstance(value, list):
        for item in value:
            _refuse_remote(item, name)
