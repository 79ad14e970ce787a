"""A server in memory that may use one folder, and the SDK's own client of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
from lazily import lazily

from ropescope.app.folders import Folders
from ropescope.app.mcp.answers import Answers
from ropescope.app.mcp.kept import Kept

lazily("mcp", reason="agents need the extra mcp")

Session = Callable[[Callable[[Any], Awaitable[Any]]], Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What an agent may use: it has a model, `llama`."""
    folder = tmp_path / "open"
    (folder / "llama").mkdir(parents=True)
    (folder / "llama" / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    return folder


@pytest.fixture
def session(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Runs what a client does; `mode` is that of the SDK's client: "legacy" or "auto"."""
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()

    def run(does: Callable[[Any], Awaitable[Any]], mode: str = "legacy", also: tuple[Path, ...] = ()) -> Any:
        from mcp import Client

        from ropescope.app.mcp.server import make_server

        async def connected() -> Any:
            answers = Answers(Folders([folder, *also]), Kept(), tmp_path / "empty")
            try:
                async with Client(make_server(answers), mode=mode) as client:
                    return await does(client)
            finally:
                await answers.close()

        return asyncio.run(connected())

    return run
