"""What the server answers, which files it reads for that, and how much it takes in."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import released_configs as released
from starlette.testclient import TestClient

from ropescope.app.web import requests, server
from ropescope.app.web.paths import clean


def asked(client: TestClient, question: str, **given: Any) -> Any:
    return client.post("/api/answer", json={"question": question, "given": given}).json()


def kept(client: TestClient, name: str, content: bytes, **query: str) -> str:
    path: str = client.post("/api/files", params={"name": name, **query}, content=content).json()["path"]
    return path


@pytest.fixture
def llama(folder: Path) -> Path:
    (folder / "llama").mkdir()
    (folder / "llama" / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    return folder / "llama"


def test_forms_and_the_catalogue_are_those_of_the_registry(client: TestClient) -> None:
    listed = client.get("/catalogue.json").json()["situations"]
    assert "extend plan" in {one["name"] for each in listed for one in each["questions"]}
    assert client.get("/forms/extend_plan.json").json()["name"] == "extend plan"
    assert client.get("/forms/none.json").status_code == 404


def test_it_answers_in_the_language_of_the_page(client: TestClient) -> None:
    words = client.get("/languages/fr.json").json()
    assert words and client.get("/languages/xx.json").status_code == 404
    asked_in = {"question": "devices", "given": {}}
    assert "english" in client.post("/api/answer", json={**asked_in, "language": "fr"}).json()
    assert "english" not in client.post("/api/answer", json={**asked_in, "language": 7}).json()


def test_a_folder_is_named_from_where_the_page_may_read(client: TestClient, llama: Path) -> None:
    made = asked(client, "fit", source="llama", gpu="4090", context="32k")
    assert (
        made["report"]["verdict"]
        == asked(client, "fit", source=str(llama), gpu="4090", context="32k")["report"]["verdict"]
    )
    assert made["command"] == "ropescope fit llama --gpu 4090 --context 32k"
    assert str(llama) not in json.dumps(made)


@pytest.mark.parametrize(
    ("question", "field"),
    [("show", "source"), ("compare", "sources"), ("tokenizer", "tokenizers"), ("evidence", "model"), ("ask", "words"),
     ("ask", "file"), ("peft", "code"), ("adapter", "base"), ("contamination", "corpus"), ("drift", "first"),
     ("extend plan", "method"), ("launch", "gguf"), ("template", "messages")],
)  # fmt: skip
@pytest.mark.parametrize(
    "way", ["{out}", "../outside", "llama/../../outside", "{link}", "~root", "//host/share", "\\\\host\\x"]
)
def test_nothing_outside_the_folders_is_read(
    client: TestClient, llama: Path, tmp_path: Path, question: str, field: str, way: str
) -> None:
    (tmp_path / "outside").mkdir(exist_ok=True)
    (tmp_path / "outside" / "config.json").write_text("{}")
    (llama.parent / "link").symlink_to(tmp_path / "outside")
    path = way.format(out=tmp_path / "outside", link=f"{llama.parent}/link")
    error = asked(client, question, **{field: [path] if field == "corpus" else path})["error"]
    assert error["field"] == field and "not in a folder that the page may read" in error["message"]


def test_links_inside_a_folder_lead_nowhere_else(client: TestClient, llama: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the key")
    (llama / "notes.txt").symlink_to(tmp_path / "secret.txt")
    assert "not in a folder" in asked(client, "contamination", items="llama/notes.txt")["error"]["message"]
    assert "not in a folder" in asked(client, "show", source="llama")["error"]["message"]


@pytest.mark.parametrize(
    ("field", "text"), [("method", "yarn"), ("engine", "vllm"), ("source", "org/name"), ("revision", "refs/pr/1")]
)
def test_what_is_no_path_stays_as_it_is(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, field: str, text: str
) -> None:
    seen = {}
    monkeypatch.setattr(server, "answered", lambda request, run: seen.update(request["given"]) or {})
    asked(client, "extend plan", **{field: text})
    assert seen[field] in (text, [text])


@pytest.mark.parametrize(
    "way", ["{out}", "../outside", "../../outside", "{link}", "{out}/config.json", "~root", "//host/share"]
)
def test_a_path_that_a_file_names_leads_nowhere_else(
    client: TestClient, folder: Path, tmp_path: Path, way: str
) -> None:
    """The base of an adapter and the model of a script: nothing tells even whether it is there."""
    secret = tmp_path / "outside"
    secret.mkdir()
    hidden = {**released.LLAMA_31_8B, "num_hidden_layers": 7, "_name_or_path": "hidden-name"}
    (secret / "config.json").write_text(json.dumps(hidden))
    (folder / "link").symlink_to(secret)
    base = way.format(out=secret, link=folder / "link")
    (folder / "evil").mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": base, "r": 8, "target_modules": ["q_proj"]}
    (folder / "evil" / "adapter_config.json").write_text(json.dumps(config))
    (folder / "train.py").write_text(
        "from peft import LoraConfig, get_peft_model\nfrom transformers import AutoModelForCausalLM\n"
        f"model = AutoModelForCausalLM.from_pretrained({base!r})\n"
        "model = get_peft_model(model, LoraConfig(target_modules=['q_proj']))\n"
    )

    def told(there: bool) -> list[Any]:
        if not there:
            (secret / "config.json").unlink()
        return [
            asked(client, question, **given)
            for question, given in (
                ("show", {"source": "evil"}), ("fit", {"source": "evil/adapter_config.json", "gpu": "4090"}),
                ("adapter", {"source": "evil"}), ("peft", {"code": "train.py"}),
            )
        ]  # fmt: skip

    found = told(there=True)
    assert "error" in found[0] and "error" in found[1]
    assert found[2]["report"]["data"]["fits"] is None and "7 " not in json.dumps(found[2]["report"]["facts"])
    assert "hidden-name" not in json.dumps(found) and "224" not in json.dumps(found[3]["report"]["tables"])
    assert found == told(there=False)


def test_a_base_that_the_page_may_read_is_followed(client: TestClient, llama: Path, tmp_path: Path) -> None:
    (llama.parent / "lora").mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": str(llama), "r": 8, "target_modules": ["q_proj"]}
    (llama.parent / "lora" / "adapter_config.json").write_text(json.dumps(config))
    assert asked(client, "adapter", source="lora")["report"]["data"]["pairs"] == 32
    (tmp_path / "secret.json").write_text("{}")
    (llama / "tokenizer.json").symlink_to(tmp_path / "secret.json")
    error = asked(client, "show", source="llama/config.json")["error"]["message"]
    assert "tokenizer.json is a link to a file that may not be read here" in error


def test_code_of_a_repository_is_not_run_for_a_page(client: TestClient) -> None:
    for value in (True, "true"):
        error = asked(client, "measure", source="smollm2", trust_remote_code=value)["error"]
        assert error["field"] == "trust_remote_code"


def test_an_upload_is_read_by_its_name_and_its_path_is_never_shown(client: TestClient, tmp_path: Path) -> None:
    text = json.dumps(released.LLAMA_31_8B).encode()
    one, two = (kept(client, "my llama.json", text, source="1") for _ in range(2))
    assert (one, two) == ("page:my_llama.json", "page:my_llama-2.json")
    made = asked(client, "show", source=one)
    assert "llama" in made["report"]["verdict"].lower()
    assert str(tmp_path) not in json.dumps(made) and made["command"] == "ropescope show page:my_llama.json"
    assert (
        asked(client, "show", source=kept(client, "tiny.json", text, source="1"))["command"]
        == "ropescope show tiny.json"
    )
    torn = kept(client, "torn.gguf", b"GGUF")
    assert str(tmp_path) not in json.dumps(asked(client, "show", source=torn))
    assert "holds no file" in asked(client, "show", source="page:none.json")["error"]["message"]


def test_a_folder_is_uploaded_file_by_file(client: TestClient) -> None:
    handle = client.post("/api/folders", params={"name": "my model"}).json()["path"]
    for name in ("config.json", "../../up.txt", "a/b/c.txt"):
        content = json.dumps(released.LLAMA_31_8B).encode()
        assert (
            client.post("/api/files", params={"name": name, "folder": handle}, content=content).json()["path"] == handle
        )
    assert asked(client, "show", source=handle)["report"]["title"] == "my_model"
    assert client.post("/api/files", params={"name": "x", "folder": "page:other"}, content=b"").status_code == 409


@pytest.mark.parametrize(
    ("name", "called"),
    [("../../etc/passwd", "passwd"), ("C:\\x\\con.txt", "_con.txt"), (".bashrc", "bashrc"), ("a,b c.json", "a_b_c.json"),
     ("<img src=x onerror=alert(1)>.json", "img_src_x_onerror_alert_1__.json"), ("", "file"), ("..", "file"),
     ("\u202egpj.exe", "_gpj.exe"), ("x" * 500 + ".gguf", "x" * 60 + ".gguf"), ("名前.json", "名前.json")],
)  # fmt: skip
def test_hostile_names_become_plain_ones(name: str, called: str) -> None:
    assert clean(name) == called or clean(name) == f"_{called}"


def test_too_much_is_refused_before_it_is_kept(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        client.post(
            "/api/answer", content=b" " * (requests.MOST_REQUEST + 1), headers={"Content-Type": "application/json"}
        ).status_code
        == 413
    )
    assert "longer than" in asked(client, "show", source="x" * (1 << 20 | 1))["error"]["message"]
    monkeypatch.setattr(requests, "MOST_FILE", 1000)
    for stream in (b"x" * 1001, iter([b"x" * 600] * 2)):  # told in advance, and not
        assert client.post("/api/files", params={"name": "big.txt"}, content=stream).status_code == 413
    assert not [path for path in (tmp_path / "private").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"question": "show"}', b'{"question": "show", "given": []}', b'{"question": 1, "given": {}}',
     b'{"question": "show", "given": {"source": {"a": 1}}}', b'{"question": "show", "given": {"source": [1]}}', b"[" * 100_000,
     b'{"question": "no such", "given": {}}', b'\xff\xfe'],
)  # fmt: skip
def test_what_is_no_request_is_refused_in_a_sentence(client: TestClient, body: bytes) -> None:
    refused = client.post("/api/answer", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code in (400, 404) and refused.json()["error"]["message"].endswith(".")
    assert client.post("/api/answer", content=body, headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_request_that_comes_too_slowly_is_not_called_a_bad_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        headers: ClassVar = {"content-type": "application/json"}

        async def stream(self) -> AsyncIterator[bytes]:
            await asyncio.sleep(60)
            yield b"{}"

    monkeypatch.setattr(requests, "MOST_WAIT", 0.01)
    with pytest.raises(requests.RefusedError, match="did not arrive") as refused:
        asyncio.run(requests.read_question(Slow()))  # type: ignore[arg-type]
    assert refused.value.response.status_code == 408


def test_a_fault_of_ours_is_one_sentence_without_its_trace(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ropescope.app.web.backend.shown", lambda report: 1 / 0)
    error = asked(client, "devices")["error"]
    assert "ZeroDivisionError" in error["message"] and "Traceback" not in error["message"]
    assert "Traceback" in capsys.readouterr().err


def test_a_plan_is_kept_and_offered_and_asked_for_again(client: TestClient, llama: Path, tmp_path: Path) -> None:
    made = asked(client, "extend plan", source="llama", to="256k")
    (file,) = made["files"]
    assert file["name"] == "extend-plan.json" and str(tmp_path) not in json.dumps(made)
    saved = client.get(file["href"])
    assert saved.json()["schema"].startswith("ropescope.") and "attachment" in saved.headers["Content-Disposition"]
    assert "sandbox" in saved.headers["Content-Security-Policy"]
    again = asked(client, "extend plan", source="llama", to="256k", method="page:extend-plan.json")
    assert again["report"]["verdict"] == made["report"]["verdict"]
    assert client.get("/kept/none/extend-plan.json").status_code == 404


def test_what_takes_long_goes_on_as_a_job(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "QUICK_SECONDS", 0.05)
    over = threading.Event()
    monkeypatch.setattr(server, "answered", lambda request, run: over.wait(60) and {})
    try:
        assert set(asked(client, "devices")) == {"job"}
        assert set(asked(client, "atlas")) == {"job"}
    finally:
        over.set()


def test_problems_are_told_by_field(client: TestClient) -> None:
    told = client.post("/api/problems", json={"question": "fit", "given": {"context": "8x", "gpu": "4090"}}).json()
    assert set(told) == {"context"}
