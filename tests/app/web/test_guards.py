"""Nobody but the page that was served can make the server act, and no path that a request writes leads out of what may be read."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ropescope.app.http.access import Access, of_this_user
from ropescope.app.web.guards import TOKEN

ACTS = (
    ("POST", "/api/answer"),
    ("POST", "/api/problems"),
    ("POST", "/api/jobs"),
    ("POST", "/api/files?name=x"),
    ("POST", "/api/folders?name=x"),
    ("POST", "/api/jobs/x/cancel"),
    ("GET", "/api/jobs/x/events"),
)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost:9000", 200),  # through a tunnel
        ("[::1]:8765", 200),
        ("evil.example:8765", 421),
        ("127.0.0.1.evil.example", 421),
        ("192.168.1.5:8765", 421),
        ("", 421),
    ],
)
def test_only_names_of_this_machine_are_answered(outsider: TestClient, host: str, status: int) -> None:
    for path in ("/", "/style.css", "/catalogue.json"):
        assert outsider.get(path, headers={"Host": host}).status_code == status


def test_a_name_of_a_stranger_is_refused_elsewhere_too() -> None:
    access = Access("0.0.0.0", "t")
    assert access.is_ours("192.168.1.5:8765") and access.is_ours(socket.gethostname())
    assert not access.is_ours("evil.example") and not access.loopback


@pytest.mark.parametrize(("method", "path"), ACTS)
def test_what_acts_needs_the_token_and_the_page(client: TestClient, method: str, path: str) -> None:
    def status(**headers: str) -> int:
        body = json.dumps({"question": "show", "given": {}})
        sent = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return client.request(method, path, headers=sent, content=body).status_code

    assert status() != 403
    assert status(**{TOKEN: ""}) == status(**{TOKEN: "a-token"}) == 403
    for site in ("cross-site", "same-site"):  # another port of localhost is the same site
        assert status(Sec_Fetch_Site=site) == 403
    del client.headers["Sec-Fetch-Site"]
    assert status(Origin="http://127.0.0.1:8765") != 403
    for origin in ("http://127.0.0.1:9999", "https://evil.example", "null"):
        assert status(Origin=origin) == 403


def test_a_link_leads_to_the_page_and_no_further(outsider: TestClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert outsider.get("/", headers=link).status_code == 200
    assert outsider.get("/", headers={**link, "Sec-Fetch-Dest": "iframe"}).status_code == 403
    assert outsider.get("/catalogue.json", headers=link).status_code == 403


def test_the_page_holds_the_token_and_forbids_all_that_it_does_not_need(outsider: TestClient) -> None:
    page = outsider.get("/")
    assert 'name="ropescope-backend" content="server"' in page.text and 'name="ropescope-token"' in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store" and page.headers["X-Content-Type-Options"] == "nosniff"
    for answer in (page, outsider.get("/main.js"), outsider.get("/none"), outsider.get("/", headers={"Host": "x"})):
        assert "access-control-allow-origin" not in answer.headers
    assert outsider.get("/main.js").headers["Content-Type"].startswith("text/javascript")
    assert outsider.options("/api/answer", headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_file_of_the_page_is_sent_once_for_each_version(outsider: TestClient) -> None:
    first = outsider.get("/style.css")
    again = outsider.get("/style.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


@pytest.mark.parametrize(
    "path",
    ["/../server.py", "/%2e%2e/server.py", "/..%2fserver.py", "/%2e%2e%2f%2e%2e%2f%2e%2e%2fpyproject.toml",
     "//etc/passwd", "/page/index.html", "/index.html", "/types.d.ts", "/style.css%00.js", "/kept/..%2f..%2f/etc/passwd"],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (404, 400, 405)


def test_another_user_of_this_machine_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        ends = client.getsockname(), server.getsockname()
        assert of_this_user(*ends)
        if Path("/proc/net/tcp").exists():
            rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
            assert any(row[1].endswith(f":{ends[0][1]:04X}") for row in rows)
            monkeypatch.setattr("os.getuid", lambda: 54321)
            owned_by_root = not Path("/proc/self").stat().st_uid
            assert of_this_user(*ends) is owned_by_root


def test_elsewhere_the_page_is_given_to_whoever_has_the_token_alone() -> None:
    access = Access("0.0.0.0", "t0ken")
    scope = {"client": ("10.0.0.7", 4000), "server": ("10.0.0.1", 8765)}
    assert access.may_see_page({**scope, "query_string": b"token=t0ken"})
    assert not access.may_see_page({**scope, "query_string": b"token=t0kem"})
    assert not access.may_see_page({**scope, "query_string": b""})
    assert not access.is_token("é")
