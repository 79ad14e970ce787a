"""Writing to the Hub: what a dataset holds now, who may change it, and files that reach it in one commit.

A commit is whole or not there: nobody sees a part of it. It names the commit that it was made from, so that one which was made
in the meantime is never overwritten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ropescope.errors import SourceError
from ropescope.models.hub import RepoType, speak
from ropescope.models.hub_errors import HubRepositoryMissing, HubUnreachable

T = TypeVar("T")

_LOG_IN: Final = "run `hf auth login`, or set HF_TOKEN"
_GIT_FILE: Final = ".gitattributes"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository by its content: the SHA-256 of a large file, the git hash of a small one."""

    size: int
    sha256: str | None
    git_sha1: str | None

    def holds(self, data: bytes) -> bool:
        """Whether the content is `data`."""
        if self.sha256 is not None:
            return self.sha256 == hashlib.sha256(data).hexdigest()
        return self.git_sha1 == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True, slots=True)
class RemoteRepository:
    """A repository on the Hub at one commit: its files by name, and whether others cannot see it."""

    repo_id: str
    commit: str
    files: Mapping[str, RemoteFile]
    private: bool

    @property
    def empty(self) -> bool:
        """Whether it was created and nothing was put into it."""
        return not set(self.files) - {_GIT_FILE}


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit that was made, and the pull request that it is in, if any."""

    commit: str
    url: str
    pull_request: str | None


def check_dataset_id(repo_id: str) -> None:
    """Raises SourceError unless `repo_id` may be a dataset's: ORG/NAME."""
    from huggingface_hub import errors
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # documented, not in __all__

    try:
        validate_repo_id(repo_id)
        valid = repo_id.count("/") == 1
    except errors.HFValidationError:
        valid = False
    if not valid:
        raise SourceError(
            f"{repo_id!r} is no name of a dataset: write it as ORG/NAME, with your account or organisation before the slash."
        )


def remote_repository(
    repo_id: str, revision: str | None = None, *, repo_type: RepoType = "dataset"
) -> RemoteRepository | None:
    """What a repository holds, now or at `revision`; None where the Hub shows none of this name. Raises SourceError."""
    from huggingface_hub import HfApi, constants

    def ask() -> RemoteRepository:
        timeout = float(constants.HF_HUB_ETAG_TIMEOUT)
        info: Any = HfApi().repo_info(
            repo_id, revision=revision, repo_type=repo_type, files_metadata=True, timeout=timeout
        )
        files = {
            one.rfilename: RemoteFile(one.size or 0, None if one.lfs is None else one.lfs.sha256, one.blob_id)
            for one in info.siblings or ()
        }
        return RemoteRepository(repo_id, str(info.sha), files, bool(info.private))

    try:
        return speak(ask, repo_id, revision)
    except HubRepositoryMissing:
        return None


def has_token() -> bool:
    """Whether the client finds a token, in HF_TOKEN or of a login."""
    from huggingface_hub import get_token

    return get_token() is not None


def require_writer(repo_id: str, *, anywhere: bool) -> None:
    """Raises SourceError unless the token may write to `repo_id`, or, with `anywhere`, open pull requests.

    It is asked before anything is sent: an upload that is refused at its end would have been for nothing.
    """
    from huggingface_hub import HfApi, constants

    if not has_token():
        raise SourceError(
            f"There is no token of the Hub, and writing to {repo_id} needs one: {_LOG_IN} to a token with write permission "
            f"({constants.ENDPOINT}/settings/tokens)."
        )
    try:
        account = speak(HfApi().whoami, repo_id, None)
    except HubUnreachable:
        raise
    except SourceError as error:
        if _status(error) == 401:
            raise SourceError(
                f"The Hub does not know this token (401), which may have expired or been revoked: {_LOG_IN} to another."
            ) from error
        raise
    if ((account.get("auth") or {}).get("accessToken") or {}).get("role") == "read":
        raise SourceError(
            f"The token of {account['name']} may only read: {_LOG_IN} to one with write permission "
            f"({constants.ENDPOINT}/settings/tokens)."
        )
    own = [str(account["name"]), *(str(one["name"]) for one in account.get("orgs") or ())]
    if not anywhere and repo_id.partition("/")[0] not in own:
        raise SourceError(
            f"{account['name']} may not write in {repo_id.partition('/')[0]}: name a dataset in {', '.join(own)}, or ask for "
            "a pull request with `pull_request`."
        )


def create_dataset(repo_id: str, *, private: bool) -> None:
    """Make an empty dataset. Raises SourceError, also where one was made in the meantime."""
    from huggingface_hub import HfApi

    _write(lambda: HfApi().create_repo(repo_id, repo_type="dataset", private=private or None), repo_id)


def commit_files(
    repo_id: str, files: Mapping[str, bytes], *, parent: str, message: str, pull_request: bool = False
) -> Committed:
    """Put `files` into the dataset in one commit on `parent`, or into a pull request. Raises SourceError.

    Where another commit was made since `parent`, nothing is changed.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    def send() -> Any:
        return HfApi().create_commit(
            repo_id,
            [CommitOperationAdd(name, data) for name, data in files.items()],
            commit_message=message,
            repo_type="dataset",
            parent_commit=parent,
            create_pr=pull_request,
        )

    made = _write(send, repo_id)
    return Committed(str(made.oid), str(made.commit_url), made.pr_url)


def _write(call: Callable[[], T], repo_id: str) -> T:
    """The result of a call that changes something; a refusal in a sentence of its own, other failures as `speak` tells them."""
    try:
        with _without_bars():
            return speak(lambda: _cause_first(call), repo_id, None)
    except HubUnreachable as error:
        raise HubUnreachable(
            f"{error} The dataset has all of this or none of it: ask again, and what has arrived is not sent twice."
        ) from error
    except SourceError as error:
        told = _REFUSALS.get(_status(error) or 0)
        if told is None or isinstance(error, HubRepositoryMissing):
            raise
        raise SourceError(told.format(repo=repo_id)) from error


@contextmanager
def _without_bars() -> Iterator[None]:
    """The client's own bars would stand in the middle of ours."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented, not in __all__
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    before = are_progress_bars_disabled()
    if not before:
        disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()


_REFUSALS: Final[Mapping[int, str]] = {
    400: "The Hub takes the files of {repo} for none (400): name another licence, or update huggingface-hub.",
    401: f"The Hub does not take this token for {{repo}} (401): {_LOG_IN} to one with write permission.",
    403: "This token may not write to {repo} (403): give it write permission there, or ask for a pull request with "
    "`pull_request`.",
    409: "Another change of {repo} is being made (409), and nothing was published: ask again in a minute.",
    412: "Somebody changed {repo} in the meantime (412), and nothing was published: ask again to see what would change now.",
}


def _cause_first(call: Callable[[], T]) -> T:
    """The client wraps what an upload met: its cause says more."""
    try:
        return call()
    except RuntimeError as error:
        if isinstance(error.__cause__, Exception):
            raise error.__cause__ from error
        raise SourceError(f"The upload failed ({_line(error)}), and nothing was published: ask again.") from error
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        raise SourceError(f"The Hub refuses the upload ({_line(error)}), and nothing was published.") from error


def _status(error: BaseException) -> int | None:
    """The status that the Hub answered with, from what `speak` raised."""
    response = getattr(error.__cause__, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def _line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
