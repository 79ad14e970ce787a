"""The conversation with the Hub: pinning a revision, fetching single files, and a sentence for every failure.

huggingface_hub finds the token, the cache, the endpoint (HF_ENDPOINT) and offline mode (HF_HUB_OFFLINE) in its usual
places. It is imported inside the functions because it costs 150 ms.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import ropescope.models.hub_record as hub_record
from ropescope.errors import SourceError
from ropescope.models.hub_errors import HubFileMissing, HubRepositoryMissing, HubUnreachable
from ropescope.models.hub_record import Repository
from ropescope.models.licence import stated_licence

RepoType = Literal["model", "dataset"]
T = TypeVar("T")


def pin(repo_id: str, revision: str | None, *, repo_type: RepoType = "model") -> tuple[str, tuple[str, ...]]:
    """(the commit hash that `revision` means now, notes).

    When the Hub cannot be reached and the local cache has a copy, its commit is taken and a note says so. Raises
    SourceError.
    """
    from huggingface_hub import HfApi, constants

    if revision is not None and hub_record.COMMIT.fullmatch(revision) and hub_record.repository(repo_id, revision):
        return revision, ()  # a commit that is known needs no asking

    def ask() -> str:
        info = HfApi().repo_info(
            repo_id, revision=revision, repo_type=repo_type, timeout=float(constants.HF_HUB_ETAG_TIMEOUT)
        )
        if not info.sha:
            raise SourceError(f"the Hub gives no commit for {repo_id}: the repository is empty, choose another.")
        if not hub_record.COMMIT.fullmatch(str(info.sha)):
            raise SourceError(f"{constants.ENDPOINT} gives no true commit for {repo_id}: check HF_ENDPOINT.")
        if repo_type == "model":
            hub_record.keep_repository(repo_id, revision, str(info.sha), _repository(info))
        return str(info.sha)

    try:
        return speak(ask, repo_id, revision), ()
    except HubRepositoryMissing as error:
        if repo_type == "model" and _is_dataset(repo_id):
            raise SourceError(f"{repo_id} is a data set on the Hub, not a model: give the id of a model.") from error
        raise
    except HubUnreachable as error:
        commit = _cached_commit(repo_id, revision, repo_type)
        if commit is None:
            raise
        return commit, (f"the copy of {repo_id} in the local cache (commit {commit[:8]}) was used, since {error}",)


def _is_dataset(repo_id: str) -> bool:
    """Whether the Hub has a data set of this name."""
    from huggingface_hub import HfApi

    try:
        speak(lambda: HfApi().repo_info(repo_id, repo_type="dataset"), repo_id, None)
    except SourceError:
        return False
    return True


def _repository(info: Any) -> Repository:
    card = getattr(info, "card_data", None)
    stated = card.to_dict() if card is not None else {}
    return Repository(tuple(entry.rfilename for entry in info.siblings or ()), stated_licence(stated))


def fetch_file(repo_id: str, revision: str, filename: str, *, repo_type: RepoType = "model") -> Path:
    """The local path of one file of a repository at a commit, downloaded unless cached. Raises SourceError."""
    from huggingface_hub import hf_hub_download

    return Path(
        speak(
            lambda: hf_hub_download(repo_id, filename, revision=revision, repo_type=repo_type),
            repo_id,
            revision,
            filename,
        )
    )


def list_files(repo_id: str, revision: str, *, repo_type: RepoType = "model") -> tuple[str, ...]:
    """The names of the files of a repository at a commit. Raises SourceError."""
    from huggingface_hub import HfApi

    return tuple(
        speak(lambda: HfApi().list_repo_files(repo_id, revision=revision, repo_type=repo_type), repo_id, revision)
    )


def list_sizes(repo_id: str, revision: str) -> dict[str, int]:
    """The bytes of each file of a model repository at a commit, by name. Raises SourceError."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    def ask() -> dict[str, int]:
        tree = HfApi().list_repo_tree(repo_id, revision=revision, recursive=True)
        return {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}

    return speak(ask, repo_id, revision)


