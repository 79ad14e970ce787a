"""Questions asked of a Hub in a process of its own, since huggingface_hub reads its settings at import.

The processes are forked from one server that has imported what the settings do not touch, so that each starts in a moment.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

SECONDS = 300
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    ["ropescope.models.opening", "ropescope.models.datasets", "httpx", "tqdm.auto", "yaml", "fsspec"]
)


def answers(questions: Sequence[tuple[str, Any]], env: Mapping[str, str]) -> list[Any]:
    """What a fresh process with the environment `env` answers, as JSON holds it; an error of ours is "Kind: sentence"."""
    here, there = _FORKING.Pipe(duplex=False)
    process = _FORKING.Process(target=_answer, args=(there, list(questions), dict(env)))
    process.start()
    there.close()
    try:
        assert here.poll(SECONDS), "no answer"
        found: list[Any] = json.loads(here.recv())
    except EOFError:
        raise AssertionError(f"the process ended without an answer, with status {process.exitcode}") from None
    finally:
        process.join(5)
        process.kill()
    return found


def _answer(to: Connection, questions: Sequence[tuple[str, Any]], env: Mapping[str, str]) -> None:
    assert "huggingface_hub.constants" not in sys.modules, "its settings are read already"
    os.environ.clear()
    os.environ.update(env)
    from huggingface_hub import hf_hub_download

    from ropescope.errors import RopescopeError
    from ropescope.models import Source, open, resolve
    from ropescope.models.chat_templates import read_chat_templates
    from ropescope.models.datasets import fetch_dataset
    from ropescope.questions.inputs import from_text
    from ropescope.questions.registry import find

    verbs = {
        "open": lambda source: open(source).to_dict(),
        "config": lambda source: open(source, config_only=True).to_dict(),
        "resolve": lambda source: resolve(source).to_dict(),
        "templates": lambda source: asdict(read_chat_templates(source, "source")),
        "source": lambda source: open(Source.from_dict(source)).to_dict(),
        "download": lambda source: hf_hub_download("/".join(source.split("/")[:2]), "/".join(source.split("/")[2:])),
        "question": lambda asked: (q := find(asked[0])).ask(from_text(q.inputs_type, asked[1])).to_dict(),
        "dataset": lambda source: (str(fetch_dataset(source)[0][0]), fetch_dataset(source)[1]),
    }
    found = []
    for verb, source in questions:
        try:
            found.append(verbs[verb](source))
        except RopescopeError as error:
            found.append(f"{type(error).__name__}: {error}")
    to.send(json.dumps(found))
