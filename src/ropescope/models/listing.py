"""A listing: the files of a folder or repository with their bytes, and a way to read their beginnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ropescope.errors import SourceError
from ropescope.models.gguf_names import parts_of
from ropescope.models.model_files import LocalFiles, ModelFiles, OutsideError
from ropescope.models.safetensors.files import set_of
from ropescope.models.source import Source, resolve


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in one place: the bytes of each file; of a single file that was named, those of its parts alone.

    `where` is how people call the place, `spelled` how they name it again, `commit` the state of a repository. `left_out`
    are links that lead out of a folder, which are not followed.
    """

    where: str
    spelled: str
    files: ModelFiles
    sizes: Mapping[str, int]
    commit: str = ""
    folder: Path | None = None
    left_out: tuple[str, ...] = ()

    def source(self, file: str) -> Source:
        """The source that is one GGUF file of this place."""
        if self.folder is not None:
            path = self.folder / file
            return Source("gguf", path.stem, path=path)
        return Source("hub", self.named(file), repo_id=self.files.where, revision=self.commit, file=file)

    def named(self, file: str) -> str:
        """How a user names one file of this place."""
        return str(self.folder / file) if self.folder is not None else f"{self.files.where}/{file}"


def listing(text: str, revision: str | None = None) -> Listing:
    """What lies at `text`: a folder, a file of weights, a Hub repository (at the commit that `revision` means), a file in
    one, or an alias. Raises SourceError."""
    try:
        path = Path(text).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError):  # `resolve` tells of what cannot be looked at
        is_folder = is_file = False
    if is_folder or is_file:
        if revision is not None:
            raise SourceError(f"{text} is a local path, which has no revision: leave `revision` out.")
        return (
            _local(path, path.resolve().name, text, None) if is_folder else _local(path.parent, path.stem, text, path)
        )
    source = resolve(text, revision=revision)
    if source.path is not None:
        return _local(source.path.parent, source.name, source.spelled, source.path)
    assert source.repo_id is not None and source.revision is not None
    from ropescope.models.hub import list_sizes
    from ropescope.models.hub_files import HubFiles

    files, sizes = HubFiles(source.repo_id, source.revision), list_sizes(source.repo_id, source.revision)
    if source.file is not None:
        sizes = _parts(source.file, sizes, source.repo_id)
    return Listing(source.name, source.spelled, files, sizes, commit=source.revision)


def _local(folder: Path, where: str, spelled: str, file: Path | None) -> Listing:
    files = LocalFiles(folder, deep=file is None)
    sizes, left_out = dict[str, int](), list[str]()
    for name in sorted(files.names()):
        try:
            sizes[name] = files.size(name)
        except OutsideError:
            left_out.append(name)
    if file is not None:
        sizes, left_out = _parts(file.name, sizes, str(folder)), []
    return Listing(where, spelled, files, sizes, folder=folder, left_out=tuple(left_out))


def _parts(file: str, sizes: Mapping[str, int], where: str) -> dict[str, int]:
    """Those of `sizes` that belong to one file. Raises SourceError where there is none."""
    if file not in sizes:
        raise SourceError(f"{where} has no file {file}: leave the file out to see what there is.")
    wanted = {*parts_of(file), *set_of(file)}
    return {name: n_bytes for name, n_bytes in sizes.items() if name in wanted}
