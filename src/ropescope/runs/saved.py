"""Plans and results as JSON files, which read back equal to what was written or are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

from ropescope.errors import FormatError, RopescopeError
from ropescope.models.model import plain_data
from ropescope.report.files import write_whole
from ropescope.report.json import BESIDE
from ropescope.report.schemas import newer


class Saved:
    """A frozen dataclass with a field `schema` that is kept as a JSON file."""

    expected_schema: ClassVar[str]
    what: ClassVar[str]
    """What such a file is, as "a cache plan"."""
    command: ClassVar[str]
    """What writes one."""
    derived: ClassVar[tuple[str, ...]] = ()
    """Properties that are written for readers of the file; they follow from the fields and are not read."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with what is derived; `from_dict` reads it back equal."""
        names = (*(entry.name for entry in fields(self)), *self.derived)  # type: ignore[arg-type]
        return {name: plain_data(getattr(self, name)) for name in names}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote, or a command printed as JSON. Raises FormatError for another schema, a missing or foreign field,
        or values that cannot be."""
        if not isinstance(data, Mapping) or data.get("schema") != cls.expected_schema:
            known, found = cls.expected_schema, data.get("schema") if isinstance(data, Mapping) else type(data).__name__
            raise FormatError(
                f"Not {cls.what}: its schema is {found!r}, and {known!r} was expected.{newer(found, known)}"
            )
        what = cls.what.partition(" ")[2]
        try:
            given = {name: value for name, value in data.items() if name not in (*cls.derived, BESIDE)}
            return cls(**{**given, **cls._read(data)})
        except RopescopeError as error:
            raise FormatError(f"The {what} is damaged: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"The {what} does not fit {cls.expected_schema} ({error}): make it again.") from error

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that JSON has another type for."""
        raise NotImplementedError

    def save(self, path: Path) -> Path:
        """Write it as JSON; returns the path. Raises ReportError if it cannot be written."""
        return write_whole(Path(path), json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. Raises FormatError for any other file."""
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise FormatError(f"{path} is not {cls.what}: `{cls.command}` keeps one with `out`.") from error
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            cause = f"it is damaged, or no JSON ({error})" if text.strip() else "it is empty"
            raise FormatError(
                f"{path} is not {cls.what}, since {cause}: `{cls.command}` keeps one with `out`."
            ) from error
        return cls.from_dict(data)
