"""`ropescope mcp` as a process: on standard input and output, and over HTTP for whoever has the token."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lazily import lazily

lazily("mcp", reason="agents need the extra mcp")

SECRET = "a-token-that-only-clients-have"
COMMAND = ["-m", "ropescope", "mcp"]
SHOW = {"question": "show", "inputs": {"source": "llama"}, "wait": 300}


def environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "ROPESCOPE_HOME": str(home), "HF_HUB_OFFLINE": "1", **more}


def test_a_client_starts_it_and_leaves(folder: Path, tmp_path: Path) -> None:
    from mcp import Client, StdioServerParameters

    server = StdioServerParameters(
        command=sys.executable, args=[*COMMAND, "--files", str(folder)], env=environment(tmp_path), cwd=tmp_path
    )

    async def does() -> None:
        async with Client(server) as client:
            assert client.server_info.name == "ropescope" and "`questions` with a name" in (client.instructions or "")
            assert len((await client.list_tools()).tools) == 10
            told = (await client.call_tool("choosing", SHOW)).structured_content
            assert told["verdict"].startswith("llama: 8.03B parameters")
            started = await client.call_tool("judging", {"question": "claims", "wait": 0})
            assert not started.structured_content["finished"]  # and it ends with the server

    asyncio.run(asyncio.wait_for(does(), 600))
    (claims,) = (tmp_path / "answers").glob("claims-*")
    assert not (claims / "answer.json").exists() or "Interrupted" in (claims / "answer.json").read_text()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_it_ends_when_it_is_told_to_though_its_client_stays(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, *COMMAND], env=environment(tmp_path, TMPDIR=str(tmp_path)), cwd=tmp_path,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        asked = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        print(
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked}),
            file=process.stdin,
            flush=True,
        )
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "ropescope"  # type: ignore[union-attr]
        process.terminate()
        assert process.wait(300) == 0
    assert not list(tmp_path.glob("ropescope-mcp-*"))


@contextmanager
def served(folder: Path, home: Path, **more: str) -> Iterator[tuple[int, str]]:
    """(the port, what it said) of a server over HTTP."""
    process = subprocess.Popen(
        [sys.executable, *COMMAND, "--http", "--files", str(folder)],
        env=environment(home, **more), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        said = "".join(process.stderr.readline() for _ in range(3))
        found = re.search(r"http://127\.0\.0\.1:(\d+)/mcp", said)
        assert found is not None, said
        yield int(found[1]), said
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_over_http_whoever_has_the_token_may_ask(folder: Path, tmp_path: Path) -> None:
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    from ropescope.app.mcp.serving import TOKEN

    with served(folder, tmp_path, **{TOKEN: SECRET}) as (port, said):
        assert SECRET not in said

        def status(**headers: str) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
            sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                    "Authorization": f"Bearer {SECRET}", **headers}  # fmt: skip
            body = '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
            connection.request("POST", "/mcp", body, {name: value for name, value in sent.items() if value})
            response = connection.getresponse()
            connection.close()
            return response.status

        assert status() not in (401, 403, 421)
        assert status(Authorization="") == status(Authorization="Bearer wrong") == status(Authorization=SECRET) == 401
        for host in ("evil.example", f"127.0.0.1.evil.example:{port}", f"192.168.1.5:{port}"):
            assert status(Host=host) == 421
        assert status(Host=f"localhost:{port}") not in (401, 403, 421)
        for origin in ("https://evil.example", f"http://127.0.0.1:{port + 1}", "null"):
            assert status(Origin=origin) == 403
        assert status(Origin=f"http://127.0.0.1:{port}") not in (401, 403, 421)

        async def does(mode: str) -> dict[str, Any]:
            async with create_mcp_http_client({"Authorization": f"Bearer {SECRET}"}) as carrier:
                transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=carrier)
                async with Client(transport, mode=mode) as client:
                    return dict((await client.call_tool("choosing", SHOW)).structured_content)

        for mode in ("legacy", "auto"):
            assert asyncio.run(asyncio.wait_for(does(mode), 600))["verdict"].startswith("llama: 8.03B parameters")


def test_a_token_is_made_where_none_is_given_and_options_that_are_not_read_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    from ropescope.app.mcp.serving import TOKEN

    with served(folder, tmp_path, **{TOKEN: ""}) as (_, said):
        assert re.search(r"^Token: [\w-]{32}$", said, re.M) and f"files in {folder}." in said
    for words, told in ((["--port", "9"], "--port is given and not read"), (["--skill", "x", "--http"], "leave out")):
        done = subprocess.run(
            [sys.executable, *COMMAND, *words], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == 2 and told in done.stderr
