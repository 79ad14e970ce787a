"""The Hub, spoken to by the real client over HTTP: what is fetched, what is pinned, and every failure's sentence."""

import json
import socket

import stored_models as made

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "max_position_embeddings": 2048,
    "rope_theta": 50000.0,
    "vocab_size": 100,
}
WEIGHTS = b"".join((made.header({"a.weight": ("F32", (32, 32))})[0], bytes(4096)))
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


def _repo(fake_hub, **more):
    files = {"config.json": json.dumps(LLAMA).encode(), "model.safetensors": WEIGHTS}
    return fake_hub.Repo(files=files, **more)


def test_opens_a_repository_at_a_pinned_commit_and_may_fetch_its_config_alone(hub, ask, fake_hub):
    hub.repos["models/org/name"] = _repo(fake_hub, revisions={"main": COMMIT, "v2": OTHER})
    model, tagged = ask(("config", "org/name"), ("resolve", "org/name@v2"))
    assert model["source"]["revision"] == COMMIT
    assert model["name"] == "org/name"
    assert model["layers"][1]["rope"]["theta"] == 50000.0
    assert tagged["revision"] == OTHER
    assert not [request for request in hub.requests if "safetensors" in request]
    assert f"GET /org/name/resolve/{COMMIT}/config.json" in hub.requests


def test_every_failure_is_a_sentence_with_a_mend(hub, ask, fake_hub):
    for mood in fake_hub.ERRORS:
        hub.repos[f"models/org/{mood}"] = _repo(fake_hub, mood=mood)
    hub.repos["models/org/fine"] = _repo(fake_hub)
    hub.repos["models/org/bare"] = fake_hub.Repo(files={"model.onnx": b"x"})
    hub.repos["models/org/torn"] = fake_hub.Repo(files={"config.json": b'{"model_type": '})
    moods = list(fake_hub.ERRORS)
    answers = ask(
        *[("open", f"org/{mood}") for mood in moods],
        ("open", "org/nowhere"),
        ("open", "org/fine@nope"),
        ("open", "org/bare"),
        ("open", "org/torn"),
    )
    assert all(isinstance(answer, str) for answer in answers), answers
    said = dict(zip([*moods, "nowhere", "revision", "bare", "torn"], answers, strict=True))
    for mood in ("gated", "gated-401"):
        assert "accept its licence" in said[mood] and "HF_TOKEN" in said[mood]
    assert "no repository org/missing" in said["missing"] and "no repository org/nowhere" in said["nowhere"]
    assert "401" in said["unauthorized"] and "HF_TOKEN" in said["unauthorized"]
    assert "403" in said["forbidden"] and "HF_TOKEN" in said["forbidden"]
    assert "429" in said["limited"] and "wait" in said["limited"]
    assert "500" in said["broken"] and "try again" in said["broken"]
    assert "no revision 'nope'" in said["revision"]
    assert "holds an ONNX export" in said["bare"]
    assert said["torn"].startswith("FormatError") and "config.json:1" in said["torn"]
    assert all("\n" not in answer for answer in answers)


def test_a_silent_hub_is_given_up_in_time(hub, ask, fake_hub):
    hub.repos["models/org/name"] = _repo(fake_hub, mood="hang")
    (answer,) = ask(("open", "org/name"), HF_HUB_ETAG_TIMEOUT="1")
    assert "did not answer in time" in answer and "HF_HUB_ETAG_TIMEOUT" in answer


def test_the_cache_serves_when_the_hub_does_not(hub, ask, fake_hub):
    hub.repos["models/org/name"] = _repo(fake_hub)
    ask(("open", "org/name"))
    before = len(hub.requests)
    offline, absent = ask(("open", "org/name"), ("open", "org/else"), HF_HUB_OFFLINE="1")
    assert len(hub.requests) == before
    assert offline["source"]["revision"] == COMMIT
    assert "local cache" in offline["notes"][0]
    assert "HF_HUB_OFFLINE" in absent
    with socket.socket() as closed:  # a port that nothing listens on
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        cached, refused = ask(("open", "org/name"), ("open", "org/else"), HF_ENDPOINT=dead)
    assert cached["source"]["revision"] == COMMIT
    assert "cannot be reached" in refused and "HF_ENDPOINT" in refused


def test_a_dataset_gives_one_suitable_file(hub, ask, fake_hub):
    rows = b'{"text": "one"}\n{"text": "two"}\n'
    files = {"README.md": b"x", "test.jsonl": b"{}", "data/train-0.jsonl": rows, "notes.txt": b"n"}
    hub.repos["datasets/org/texts"] = fake_hub.Repo(files=files)
    hub.repos["datasets/org/pictures"] = fake_hub.Repo(files={"a.png": b"x"})
    (path, commit), none = ask(("dataset", "org/texts"), ("dataset", "org/pictures"))
    assert path.endswith("data/train-0.jsonl") and commit == COMMIT
    assert "holds no file of texts" in none
