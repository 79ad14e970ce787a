"""What is fetched of a repository on the Hub, and what is not; by the real client over HTTP."""

import json
from pathlib import Path

import gguf_models
import pytest
import stored_models as made

CONFIG = {
    "model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64,
    "intermediate_size": 96, "vocab_size": 100, "max_position_embeddings": 128, "tie_word_embeddings": False,
}  # fmt: skip
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
# Two matrices of 20 GB each.
HUGE = {
    "model.layers.0.mlp.up_proj.weight": ("BF16", (100_000, 100_000)),
    "lm_head.weight": ("BF16", (100_000, 100_000)),
}


def large(fake_hub, table):
    start, data = made.header(table)
    return fake_hub.Large(start, len(start) + data)


def gguf_bytes(tmp_path: Path, fake_hub, name="x.gguf", table=None, more=None, tokens=0):
    """A GGUF as it would lie on the Hub, its data left to the server's zeros."""
    listed = {"tokenizer.ggml.tokens": [f"token number {index}" for index in range(tokens)]} if tokens else {}
    keys = {"block_count": 1, "embedding_length": 64, "attention.head_count": 4, "attention.head_count_kv": 2}
    path = gguf_models.write(tmp_path / name, "llama", keys, table or gguf_models.ends(64, 100), listed | (more or {}))
    with path.open("rb") as file:
        return fake_hub.Large(file.read(16 << 20).rstrip(b"\0"), path.stat().st_size)


@pytest.fixture
def repo(hub, fake_hub):
    """A repository with 40 GB of weights in two files."""
    tables = [{name: stored} for name, stored in HUGE.items()]
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = {"weight_map": {tensor: name for name, table in zip(names, tables, strict=True) for tensor in table}}
    found = fake_hub.Repo(
        files={
            "config.json": json.dumps(CONFIG).encode(),
            "model.safetensors.index.json": json.dumps(index).encode(),
            **{name: large(fake_hub, table) for name, table in zip(names, tables, strict=True)},
            "tokenizer.json": b"{}" * 1000,
            "tokenizer_config.json": json.dumps({"eos_token": "</s>", "added_tokens_decoder": {
                "2": {"content": "</s>"}}}).encode(),
            "chat_template.jinja": b"{{ messages }}",
            "generation_config.json": b'{"eos_token_id": [2, 5]}',
        },
        card={"license": "other", "license_name": "llama3.1"},
        revisions={"main": COMMIT, "v2": OTHER},
    )  # fmt: skip
    hub.repos["models/org/name"] = found
    return found


def test_headers_alone_are_fetched_and_kept(hub, ask, repo):
    (model,) = ask(("open", "org/name"))
    assert model["parameters"]["total"] == 2 * 10**10
    assert model["weights"]["n_bytes"] == 4 * 10**10 and model["weights"]["n_files"] == 2
    assert model["licence"] == "llama3.1"
    assert model["tokenizer"]["special_ids"] == {"eos": [2, 5]}
    assert model["tokenizer"]["chat_template"] == "{{ messages }}"
    weights = [name for name in hub.sent if name.endswith(".safetensors")]
    assert len(weights) == 2 and all(hub.sent[name] <= 64 << 10 for name in weights)
    assert "tokenizer.json" not in hub.sent
    assert sum(hub.sent.values()) < 200_000
    before = dict(hub.sent)
    again, offline = ask(("open", "org/name"))[0], ask(("open", "org/name"), HF_HUB_OFFLINE="1")[0]
    assert hub.sent == before
    assert again["parameters"] == offline["parameters"] == model["parameters"]
    assert offline["licence"] == "llama3.1" and "local cache" in offline["notes"][0]


def test_a_known_commit_needs_no_asking(hub, ask, repo):
    ask(("open", f"org/name@{COMMIT}"))
    before = len(hub.requests)
    (model,) = ask(("open", f"org/name@{COMMIT}"))
    assert [path for path in hub.requests[before:] if "/org/" in path] == [] and model["source"]["revision"] == COMMIT


def test_a_long_header_takes_a_second_request(hub, ask, fake_hub):
    table = {
        f"model.layers.{index % 2}.mlp.experts.{index}.up_proj.weight": ("BF16", (64, 64)) for index in range(4000)
    }
    hub.repos["models/org/moe"] = fake_hub.Repo(
        files={"config.json": json.dumps(CONFIG).encode(), "model.safetensors": large(fake_hub, table)}
    )
    (model,) = ask(("open", "org/moe"))
    assert model["parameters"]["total"] == 4000 * 64 * 64
    start, _ = made.header(table)
    assert hub.sent["model.safetensors"] == len(start)


