"""What can go wrong with the Hub and is told apart."""

from __future__ import annotations

from ropescope.errors import SourceError


class HubUnreachable(SourceError):
    """The Hub did not answer: a cached copy may serve."""


class HubRepositoryMissing(SourceError):
    """The Hub shows no such repository."""


class HubFileMissing(SourceError):
    """The repository is there and the file is not."""


class _OfRepository(SourceError):
    """An error about `repository`, which the user can mend and ask again: with leave, or with a token of an account."""

    needs_account: bool = False

    def __init__(self, message: str, repository: str) -> None:
        super().__init__(message)
        self.repository = repository

    def __reduce__(self) -> tuple[type[_OfRepository], tuple[str, str]]:
        return type(self), (str(self), self.repository)


class HubNotAsked(_OfRepository):
    """The user has not allowed yet that the page asks the Hub about `repository`."""


class HubAccountNeeded(_OfRepository, HubRepositoryMissing):
    """The Hub may show `repository` to an account: a token of it may help."""

    needs_account = True
