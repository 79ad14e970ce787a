"""The weight files of a place, by their headers: what each is, how many bytes of which types, and what it was made with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ropescope.errors import FormatError, MissingExtraError, SourceError
from ropescope.models.gguf.files import missing_parts, read_parts
from ropescope.models.gguf.header import GGUFHeader
from ropescope.models.gguf.model import FLOAT_TYPES, IMAGES, from_gguf, weights_of
from ropescope.models.gguf.types import FILE_TYPES
from ropescope.models.gguf_names import kind_by_name, mix_of, parts_of
from ropescope.models.listing import Listing
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.models.safetensors.files import ENDING, INDEX, SINGLE, index_of, read_header, set_of
from ropescope.models.safetensors.header import BITS
from ropescope.models.source import Source

MOST_READ: Final = 128
"""Headers are read of so many models; of more, the first by name."""

_KINDS: Final[Mapping[str, str]] = {"mmproj": "projector", "adapter": "adapter", "imatrix": "imatrix"}
"""`general.type` → the kind of file."""
_ARCHITECTURES: Final[Mapping[str, str]] = {
    "clip": "projector",
    "controlvector": "control vector",
    **dict.fromkeys(IMAGES, "image model"),
}
_PLAIN: Final = frozenset(name for name in BITS if name[0] in "BF" and name != "BOOL")
"""Types of safetensors in which one element is one weight."""


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One model, or what belongs to one, in one file or in several parts.

    `n_bytes` are of the files, `by_type` of their tensors. `mix` is the name of the mix of types or of the quantisation.
    `imatrix` says what an importance matrix was computed on, "" where the file states none. `problem` says why the
    header was not read.
    """

    files: tuple[str, ...]
    n_bytes: int
    kind: str
    mix: str = ""
    by_type: Mapping[str, int] = field(default_factory=dict, hash=False)
    bits: float | None = None
    imatrix: str = ""
    template: str | None = None
    model: Model | None = None
    problem: str = ""

    @property
    def is_model(self) -> bool:
        """Whether it is a model of its own, and not what belongs to one."""
        return self.kind in ("model", "weights")

    @property
    def quantised(self) -> bool:
        """Whether some tensors of a GGUF file are in blocks."""
        return self.files[0].lower().endswith(".gguf") and not self.by_type.keys() <= FLOAT_TYPES


def read_weight_files(place: Listing) -> tuple[WeightFile, ...]:
    """The GGUF and safetensors files of `place`, the largest first; what cannot be read has its `problem`.

    Raises SourceError or FormatError where that holds for all of them.
    """
    sets = {files[0]: files for files in _sets(place)}
    main = _main(place, sets)
    read = place.files.map(lambda first: _read(place, sets[first], first == main), list(sets))
    if read and all(one.problem for one in read):
        raise SourceError(read[0].problem)
    return tuple(sorted(read, key=lambda one: (-one.n_bytes, one.files)))


def _sets(place: Listing) -> list[tuple[str, ...]]:
    """The files that belong together, whether all of them are there or not."""
    found = dict.fromkeys(parts_of(name) for name in place.sizes if name.lower().endswith(".gguf"))
    listed = tuple(index_of(place.files, INDEX)[0]) if INDEX in place.sizes else ()
    found |= {listed: None} if listed else {}
    ours = [name for name in place.sizes if name.endswith(ENDING) and name not in listed]
    return [*(found | dict.fromkeys(tuple(set_of(name)) for name in ours))][:MOST_READ]


def _main(place: Listing, sets: Mapping[str, tuple[str, ...]]) -> str | None:
    """The first file of the safetensors that the config in this place belongs to; None where that is open."""
    beside = ("consolidated", "adapter_model")
    ours = [first for first in sets if first.endswith(ENDING) and "/" not in first and not first.startswith(beside)]
    if "config.json" not in place.files.names() or not ours:
        return None
    listed = [first for first in ours if first == SINGLE] or [first for first in ours if INDEX in place.sizes]
    return listed[0] if listed else ours[0] if len(ours) == 1 else None


