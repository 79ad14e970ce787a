"""Long answers over a real connection: progress, reconnecting, cancelling, resuming, and an end that leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
from fake_hub import Repo
from page_process import running

pytest.importorskip("uvicorn", reason="the page's server needs the extra web")

MEASURE = {"source": "model", "length": "128", "rows": "8", "prompts": "40", "dtype": "float32", "resamples": "1000",
           "text": ["words.txt"]}  # fmt: skip
WORDS = "The quick brown fox jumps over the lazy dog and runs through the quiet forest until the night comes. "


def children(pid: int) -> list[int]:
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(one) for one in told.split()]


def awaited(pid: int) -> list[int]:
    """The children of a process, once it has some."""
    deadline = time.monotonic() + 60
    while not (found := children(pid)):
        assert time.monotonic() < deadline, "no process was started"
        time.sleep(0.05)
    return found


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_measurement_is_followed_cancelled_and_resumed_and_the_server_ends_clean(
    tiny_folder_with_tokenizer: Path, tmp_path: Path
) -> None:
    (tmp_path / "model").symlink_to(tiny_folder_with_tokenizer)
    folder, temporary = tmp_path / "files", tmp_path / "tmp"
    folder.mkdir(), temporary.mkdir()
    os.rename(tmp_path / "model", folder / "model")
    (folder / "words.txt").write_text(WORDS * 2000)
    with running(folder, temporary, "--files", str(folder), "--files", str(tiny_folder_with_tokenizer)) as server:
        job = server.begin("measure", MEASURE)
        assert server.begin("measure", MEASURE) == job  # asked again, as after a reload
        seen = []
        for number, line in server.lines(job):
            seen.append((number, line))
            if line.get("progress", [0])[0] >= 2:
                break
        done, planned, what = seen[-1][1]["progress"]
        assert 2 <= done < planned == 40 and what

        assert server.request("POST", f"/api/jobs/{job}/cancel")[0] == 200
        rest = list(server.lines(job, after=seen[-1][0]))  # from where the connection was lost
        assert min(number for number, _ in rest) > seen[-1][0]
        answer = rest[-1][1]["answer"]
        assert answer["report"]["verdict"].startswith("Partial result: ")
        assert [file["name"] for file in answer["files"]] == ["measure.parquet"]
        assert str(temporary) not in json.dumps(answer).replace("\\\\", "")
        assert list(server.lines(job, after=seen[-1][0]))[-1] == rest[-1]  # kept for who lost it

        again = answer["report"]["steps"][0]
        assert again["inputs"] == {**MEASURE, "resume": True}
        finished = [line for _, line in server.lines(server.begin(again["question"], again["inputs"]))]
        first = next(line["progress"][0] for line in finished if "progress" in line)
        assert first >= 2, "what was finished is not measured again"
        assert finished[-1]["answer"]["report"]["title"].startswith("model · 40 prompts")

        server.begin("claims", {})
        workers = awaited(server.process.pid)
        assert server.end() == 0
        assert not Path(f"/proc/{workers[0]}").exists() and not list(temporary.glob("ropescope-web-*"))


def test_a_taken_port_is_passed_over_unless_it_was_asked_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = subprocess.run(
            [sys.executable, "-m", "ropescope", "web", "--no-browser", "--port", str(port)],
            capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert told.returncode == 2 and told.stderr.startswith(f"error: Port {port} is taken")
    with running(tmp_path, tmp_path) as one, running(tmp_path, tmp_path) as two:
        assert one.port != two.port
        for path in ("/../server.py", "/kept/x/../../style.css", "/forms/../style.css", "/x/..%2fstyle.css"):
            assert one.request("GET", path)[0] == 404
        assert two.end(signal.SIGTERM) == 0


def test_a_gated_model_is_read_with_the_token_of_the_user_who_started_the_server(hub: Any, tmp_path: Path) -> None:
    config = json.dumps(released.LLAMA_31_8B).encode()
    hub.repos["models/meta/gated"] = Repo({"config.json": config}, token="hf_mine")
    (tmp_path / "token").write_text("hf_mine")
    places = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": "hf", "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}
    asked = {"question": "show", "given": {"source": "meta/gated"}}
    with running(tmp_path, tmp_path, **places) as server:
        told = json.loads(server.request("POST", "/api/answer", asked)[1])["error"]["message"]
        assert f"accept its licence at {hub.endpoint}/meta/gated, then run `hf auth login`" in told
        (tmp_path / "hf").mkdir(exist_ok=True)
        (tmp_path / "token").rename(tmp_path / "hf" / "token")  # what `hf auth login` does
        answer = json.loads(server.request("POST", "/api/answer", asked)[1])
        assert "meta/gated" in answer["report"]["verdict"] and "hf_mine" not in json.dumps(answer)
    hub.authorized.clear()
    with running(tmp_path, tmp_path, **places | {"HF_HOME": "other", "HF_TOKEN": "hf_mine"}) as server:
        assert "report" in json.loads(server.request("POST", "/api/answer", asked)[1])
    assert set(hub.authorized.values()) == {"Bearer hf_mine"}


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked up in /proc")
def test_a_worker_ends_with_a_server_that_was_killed(tmp_path: Path) -> None:
    with running(tmp_path, tmp_path) as server:
        server.begin("claims", {})
        workers = awaited(server.process.pid)
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + 60
        while Path(f"/proc/{workers[0]}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not Path(f"/proc/{workers[0]}").exists()