def test_a_server_that_knows_no_ranges_is_hung_up_on(hub, ask, repo, tmp_path, fake_hub):
    hub.ignore_range = True
    repo.files["big.gguf"] = gguf_bytes(tmp_path, fake_hub, table={"x": ((10**9, 32), "F32")}, tokens=500_000)
    model, gguf = ask(("open", "org/name"), ("open", "org/name/big.gguf"))
    assert model["parameters"]["total"] == 2 * 10**10
    assert gguf["parameters"]["total"] == 32 * 10**9
    assert len([path for path in hub.requests if path.endswith("big.gguf")]) <= 6  # of a header of 13 MB
    # Each answer begins at the start again, and what lies in the sockets at the end was sent, too; of 168 GB.
    assert all(sent < 100 << 20 for sent in hub.sent.values()), hub.sent


def test_a_gguf_file_costs_its_metadata(hub, ask, tmp_path, fake_hub):
    file = gguf_bytes(tmp_path, fake_hub, table=gguf_models.ends(64, 10**6), tokens=150_000)
    hub.repos["models/org/ggufs"] = fake_hub.Repo(
        files={"sub/big.gguf": file, "README.md": b"x"}, revisions={"main": COMMIT, "v2": OTHER, "refs/pr/1": OTHER}
    )
    model, tagged, pull = ask(
        ("open", "org/ggufs/sub/big.gguf"), ("resolve", "org/ggufs@v2/sub/big.gguf"),
        ("resolve", "org/ggufs@refs/pr/1/sub/big.gguf"),
    )  # fmt: skip
    assert model["parameters"]["total"] == 2 * 64 * 10**6 + 64 and model["vocab_size"] == 150_000
    assert model["source"]["name"] == "org/ggufs/sub/big.gguf" and model["source"]["revision"] == COMMIT
    assert tagged["revision"] == pull["revision"] == OTHER and pull["file"] == "sub/big.gguf"
    assert len(file.start) <= hub.sent["big.gguf"] <= len(file.start) + (1 << 20) < file.size // 10
    # One request a mebibyte.
    asked = [path for path in hub.requests if path.endswith("big.gguf")]
    assert 1 < len(asked) <= -(-hub.sent["big.gguf"] // (1 << 20))
    before = dict(hub.sent)
    (again,) = ask(("open", "org/ggufs/sub/big.gguf"), HF_HUB_OFFLINE="1")
    assert again["parameters"] == model["parameters"] and hub.sent == before


def test_of_several_gguf_models_one_must_be_named(hub, ask, tmp_path, fake_hub):
    file = gguf_bytes(tmp_path, fake_hub)
    several = fake_hub.Repo(files={f"m-{kind}.gguf": file for kind in ("Q4_K_M", "Q8_0")} | {"mmproj-f16.gguf": file})
    hub.repos["models/org/several"] = several
    hub.repos["models/org/one"] = fake_hub.Repo(files={"m-Q4_K_M.gguf": file, "mmproj-f16.gguf": file})
    choice, one, wrong = ask(("open", "org/several"), ("open", "org/one"), ("open", "org/several/m-Q2_K.gguf"))
    assert "2 GGUF models and no config.json" in choice
    assert "name one, as in org/several/m-Q4_K_M.gguf" in choice and "It has m-Q4_K_M.gguf, m-Q8_0.gguf." in choice
    assert one["source"]["file"] == "m-Q4_K_M.gguf"
    assert "has no file m-Q2_K.gguf: it has m-Q4_K_M.gguf, m-Q8_0.gguf, mmproj-f16.gguf" in wrong


def test_split_gguf_files_are_read_from_any_part(hub, ask, tmp_path, fake_hub):
    parts = {}
    for index, table in enumerate(({"a": ((4, 32), "F32")}, {"b": ((6, 32), "F32")})):
        more = {"split.no": index, "split.count": 2, "split.tensors.count": 2}
        parts[f"q/m-0000{index + 1}-of-00002.gguf"] = gguf_bytes(tmp_path, fake_hub, f"{index}.gguf", table, more)
    hub.repos["models/org/split"] = fake_hub.Repo(files=parts)
    whole, part = ask(("open", "org/split"), ("open", "org/split/q/m-00002-of-00002.gguf"))
    assert whole["parameters"]["total"] == part["parameters"]["total"] == 320
    hub.repos["models/org/torn"] = fake_hub.Repo(files=dict([parts.popitem()]))
    (torn,) = ask(("open", "org/torn/q/m-00002-of-00002.gguf"))
    assert "one of 2 files, and 1 is missing: put q/m-00001-of-00002.gguf beside it" in torn


@pytest.mark.parametrize(
    ("mood", "words"),
    [("gated", ("accept its licence", "HF_TOKEN")), ("limited", ("429", "wait")), ("broken", ("500", "try again"))],
)
def test_failures_while_headers_are_fetched_are_sentences(hub, ask, repo, mood, words):
    ask(("config", "org/name"))
    hub.file_mood = mood
    (answer,) = ask(("open", "org/name"))
    assert answer.startswith(("SourceError", "HubUnreachable")) and all(word in answer for word in words), answer


def test_a_server_that_falls_silent_is_given_up(hub, ask, repo):
    ask(("config", "org/name"))
    hub.file_mood = "hang"
    (answer,) = ask(("open", "org/name"), HF_HUB_DOWNLOAD_TIMEOUT="1", HF_HUB_ETAG_TIMEOUT="1")
    assert "did not answer in time" in answer


def test_an_empty_file_is_no_failure(hub, ask, repo):
    repo.files["generation_config.json"] = repo.files["chat_template.jinja"] = b""
    (model,) = ask(("open", "org/name"))
    assert model["tokenizer"]["special_ids"] == {"eos": [2]} and model["tokenizer"]["chat_template"] is None
    assert "generation_config.json" in model["notes"][0]


def test_a_source_from_elsewhere_is_opened_without_a_record(hub, ask, repo):
    (source,) = ask(("resolve", "org/name"), ROPESCOPE_HOME="/dev/null/elsewhere")
    (model,) = ask(("source", source))
    assert model["parameters"]["total"] == 2 * 10**10


def test_a_commit_that_is_none_is_refused(hub, ask, repo):
    repo.revisions = {"main": "../../../../etc"}
    (answer,) = ask(("open", "org/name"))
    assert "no true commit" in answer


def test_an_index_leads_nowhere_else(hub, ask, repo):
    repo.files["model.safetensors.index.json"] = json.dumps({"weight_map": {"a": "../../../etc/passwd"}}).encode()
    (answer,) = ask(("open", "org/name"))
    assert answer.startswith("FormatError: org/name/model.safetensors.index.json: weight_map names")


def test_an_endless_header_is_not_fetched(hub, ask, tmp_path, fake_hub):
    claims = b"GGUF" + (3).to_bytes(4, "little") + (0).to_bytes(8, "little") + (1).to_bytes(8, "little")
    key = (1).to_bytes(8, "little") + b"k" + (9).to_bytes(4, "little") + (0).to_bytes(4, "little")
    start = claims + key + (1 << 36).to_bytes(8, "little")  # an array of 64 G bytes, to be stepped over
    hub.repos["models/org/endless"] = fake_hub.Repo(files={"x.gguf": fake_hub.Large(start, 1 << 37)})
    (answer,) = ask(("open", "org/endless"))
    assert "more than 64 MiB, which is not fetched" in answer or "general.architecture is missing" in answer, answer
    assert hub.sent["x.gguf"] <= 2 << 20


def test_a_home_that_cannot_be_written_costs_nothing_but_time(hub, ask, repo, tmp_path):
    (tmp_path / "file").write_text("in the way")
    (model,) = ask(("open", "org/name"), ROPESCOPE_HOME=str(tmp_path / "file" / "home"))
    assert model["parameters"]["total"] == 2 * 10**10


def test_what_the_client_has_downloaded_is_read_from_its_cache(hub, ask, repo):
    small = {"a.weight": ("F32", (32, 32))}
    repo.files = {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": made.header(small)[0] + bytes(4096)}
    (path,) = ask(("download", "org/name/model.safetensors"))
    assert path.endswith("model.safetensors")
    before = dict(hub.sent)
    (model,) = ask(("open", f"org/name@{COMMIT}"))
    assert model["parameters"]["total"] == 1024
    assert hub.sent["model.safetensors"] == before["model.safetensors"]


def test_a_path_that_is_no_file_here_says_so(hub, ask, repo):
    (answer,) = ask(("open", "models/llama/q4.gguf"))
    assert "models/llama/q4.gguf is no file here" in answer and "no repository models/llama" in answer


def test_the_token_goes_to_the_hub_and_not_to_where_it_sends_for_files(hub, ask, repo):
    hub.redirect = True
    (model,) = ask(("open", "org/name"), HF_TOKEN="hf_secret")
    assert model["parameters"]["total"] == 2 * 10**10
    assert hub.authorized["127.0.0.1 api"] == hub.authorized["127.0.0.1 file"] == "Bearer hf_secret"
    assert hub.authorized["localhost file"] is None
    assert all(sent <= 64 << 10 for name, sent in hub.sent.items() if name.endswith(".safetensors"))
