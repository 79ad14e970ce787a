"""Long answers over a real connection: progress, reconnecting, cancelling, resuming, and an end that leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the page's server needs the extra web")

MEASURE = {"source": "model", "length": "128", "rows": "8", "prompts": "40", "dtype": "float32", "resamples": "1000",
           "text": ["words.txt"]}  # fmt: skip
WORDS = "The quick brown fox jumps over the lazy dog and runs through the quiet forest until the night comes. "


class Running:
    """`ropescope web` in a process, and the page that it gave."""

    def __init__(self, folder: Path, temporary: Path, *options: str) -> None:
        environment = {**os.environ, "TMPDIR": str(temporary), "ROPESCOPE_HOME": str(temporary / "home"),
                       "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ropescope", "web", "--no-browser", *options],
            cwd=folder, env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        told = self.process.stderr.readline()
        found = re.search(r"http://([\w.-]+):(\d+)/(.*)", told)
        assert found is not None, told + self.process.stderr.read()
        self.port, self.query = int(found[2]), found[3].strip()
        page = self.request("GET", f"/{self.query}")[1].decode()
        self.token = re.findall(r'ropescope-token" content="([^"]+)"', page)[0]

    def open(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Content-Type": "application/json", "X-Ropescope-Token": getattr(self, "token", ""), **headers}
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        response.connection_of_test = connection  # type: ignore[attr-defined]
        return response

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        response = self.open(method, path, body)
        return response.status, response.read()

    def begin(self, question: str, given: dict[str, Any]) -> str:
        job: str = json.loads(self.request("POST", "/api/answer", {"question": question, "given": given})[1])["job"]
        return job

    def lines(self, job: str, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        response = self.open("GET", f"/api/jobs/{job}/events", **{"Last-Event-ID": str(after)})
        assert response.headers["Content-Type"].startswith("text/event-stream")
        number = 0
        for raw in response:
            if raw.startswith(b"id: "):
                number = int(raw[4:])
            elif raw.startswith(b"data: "):
                yield number, json.loads(raw[6:])
        response.connection_of_test.close()  # type: ignore[attr-defined]

    def end(self, by: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(by)
        return self.process.wait(20)


@contextmanager
def running(folder: Path, temporary: Path, *options: str) -> Iterator[Running]:
    server = Running(folder, temporary, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end()
        server.process.stderr.close()  # type: ignore[union-attr]


def children(pid: int) -> list[int]:
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(one) for one in told.split()]


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
        while not (workers := children(server.process.pid)):
            time.sleep(0.05)
        assert server.end() == 0
        assert not Path(f"/proc/{workers[0]}").exists() and not list(temporary.glob("ropescope-web-*"))


def test_a_taken_port_is_passed_over_unless_it_was_asked_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = subprocess.run(
            [sys.executable, "-m", "ropescope", "web", "--no-browser", "--port", str(port)],
            capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert told.returncode == 2 and told.stderr.startswith(f"error: Port {port} is taken")
    with running(tmp_path, tmp_path) as one, running(tmp_path, tmp_path) as two:
        assert one.port != two.port
        for path in ("/../server.py", "/kept/x/../../style.css", "/forms/../style.css", "/x/..%2fstyle.css"):
            assert one.request("GET", path)[0] == 404
        assert two.end(signal.SIGTERM) == 0


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked up in /proc")
def test_a_worker_ends_with_a_server_that_was_killed(tmp_path: Path) -> None:
    with running(tmp_path, tmp_path) as server:
        server.begin("claims", {})
        deadline = time.monotonic() + 20
        while not (workers := children(server.process.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        server.process.kill()
        server.process.wait()
        while Path(f"/proc/{workers[0]}").exists() and time.monotonic() < deadline + 20:
            time.sleep(0.1)
        assert not Path(f"/proc/{workers[0]}").exists()
