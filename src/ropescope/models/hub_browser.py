"""The Hub from inside a browser, where huggingface_hub is not: the page sends the requests, once the user allows it.

Two addresses suffice: what a repository holds, with the bytes of each file, and a range of one file. Nothing is sent along but
a token that the user gave the page, which adds it itself: it is not known here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import ropescope.models.hub_record as hub_record
from ropescope.errors import SourceError
from ropescope.models.hub_errors import (
    HubAccountNeeded,
    HubFileMissing,
    HubNotAsked,
    HubRepositoryMissing,
    HubUnreachable,
)
from ropescope.models.hub_record import COMMIT, Repository
from ropescope.models.licence import stated_licence
from ropescope.page_requests import Reply, sender

ENDPOINT: Final = "https://huggingface.co"
_INSTEAD: Final = "download its config.json and give that"
_sizes: dict[tuple[str, str], dict[str, int]] = {}
_commits: dict[tuple[str, str | None], str] = {}
"""What was learnt, for as long as the page is open."""


def pin(repo_id: str, revision: str | None, *, repo_type: str = "model") -> tuple[str, tuple[str, ...]]:
    """(the commit that `revision` means now, notes). Raises SourceError."""
    if repo_type != "model":
        raise SourceError(f"{repo_id} is a data set, which is not read in a browser: ask on your machine.")
    if (known := _commits.get((repo_id, revision))) is not None:
        return known, ()
    at = "" if revision is None else f"/revision/{quote(revision, safe='')}"
    info = _json(f"{ENDPOINT}/api/models/{repo_id}{at}?blobs=true", repo_id)
    commit, siblings, card = str(info.get("sha")), info.get("siblings"), info.get("cardData")
    if not COMMIT.fullmatch(commit) or not isinstance(siblings, list):
        raise SourceError(f"the Hub gives no commit and no files of {repo_id}: {_INSTEAD}.")
    held = {
        one["rfilename"]: size
        for one in siblings
        if isinstance(one, dict) and isinstance(one.get("rfilename"), str) and isinstance(size := one.get("size"), int)
    }
    _sizes[repo_id, commit] = held
    _commits[repo_id, revision] = _commits[repo_id, commit] = commit
    licence = stated_licence(card) if isinstance(card, dict) else None
    hub_record.keep_repository(repo_id, revision, commit, Repository(tuple(held), licence))
    return commit, ()


def list_sizes(repo_id: str, revision: str) -> dict[str, int]:
    """The bytes of each file of a repository at a commit, by name. Raises SourceError."""
    commit, _ = pin(repo_id, revision)
    return dict(_sizes[repo_id, commit])


def list_files(repo_id: str, revision: str, *, repo_type: str = "model") -> tuple[str, ...]:
    """The names of the files of a repository at a commit. Raises SourceError."""
    commit, _ = pin(repo_id, revision, repo_type=repo_type)
    return tuple(_sizes[repo_id, commit])


def fetch_file(repo_id: str, revision: str, filename: str, *, repo_type: str = "model") -> Path:
    """Raises SourceError: whole files are not fetched into a browser."""
    raise SourceError(f"{filename} of {repo_id} is not fetched into a browser: download it and give the file.")


def cached_file(repo_id: str, commit: str, name: str) -> Path | None:
    """None: there is no cache of huggingface_hub here."""
    return None


def cached_names(repo_id: str, commit: str) -> tuple[str, ...]:
    """None at all, as `cached_file`."""
    return ()


def part(repo_id: str, commit: str, name: str, start: int, count: int) -> tuple[int, bytes, bool]:
    """(the bytes of the whole file, at most `count` of them from `start`, whether the others stayed where they are). Raises
    SourceError."""
    size = list_sizes(repo_id, commit).get(name)
    if size is None:
        raise HubFileMissing(f"{repo_id} has no file {name}: check what the repository holds.")
    if start >= size or count < 1:
        return size, b"", True
    address = f"{ENDPOINT}/{repo_id}/resolve/{commit}/{quote(name)}"
    found = _asked(address, repo_id, f"bytes={start}-{min(start + count, size) - 1}")
    return (size, found.body, True) if found.status == 206 else (size, found.body[start : start + count], False)


def _json(address: str, repo_id: str) -> dict[str, Any]:
    try:
        found = json.loads(_asked(address, repo_id).body)
    except ValueError as error:
        raise SourceError(f"{ENDPOINT} gives no JSON about {repo_id}: {_INSTEAD}.") from error
    return found if isinstance(found, dict) else {}


def _asked(address: str, repo_id: str, part: str = "") -> Reply:
    send = sender(repo_id)
    if send is None:
        raise HubNotAsked(
            f"{repo_id} is on the Hub, which was not asked: allow this page to read its headers from {ENDPOINT}, or "
            "give its config.json.",
            repo_id,
        )
    found = send(address, part)
    status = found.status
    if status in (200, 206):
        return found
    if status in (401, 403, 404):
        raise _refused(found, repo_id)
    if status == 429:
        raise SourceError(f"the Hub asks to slow down (429, rate limit): wait some minutes, or {_INSTEAD}.")
    if status == 0:
        raise HubUnreachable(f"{ENDPOINT} cannot be reached from this page: check the connection, or {_INSTEAD}.")
    raise HubUnreachable(f"{ENDPOINT} answers {status} for {repo_id}: try again in some minutes, or {_INSTEAD}.")


def _refused(found: Reply, repo_id: str) -> SourceError:
    """What to do where the Hub shows a repository to some accounts alone, or has none of this name."""
    status, page = found.status, f"{ENDPOINT}/{repo_id}"
    if found.refusal == "GatedRepo" or status == 403:
        if found.signed:
            said = (
                f"{repo_id} is gated, and the account of your token may not read it ({status}): accept its licence at {page}, "
                f"and let the token read gated repositories; or {_INSTEAD}."
            )
        else:
            said = f"{repo_id} is gated ({status}): accept its licence at {page}, then give a token of that account; or {_INSTEAD}."
    elif found.signed and status == 404:
        return HubRepositoryMissing(
            f"the Hub shows no {repo_id} to the account of your token (404): check the spelling."
        )
    elif found.signed:
        said = f"the Hub does not accept your token ({status}): give another one from {ENDPOINT}/settings/tokens, or {_INSTEAD}."
    else:
        said = (
            f"the Hub shows no {repo_id} without an account ({status}): check the spelling; if it is private, give a token, or "
            f"{_INSTEAD}."
        )
    return HubAccountNeeded(said, repo_id)
