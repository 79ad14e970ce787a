"""The atlas goes to a Hub by huggingface_hub's own client: whole or not at all, and never over what it does not know."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import huggingface_hub.constants as constants
import pytest
from fake_hub import Repo
from fake_hub_writing import Account
from huggingface_hub import hf_hub_download
from lazily import lazily
from made_rows import made_row

from ropescope.errors import InputError, ReportError, RopescopeError, SourceError
from ropescope.evidence.atlas.publishing import Wishes, publish_atlas
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.questions.question import Run
from ropescope.report.report import Report

pandas = lazily("pandas")

ROWS = (made_row("org/a", 0.8), made_row("org/b", 0.6))
WISHES = Wishes(licence="cc-by-4.0")
CONFIGS = ("measurements", "layers", "heads", "curves")
FILES = {f"data/{config}.parquet" for config in CONFIGS} | {"README.md"}


def publish(repo: str = "lab/atlas", rows: tuple[AtlasRow, ...] = ROWS, **wishes: Any) -> Report:
    return publish_atlas(rows, repo, dataclasses.replace(WISHES, **wishes), Run())


def writes(hub: Any) -> list[str]:
    return [line for line in hub.requests if not line.startswith(("GET", "HEAD"))]


def models_of(hub: Any, repo: str = "datasets/lab/atlas") -> list[str]:
    data = hub.repos[repo].files["data/measurements.parquet"]
    return list(pandas.read_parquet(io.BytesIO(data))["model"])


def test_a_dataset_is_made_in_one_commit_and_read_back(own_hub: Any) -> None:
    report = publish()
    repo = own_hub.repos["datasets/lab/atlas"]
    assert report.verdict.startswith("Created lab/atlas with 2 readings of 2 profiles in one commit (5 files, ")
    assert set(repo.files) == FILES | {".gitattributes"} and not repo.private
    assert [line for line in own_hub.requests if "/commit/" in line] == ["POST /api/datasets/lab/atlas/commit/main"]
    assert report.data["commit"] == repo.revisions["main"] and report.data["created"] is True
    path = hf_hub_download("lab/atlas", "data/heads.parquet", repo_type="dataset")
    assert list(pandas.read_parquet(path)["model"]) == ["org/a", "org/a", "org/b", "org/b"]


def test_a_dry_run_sends_nothing_and_needs_no_token(own_hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    report = publish(dry_run=True)
    assert (
        report.verdict.startswith("Would create lab/atlas with 2 readings of 2 profiles (5 files, ")
        and "Nothing was sent" in report.verdict
    )
    assert {one["change"] for one in report.data["files"].values()} == {"added"}
    assert writes(own_hub) == [] and own_hub.repos == {}
    assert any("a private dataset of this name would not show" in text for text in report.caveats)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    offline = publish(dry_run=True)
    assert {one["change"] for one in offline.data["files"].values()} == {"not compared"}
    assert any("HF_HUB_OFFLINE is set" in text for text in offline.caveats)


def test_what_is_there_already_is_not_sent_again(own_hub: Any) -> None:
    publish()
    own_hub.requests.clear()
    assert publish().verdict == "lab/atlas holds exactly this already: nothing to publish."
    assert writes(own_hub) == []
    changed = (dataclasses.replace(ROWS[0], seed=7), ROWS[1])
    report = publish(rows=changed, dry_run=True)
    # Layers, heads and curves say nothing of the seed; the card names the hash of the file that does.
    assert {name: one["change"] for name, one in report.data["files"].items()} == {
        **{f"data/{config}.parquet": "unchanged" for config in ("layers", "heads", "curves")},
        "data/measurements.parquet": "replaced",
        "README.md": "replaced",
    }
    own_hub.requests.clear()
    assert publish(rows=changed, message="Another seed").verdict.startswith("Updated lab/atlas")
    assert sum(line.startswith("PUT /lfs/") for line in own_hub.requests) == 1
    assert own_hub.messages == ["2 readings of 2 profiles, by ropescope", "Another seed"]


def test_a_commit_that_was_made_in_the_meantime_is_not_overwritten(own_hub: Any) -> None:
    publish()
    repo = own_hub.repos["datasets/lab/atlas"]

    def somebody_else() -> None:
        own_hub.on_commit = None
        repo.commit({**repo.files, "notes.md": b"mine"})

    own_hub.on_commit = somebody_else
    with pytest.raises(SourceError, match=r"changed lab/atlas in the meantime \(412\), and nothing was published"):
        publish(rows=(*ROWS, made_row("org/c", 0.5)))
    assert "notes.md" in repo.files and models_of(own_hub) == ["org/a", "org/b"]
    publish(rows=(*ROWS, made_row("org/c", 0.5)))
    assert "notes.md" in repo.files and models_of(own_hub) == ["org/a", "org/b", "org/c"]


@pytest.mark.parametrize("when", ["cut before", "cut after"])
def test_a_cut_connection_leaves_all_or_nothing_and_asking_again_ends_it(own_hub: Any, when: str) -> None:
    own_hub.on_commit = lambda: when
    with pytest.raises(SourceError, match="has all of this or none of it: ask again"):
        publish()
    files = set(own_hub.repos["datasets/lab/atlas"].files) - {".gitattributes"}
    assert files == (FILES if when == "cut after" else set())
    own_hub.on_commit = None
    own_hub.requests.clear()
    again = publish().verdict
    assert again.endswith("nothing to publish.") if when == "cut after" else again.startswith("Updated lab/atlas")
    assert not any(line.startswith("PUT") for line in own_hub.requests)  # what was uploaded is not sent twice
    assert models_of(own_hub) == ["org/a", "org/b"]


def test_a_pull_request_leaves_the_dataset_as_it_was(own_hub: Any) -> None:
    publish()
    own_hub.accounts["hf_guest"] = Account("guest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", "hf_guest")
        with pytest.raises(SourceError, match=r"guest may not write in lab: .* `pull_request`"):
            publish(rows=(*ROWS, made_row("org/c", 0.5)))
        report = publish(rows=(*ROWS, made_row("org/c", 0.5)), pull_request=True)
    assert report.data["pull_request"] == f"{own_hub.endpoint}/datasets/lab/atlas/discussions/1"
    assert models_of(own_hub) == ["org/a", "org/b"]
    path = hf_hub_download("lab/atlas", "data/measurements.parquet", repo_type="dataset", revision="refs/pr/1")
    assert list(pandas.read_parquet(path)["model"]) == ["org/a", "org/b", "org/c"]
    with pytest.raises(SourceError, match="no dataset lab/none, so no pull request"):
        publish("lab/none", pull_request=True)


def test_what_others_put_there_is_not_taken_away_unasked(own_hub: Any) -> None:
    publish(rows=(*ROWS, made_row("org/theirs", 0.5)))
    with pytest.raises(InputError, match=r"holds profiles that this atlas lacks \(org/theirs\)") as refused:
        publish()
    assert refused.value.field == "replace" and "org/theirs" in models_of(own_hub)
    assert any("org/theirs" in text for text in publish(dry_run=True).caveats)
    publish(replace=True)
    assert models_of(own_hub) == ["org/a", "org/b"]


def test_datasets_of_others_are_left_alone_and_an_empty_one_is_filled(own_hub: Any) -> None:
    own_hub.repos["datasets/lab/theirs"] = Repo({"README.md": b"# Cats", "cats.csv": b"name\n"})
    with pytest.raises(SourceError, match="dataset of another kind"):
        publish("lab/theirs")
    own_hub.repos["datasets/lab/bare"] = Repo(
        {"README.md": b"---\nlicense: mit\n---\n", ".gitattributes": b""}, private=True
    )
    report = publish("lab/bare", licence=None)
    assert report.data["licence"] == "mit" and own_hub.repos["datasets/lab/bare"].files.keys() >= FILES
    own_hub.repos["datasets/lab/open"] = Repo({".gitattributes": b""})
    with pytest.raises(SourceError, match="is there and public"):
        publish("lab/open", private=True)
    publish("me/new", private=True)
    assert own_hub.repos["datasets/me/new"].private


def test_names_of_this_machine_leave_only_by_leave(own_hub: Any) -> None:
    local = made_row("my-secret-finetune", 0.7)
    texts = made_row("org/c", 0.7, corpus="files", corpus_about="patients.txt")
    with pytest.raises(InputError, match=r"my-secret-finetune, patients\.txt: names of local models") as refused:
        publish(rows=(*ROWS, local, texts))
    assert refused.value.field == "local_names" and own_hub.requests == []
    assert any("my-secret-finetune" in text for text in publish(rows=(local,), dry_run=True).caveats)
    told = publish(rows=(*ROWS, local), local_names=True)
    assert any("my-secret-finetune" in text for text in told.caveats)
    assert ("my-secret-finetune", "local", "measured") in told.tables[1].rows


def test_what_others_measured_keeps_their_licence_in_sight(own_hub: Any) -> None:
    theirs = made_row("org/t", 0.5, origin=f"hf://datasets/club/atlas@{'a' * 40}")
    ours = made_row("org/u", 0.5, origin=f"hf://datasets/lab/atlas@{'b' * 40}")
    told = publish(rows=(*ROWS, theirs, ours)).caveats
    assert told == (
        "Readings from elsewhere are in it (hf://datasets/club/atlas): see that their licence allows yours.",
    )


def test_a_licence_is_asked_for_and_the_empty_atlas_refused(own_hub: Any) -> None:
    with pytest.raises(InputError, match=r"needs a `license`: cc-by-4\.0, cc0-1\.0") as refused:
        publish(licence=None)
    assert refused.value.field == "license"
    with pytest.raises(ReportError, match="nothing to publish: `atlas add`"):
        publish(rows=())
    assert writes(own_hub) == []


@pytest.mark.parametrize("name", ["atlas", "lab/atlas/more", "lab/at las", "../lab/atlas", "lab/atlas.git"])
def test_what_is_no_name_of_a_dataset_is_refused_unasked(own_hub: Any, name: str) -> None:
    with pytest.raises(SourceError, match="write it as ORG/NAME"):
        publish(name)
    assert own_hub.requests == []


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        (None, "no token of the Hub, and writing to lab/atlas needs one: run `hf auth login`, or set HF_TOKEN"),
        ("hf_gone", r"does not know this token \(401\)"),
        ("hf_reader", "The token of reader may only read"),
        ("hf_other", "other may not write in lab: name a dataset in other, club"),
    ],
)
def test_who_may_not_write_is_told_before_anything_is_sent(
    own_hub: Any, monkeypatch: pytest.MonkeyPatch, token: str | None, sentence: str
) -> None:
    own_hub.accounts["hf_reader"] = Account("reader", ("lab",), role="read")
    own_hub.accounts["hf_other"] = Account("other", ("club",))
    if token is None:
        monkeypatch.delenv("HF_TOKEN")
    else:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(SourceError, match=sentence):
        publish()
    assert writes(own_hub) == []


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, r"takes the files of lab/atlas for none \(400\)"),
        (403, r"may not write to lab/atlas \(403\)"),
        (409, r"Another change of lab/atlas is being made \(409\), and nothing was published"),
        (429, "slow down"),
        (500, r"error of its own \(500\)"),
    ],
)
def test_a_refused_commit_is_told_in_a_sentence(own_hub: Any, status: int, sentence: str) -> None:
    publish()
    own_hub.on_commit = lambda: status
    with pytest.raises(RopescopeError, match=sentence):
        publish(rows=(*ROWS, made_row("org/c", 0.5)))
    assert models_of(own_hub) == ["org/a", "org/b"]


def test_the_hub_that_cannot_be_reached(own_hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match="HF_HUB_OFFLINE is set"):
        publish()
    own_hub.repos["datasets/lab/atlas"] = Repo({"README.md": b""}, mood="gated")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(SourceError, match="is gated: accept its licence"):
        publish()


def test_datasets_loads_what_was_published(own_hub: Any, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    import os
    import subprocess
    import sys

    publish()
    script = (
        "from datasets import load_dataset\n"
        'read = load_dataset("lab/atlas", "heads", split="train")\n'
        'print(read.num_rows, read.features["gamma"].dtype, read["model"][0])\n'
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    env = {**clean, "HF_ENDPOINT": own_hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.stdout.split() == ["4", "float64", "org/a"], done.stderr
