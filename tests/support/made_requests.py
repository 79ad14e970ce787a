"""Requests to language models as their APIs take them, small and made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MARK = {"cache_control": {"type": "ephemeral"}}


def anthropic(system: str, *turns: Any, model: str = "claude-sonnet-4-5", **more: Any) -> dict[str, Any]:
    """A Messages request whose system prompt ends a cached prefix, then user and assistant turns."""
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": turn} for at, turn in enumerate(turns or ("Hi",))]
    return {"model": model, "system": [{"type": "text", "text": system, **MARK}], "messages": messages, **more}


def chat(system: str, user: Any, model: str = "gpt-5.6-sol", **more: Any) -> dict[str, Any]:
    """A chat completion."""
    return {
        "model": model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        **more,
    }


def saved(folder: Path, name: str, request: Any) -> str:
    """The path of `request` as a file."""
    path = folder / name
    path.write_text(request if isinstance(request, str) else json.dumps(request))
    return str(path)
