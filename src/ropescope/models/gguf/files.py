"""A GGUF model in one file or split in several: all its headers, from any of its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ropescope.errors import FormatError, SourceError
from ropescope.models.gguf.header import GGUFHeader, parse_header
from ropescope.models.model_files import Beginning
from ropescope.questions.names import few


def read_parts(
    names: Sequence[str], open_part: Callable[[str], Beginning], label: Callable[[str], str]
) -> tuple[GGUFHeader, ...]:
    """The headers of the files `names`, the first of which holds the metadata.

    Raises SourceError where one cannot be had, FormatError where one is no sound GGUF or they do not belong together.
    """
    headers: list[GGUFHeader] = []
    for name in names:
        with open_part(name) as file:
            header = parse_header(file.read, file.size, name=label(name))
            file.keep(header.data_offset)
        headers.append(header)
    _check_belonging(names, headers, label)
    return tuple(headers)


def missing_parts(name: str, missing: Sequence[str], n_parts: int) -> SourceError:
    """The error of a split model of which files are missing."""
    are = "is" if len(missing) == 1 else "are"
    return SourceError(
        f"{name} is one of {n_parts} files, and {len(missing)} {are} missing: put {few(missing, 3)} beside it."
    )


def _check_belonging(names: Sequence[str], headers: Sequence[GGUFHeader], label: Callable[[str], str]) -> None:
    for index, (name, header) in enumerate(zip(names, headers, strict=True)):
        count, number = (header.metadata.get(f"split.{key}", default) for key, default in (("count", 0), ("no", 0)))
        if count in (0, 1) and len(names) == 1:
            continue
        if len(names) == 1:
            raise FormatError(
                f"{label(name)} is a part of a model split in {count}, and its name does not say which: call the parts "
                "NAME-00001-of-00003.gguf and so on, as they were published."
            )
        if (count, number) != (len(names), index):
            raise FormatError(
                f"{label(name)} says that it is part {number} of {count} (split.no, split.count), counted from 0, and "
                "its name says otherwise: give it the name it was published with."
            )
    total = headers[0].metadata.get("split.tensors.count")
    tensors = [tensor.name for header in headers for tensor in header.tensors]
    if len(headers) > 1 and (len(set(tensors)) != len(tensors) or total not in (None, len(tensors))):
        raise FormatError(
            f"{label(names[0])}: its {len(names)} parts hold {len(tensors)} tensors, {len(set(tensors))} by name, and "
            f"split.tensors.count is {total}: they are not of one model; download them again."
        )