def speak(call: Callable[[], T], repo_id: str, revision: str | None, filename: str = "") -> T:
    """The result of a call to the Hub; every failure becomes a SourceError of one sentence with cause and mend."""
    from huggingface_hub import constants, errors

    at = f" at revision {revision!r}" if revision else ""
    what = f"{filename} of {repo_id}" if filename else repo_id
    try:
        return call()
    except errors.GatedRepoError as error:
        raise SourceError(
            f"{repo_id} is gated: accept its licence at {constants.ENDPOINT}/{repo_id}, then run `hf auth login`, or set HF_TOKEN "
            "to a token of that account."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise SourceError(
            f"{repo_id} has no revision {revision!r}: give a branch, a tag or a commit hash of it."
        ) from error
    except errors.DisabledRepoError as error:
        raise SourceError(f"{repo_id} was disabled on the Hub: choose another repository.") from error
    except errors.RepositoryNotFoundError as error:
        raise HubRepositoryMissing(_not_found(repo_id, _status(error))) from error
    except errors.OfflineModeIsEnabled as error:
        raise HubUnreachable(
            f"HF_HUB_OFFLINE is set, so the Hub was not asked for {what}{at}: unset it, or fetch the repository first."
        ) from error
    except errors.LocalEntryNotFoundError as error:
        cause = error.__cause__
        if isinstance(cause, errors.HfHubHTTPError) and _status(cause) is not None:
            raise _http_failure(repo_id, _status(cause), constants.ENDPOINT) from error
        if cause is not None and _is_network_error(cause):
            raise _network_failure(cause, constants.ENDPOINT) from error
        raise HubUnreachable(
            f"{what}{at} is not in the local cache and the Hub cannot be asked for it: check the connection (or "
            "HF_ENDPOINT, HF_HUB_OFFLINE)."
        ) from error
    except errors.EntryNotFoundError as error:
        raise HubFileMissing(f"{repo_id}{at} has no file {filename}: check what the repository holds.") from error
    except errors.HFValidationError as error:
        raise SourceError(f"{repo_id!r} is no Hub id, which looks like org/name: check its spelling.") from error
    except errors.HfHubHTTPError as error:
        raise _http_failure(repo_id, _status(error), constants.ENDPOINT) from error
    except SourceError:
        raise
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError) or _is_network_error(error):
            raise _network_failure(error, constants.ENDPOINT) from error
        raise SourceError(
            f"{what} cannot be stored ({error.strerror or error}): make room in the cache folder (HF_HOME) or mend its "
            "permissions."
        ) from error
    except Exception as error:
        # The HTTP library under huggingface_hub has changed name (requests, httpx, httpx2), so its errors are known by
        # what they are called; anything else is a bug and keeps its traceback.
        if _is_network_error(error):
            raise _network_failure(error, constants.ENDPOINT) from error
        raise


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def _not_found(repo_id: str, status: int | None) -> str:
    if status == 401:
        return (
            f"the Hub shows no {repo_id} to this account (401): check the spelling; if it is private, or gated, set "
            "HF_TOKEN to a token that may read it."
        )
    return (
        f"the Hub has no repository {repo_id}: check the spelling; if it is private, set HF_TOKEN to a token that may "
        "read it."
    )


def _http_failure(repo_id: str, status: int | None, endpoint: str) -> SourceError:
    if status in (401, 403):
        return SourceError(
            f"the Hub refuses {repo_id} ({status}): accept its licence on its Hub page if it has one, and set HF_TOKEN "
            "to a token that may read it."
        )
    if status == 429:
        return SourceError(
            "the Hub asks to slow down (429, rate limit): wait some minutes, or set HF_TOKEN for a higher limit."
        )
    if status is not None and status >= 500:
        return HubUnreachable(f"{endpoint} answers with an error of its own ({status}): try again in some minutes.")
    return SourceError(f"{endpoint} answers {status} for {repo_id}: check the id and HF_ENDPOINT.")


def _is_network_error(error: BaseException) -> bool:
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"TransportError", "RequestException", "TimeoutException", "ConnectError"})


def _network_failure(error: BaseException, endpoint: str) -> HubUnreachable:
    names = {cls.__name__ for cls in type(error).__mro__}
    if names & {"TimeoutException", "Timeout", "TimeoutError"}:
        return HubUnreachable(f"{endpoint} did not answer in time: try again, or raise HF_HUB_ETAG_TIMEOUT (seconds).")
    return HubUnreachable(
        f"{endpoint} cannot be reached ({type(error).__name__}): check the connection and HF_ENDPOINT."
    )


def _cached_commit(repo_id: str, revision: str | None, repo_type: RepoType) -> str | None:
    """The commit of the cached copy that `revision` means; without a revision, of the newest cached copy."""
    from huggingface_hub import try_to_load_from_cache

    if repo_type == "model" and (commit := hub_record.commit_of(repo_id, revision)) is not None:
        return commit
    found = try_to_load_from_cache(repo_id, "config.json", revision=revision, repo_type=repo_type)
    # .../snapshots/<commit>/config.json
    if isinstance(found, str):
        return Path(found).parent.name
    if revision is not None:
        return None
    # Files fetched by their commit leave no note of the branch they were on.
    folder = _snapshots(repo_id, repo_type)
    copies = [path for path in folder.glob("*/config.json") if path.is_file()]
    return max(copies, key=lambda path: path.stat().st_mtime).parent.name if copies else None


def _snapshots(repo_id: str, repo_type: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo_id, repo_type=repo_type) / "snapshots"


def cached_file(repo_id: str, commit: str, name: str) -> Path | None:
    """The local path of a file that the client's cache holds at a commit; None where it does not."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo_id, name, revision=commit)
    return Path(found) if isinstance(found, str) else None


def cached_names(repo_id: str, commit: str) -> tuple[str, ...]:
    """The names of the files that the client's cache holds of a repository at a commit."""
    folder = _snapshots(repo_id, "model") / commit
    return tuple(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


if sys.platform == "emscripten":  # in a browser
    from ropescope.models.hub_browser import (  # noqa: F401
        cached_file,
        cached_names,
        fetch_file,
        list_files,
        list_sizes,
        pin,
    )
