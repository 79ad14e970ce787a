"""What can go wrong with the Hub and is told apart."""

from __future__ import annotations

from ropescope.errors import SourceError


class HubUnreachable(SourceError):
    """The Hub did not answer: a cached copy may serve."""


class HubRepositoryMissing(SourceError):
    """The Hub shows no such repository."""


class HubFileMissing(SourceError):
    """The repository is there and the file is not."""


class HubNotAsked(SourceError):
    """The user has not allowed yet that the page asks the Hub about `repository`."""

    def __init__(self, message: str, repository: str) -> None:
        super().__init__(message)
        self.repository = repository

    def __reduce__(self) -> tuple[type[HubNotAsked], tuple[str, str]]:
        return type(self), (str(self), self.repository)
