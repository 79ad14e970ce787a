"""The Hub as a browser reads it: two addresses, ranges alone, and nothing before leave; against the Hub on localhost."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from fake_hub import COMMIT, Large, Repo

from ropescope.errors import SourceError
from ropescope.models import hub_browser
from ropescope.models.hub_errors import HubAccountNeeded, HubFileMissing, HubNotAsked
from ropescope.page_requests import Reply, allowing

HEADER = b'{"t":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}'
WEIGHTS = Large(len(HEADER).to_bytes(8, "little") + HEADER, 10 << 30)


def send(address: str, part: str, token: str = "") -> Reply:
    """What the page does with XMLHttpRequest."""
    headers = {"Range": part} if part else {}
    request = Request(address, headers=headers | ({"Authorization": f"Bearer {token}"} if token else {}))
    try:
        with urlopen(request, timeout=10) as answer:
            return Reply(answer.status, answer.read(), signed=bool(token))
    except HTTPError as error:
        return Reply(error.code, b"", error.headers.get("X-Error-Code", ""), bool(token))
    except OSError:
        return Reply(0, b"")


@pytest.fixture
def repo(hub: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repo]:
    """A repository, which the user lets the page ask about."""
    monkeypatch.setattr(hub_browser, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(hub_browser, "_sizes", {})
    monkeypatch.setattr(hub_browser, "_commits", {})
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path))
    made = Repo({"config.json": b"{}", "model.safetensors": WEIGHTS}, card={"license": "apache-2.0"})
    hub.repos["models/org/name"] = made
    with allowing(send, ["org/name"]):
        yield made


def test_a_part_of_a_large_file_is_fetched_and_no_more(repo: Repo, hub: Any) -> None:
    assert hub_browser.pin("org/name", None) == (COMMIT, ())
    assert hub_browser.list_sizes("org/name", COMMIT) == {"config.json": 2, "model.safetensors": 10 << 30}
    size, data, ranged = hub_browser.part("org/name", COMMIT, "model.safetensors", 8, len(HEADER))
    assert (size, data, ranged) == (10 << 30, HEADER, True)
    assert hub_browser.part("org/name", COMMIT, "config.json", 2, 100) == (2, b"", True)
    # The repository was asked about once.
    assert [line for line in hub.requests if "/api/" in line] == ["GET /api/models/org/name"]
    with pytest.raises(HubFileMissing, match=r"no file other\.bin"):
        hub_browser.part("org/name", COMMIT, "other.bin", 0, 1)


def test_nothing_is_sent_about_a_repository_that_the_user_did_not_allow(repo: Repo, hub: Any) -> None:
    with pytest.raises(HubNotAsked, match="org/base is on the Hub, which was not asked") as caught:
        hub_browser.pin("org/base", None)
    assert caught.value.repository == "org/base" and hub.requests == []


@pytest.mark.parametrize(
    ("mood", "told"),
    [
        ("missing", "shows no org/name without an account"),
        ("gated", r"org/name is gated \(403\): accept its licence at http://.*/org/name, then give a token"),
        ("gated-401", "gated"),
        ("forbidden", "gated"),
        ("unauthorized", "if it is private, give a token"),
        ("limited", "slow down"),
        ("broken", "answers 500"),
    ],
)
def test_a_refusal_says_what_to_do_instead(mood: str, told: str, repo: Repo) -> None:
    repo.mood = mood
    with pytest.raises(SourceError, match=told):
        hub_browser.pin("org/name", "main")


def test_no_answer_is_told_as_that(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        allowing(lambda address, part: Reply(0, b""), ["org/name"]),
        pytest.raises(SourceError, match="cannot be reached"),
    ):
        hub_browser.pin("org/name", None)


def test_what_is_gated_is_read_with_a_token_and_a_wrong_one_is_told(repo: Repo) -> None:
    repo.token = "hf_right"
    commit, _ = hub_browser.pin("org/name", None)
    with pytest.raises(HubAccountNeeded, match="accept its licence") as caught:
        hub_browser.part("org/name", commit, "config.json", 0, 2)
    assert caught.value.repository == "org/name"
    with (
        allowing(partial(send, token="hf_wrong"), ["org/name"]),
        pytest.raises(HubAccountNeeded, match="does not accept your token"),
    ):
        hub_browser.part("org/name", commit, "config.json", 0, 2)
    with allowing(partial(send, token="hf_right"), ["org/name"]):
        assert hub_browser.part("org/name", commit, "config.json", 0, 2) == (2, b"{}", True)
        repo.mood = "gated"
        with pytest.raises(HubAccountNeeded, match=r"the account of your token may not read it \(403\)"):
            hub_browser.part("org/name", commit, "config.json", 0, 1)
        repo.mood = "missing"
        with pytest.raises(SourceError, match="to the account of your token"):
            hub_browser.part("org/name", commit, "config.json", 0, 1)
