"""A server of the page in memory, whose page may read one folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the page's server needs the extra web")

from starlette.testclient import TestClient

from ropescope.app.http.access import Access
from ropescope.app.web.guards import TOKEN
from ropescope.app.web.paths import Paths
from ropescope.app.web.running import Jobs
from ropescope.app.web.server import make_app

SECRET = "a-token-that-only-the-page-has"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the page may read."""
    (tmp_path / "open").mkdir()
    return tmp_path / "open"


@pytest.fixture
def outsider(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Whoever reaches the server, without the token."""
    empty = tmp_path / "private" / "empty"
    empty.mkdir(parents=True)
    monkeypatch.chdir(empty)
    app = make_app(Access("127.0.0.1", SECRET), Paths([folder], tmp_path / "private"), Jobs(empty))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


@pytest.fixture
def client(outsider: TestClient) -> TestClient:
    """The page."""
    outsider.headers[TOKEN] = SECRET
    outsider.headers["Sec-Fetch-Site"] = "same-origin"
    return outsider
