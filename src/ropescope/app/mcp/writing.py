"""Write an answer that is kept to a file of the user's."""

from __future__ import annotations

import shutil
from pathlib import Path

from ropescope.app.folders import Folders
from ropescope.app.mcp.calls import writable
from ropescope.app.mcp.kept import HANDLE, Entry
from ropescope.app.show import Ways, write_files
from ropescope.errors import InputError, ReportError
from ropescope.report.files import write_whole
from ropescope.report.json import to_json
from ropescope.report.report import Report

_SHOWN = (".html", ".md", ".svg", ".png")


def write(entry: Entry, file: object, made: object, overwrite: bool, folders: Folders) -> list[Path]:
    """The files that were written. made: which file of the answer; without it the suffix of `file` decides.

    Raises InputError for a path outside the folders, a file that is there already, and an answer that has no such file.
    """
    answer = entry.read()
    if answer is None or "report" not in answer:
        raise InputError("id", f"`id` {entry.id} has no report: there is nothing to write.")
    path = writable("file", file, folders)
    report = Report.from_dict(answer["report"])
    if made is None and path.suffix.lower() in _SHOWN:
        return _shown(report, path, overwrite)
    sources = _sources(entry, made, path)
    if not sources:
        _require_new(path, overwrite)
        return [write_whole(path, to_json(report, whole=True))]
    for target in sources:
        _require_new(target, overwrite)
    try:
        for target, source in sources.items():
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
    except OSError as error:
        raise ReportError(f"{path} cannot be written ({error.strerror or error}).") from error
    return list(sources)


def _shown(report: Report, path: Path, overwrite: bool) -> list[Path]:
    _require_new(path, overwrite)
    suffix = path.suffix.lower()
    if suffix in (".svg", ".png"):
        if not report.figures:
            raise InputError("file", f"`file` {path.name!r} is a picture, and this answer has no figure.")
        ways = Ways(figures=(path,))
    else:
        ways = Ways(html=path) if suffix == ".html" else Ways(md=path)
    return write_files(report, ways)


def _sources(entry: Entry, made: object, path: Path) -> dict[Path, Path]:
    """What is copied, by where it goes: a file that was chosen, else the result of the question with what lies beside it."""
    tops = sorted(entry.made.iterdir()) if entry.made.is_dir() else []
    if made is not None:
        name = str(made).removeprefix(f"{HANDLE}{entry.id}/")
        chosen = [top for top in tops if top.name == name]
        if not chosen:
            raise InputError(
                "made", f"`made` {made!r} is no file of this answer; it made {', '.join(entry.files()) or 'none'}."
            )
        return {path: chosen[0]}
    stem = entry.id.rpartition("-")[0]
    return {
        path.with_name(f"{path.stem}{top.name.removeprefix(stem)}"): top
        for top in tops
        if top.name.startswith(f"{stem}.")
    }


def _require_new(path: Path, overwrite: bool) -> None:
    if path.is_dir() or (path.exists() and not overwrite):
        raise InputError("file", f"`file` {str(path)!r} is there already: name another, or give `overwrite`.")
    if not path.parent.is_dir():
        raise InputError("file", f"`file` is in the folder {str(path.parent)!r}, which is not there: make it first.")
