"""What every evaluation ends with: a result that is kept as a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

from ropescope.errors import FormatError
from ropescope.models.model import plain_data
from ropescope.report.files import write_whole


class Saved:
    """A frozen dataclass with a field `schema` that reads back from JSON equal to what was written."""

    expected_schema: ClassVar[str]
    what: ClassVar[str]
    """What such a file is, as "evaluation of caches"."""
    command: ClassVar[str]
    """What writes one."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back equal."""
        return {entry.name: plain_data(getattr(self, entry.name)) for entry in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote. Raises FormatError for another schema, or a missing or foreign field."""
        if not isinstance(data, Mapping) or data.get("schema") != cls.expected_schema:
            found = data.get("schema") if isinstance(data, Mapping) else type(data).__name__
            raise FormatError(f"Not an {cls.what}: its schema is {found!r}, and {cls.expected_schema!r} was expected.")
        try:
            return cls(**{**data, **cls._read(data)})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"The evaluation does not fit {cls.expected_schema} ({error}): make it again.") from error

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
            data = json.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise FormatError(f"{path} is no {cls.what}: `{cls.command}` keeps one with `out`.") from error
        return cls.from_dict(data)