def _read(place: Listing, files: tuple[str, ...], is_main: bool) -> WeightFile:
    gguf = files[0].lower().endswith(".gguf")
    n_bytes = sum(place.sizes.get(name, 0) for name in files)
    adapter = files[0].rpartition("/")[2].startswith("adapter_model")
    kind = kind_by_name(files[0]) if gguf else "model" if is_main else "adapter" if adapter else "weights"
    found = WeightFile(files, n_bytes, kind)
    try:
        if missing := [name for name in files if name not in place.sizes]:
            raise missing_parts(
                place.files.label(next(name for name in files if name not in missing)), missing, len(files)
            )
        return _gguf(place, found) if gguf else _safetensors(place, found)
    except (SourceError, FormatError) as error:
        return replace(found, problem=str(error))


def _gguf(place: Listing, found: WeightFile) -> WeightFile:
    header, *others = read_parts(found.files, place.files.beginning, place.files.label)
    tensors = [tensor for part in (header, *others) for tensor in part.tensors]
    weights = weights_of((header, *others), found.files[0])
    elements = sum(tensor.n_elements for tensor in tensors)
    number, template = header.metadata.get("general.file_type"), header.metadata.get("tokenizer.chat_template")
    stated = FILE_TYPES.get(number) if isinstance(number, int) else None
    found = replace(
        found,
        kind=_gguf_kind(header, found.kind) if tensors else "vocabulary",
        mix=stated or mix_of(found.files[0]),
        by_type=weights.by_type,
        bits=8 * weights.n_bytes / elements if elements else None,
        imatrix=_imatrix(header),
        template=template if isinstance(template, str) else None,
    )
    if found.kind != "model":
        return found
    try:
        return replace(found, model=from_gguf(header, source=place.source(found.files[0]), parts=others))
    except FormatError:  # an architecture that is not read here has files all the same
        return found


def _gguf_kind(header: GGUFHeader, by_name: str) -> str:
    stated, architecture = (header.metadata.get(f"general.{key}") for key in ("type", "architecture"))
    return _KINDS.get(str(stated)) or _ARCHITECTURES.get(str(architecture)) or by_name


def _imatrix(header: GGUFHeader) -> str:
    """What an importance matrix was computed on, as llama-quantize writes it; the paths are of another machine."""
    file, data, chunks = (header.metadata.get(f"quantize.imatrix.{key}") for key in ("file", "dataset", "chunks_count"))
    name = next((text for text in (data, file) if isinstance(text, str) and text), "")
    if not name and chunks is None:
        return ""
    name = name.replace("\\", "/").rpartition("/")[2][:80] or "unnamed"
    return f"{name}, {chunks:,} chunks" if isinstance(chunks, int) else name


def _safetensors(place: Listing, found: WeightFile) -> WeightFile:
    model = _opened(place, found) if found.kind == "model" else None
    if model is not None and model.weights is not None:
        total = None if model.parameters is None else model.parameters.total
        quantised = model.quantization
        bits = "" if quantised is None or quantised.bits is None else f", {quantised.bits:g} bits"
        return replace(
            found,
            mix="" if quantised is None else f"{quantised.method}{bits}",
            by_type=model.weights.by_type,
            bits=8 * model.weights.n_bytes / total if total else None,
            template=None if model.tokenizer is None else model.tokenizer.chat_template,
            model=model,
        )
    by_type: Counter[str] = Counter()
    for name in found.files:
        for tensor in read_header(place.files, name).tensors:
            by_type[tensor.dtype] += tensor.n_bytes
    elements = sum(8 * n_bytes / BITS[dtype] for dtype, n_bytes in by_type.items())
    plain = by_type.keys() <= _PLAIN and elements > 0
    return replace(found, by_type=dict(by_type.most_common()), bits=8 * by_type.total() / elements if plain else None)


def _opened(place: Listing, found: WeightFile) -> Model | None:
    """The model of these files and the config beside them; None where the config is not read here."""
    if place.folder is not None:
        source = Source("folder", place.where, path=place.folder, file=found.files[0])
    else:
        source = Source("hub", place.where, repo_id=place.files.where, revision=place.commit)
    try:
        return open_model(source)
    except (FormatError, MissingExtraError):
        return None
