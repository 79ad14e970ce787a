"""Which file of weights llama.cpp and Ollama run, and what makes or fetches it first.

llama.cpp's converter (convert_hf_to_gguf.py of commit 0c1e57098, `dequant_model`) unpacks FP8, GPTQ, BitNet and
compressed-tensors to the type that is asked for, keeps MXFP4 and NVFP4, and refuses every other quantisation.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final, Literal

from ropescope import local_files
from ropescope.checks.serving.weights.precisions import PLAIN, STORED, is_gguf
from ropescope.errors import DomainError
from ropescope.models.model import Model
from ropescope.models.source import Source

RUN_GGUF: Final = frozenset({"llama.cpp", "ollama"})
_UNPACKED: Final = frozenset({"fp8", "gptq", "bitnet", "compressed-tensors", "fp8_pb_wo", "fp8_per_channel_per_token"})
_KEPT: Final = frozenset({"mxfp4", "nvfp4", "w4a16_nvfp4", "nvfp4_awq"})
REQUANTISED: Final = (
    "Weights that are quantised twice lose more than those quantised from the original: prefer a published file."
)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """What is loaded: a local file, or on the Hub a repository (with a mix after a colon) and perhaps a `file` of it;
    `steps` are shell commands that come first."""

    kind: Literal["file", "hub"]
    where: str
    file: str = ""
    steps: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def is_gguf_model(model: Model) -> bool:
    """Whether `model` was read from a GGUF file, or is one on the Hub."""
    quantised = model.quantization is not None and model.quantization.method.lower() == "gguf"
    file = model.source.file or ""
    return model.source.kind == "gguf" or quantised or file.lower().endswith(".gguf") or _is_gguf_repo(model.source)


def _is_gguf_repo(source: Source) -> bool:
    return source.repo_id is not None and source.repo_id.upper().endswith("-GGUF")


def held_precision(model: Model, engine: str, precision: str) -> str:
    """The precision in which `engine` holds the weights: the one asked for, unless that is how they are stored; for
    llama.cpp and Ollama, from weights as they are stored, what the converter writes.

    Raises DomainError for a quantisation that the converter refuses.
    """
    if precision != STORED:
        return STORED if precision.upper() == stored_mix(model) or precision == _method(model) else precision
    if engine not in RUN_GGUF or is_gguf_model(model):
        return STORED
    method = _method(model)
    if method in _KEPT or "nvfp4" in _format(model):
        return STORED
    if method and method not in _UNPACKED:
        reads = "transformers" if method == "bitsandbytes" else "vllm"
        raise DomainError(
            f"{model.name} is stored in {method}, which llama.cpp's converter does not read: give the original weights, "
            f"name a GGUF file of it with `gguf`, or choose `engine` {reads}."
        )
    sixteen = model.weights is not None and next(iter(model.weights.by_type), "") in ("BF16", "F16")
    return STORED if sixteen and not method else "bf16"


def stored_mix(model: Model) -> str:
    """The mix of types of a GGUF model, as llama-quantize calls it; "" for other models."""
    if not is_gguf_model(model):
        return ""
    if model.quantization is not None and (stated := model.quantization.detail.get("file_type")):
        return str(stated).upper()
    return "" if model.weights is None else next(iter(model.weights.by_type), "")


def weight_file(model: Model, engine: str, precision: str) -> WeightFile:
    """What llama.cpp or Ollama loads for `model` in `precision`, and the steps that make it. Raises DomainError as
    `held_precision`, and for a name that cannot stand in a command."""
    source, held = model.source, held_precision(model, engine, precision)
    if not is_gguf_model(model):
        return _converted(model, held)
    if source.kind == "gguf" and source.path is not None:
        path = no_flag(printable(str(source.path)))
        if held == STORED:
            return WeightFile("file", path)
        made = f"{plain_stem(source.path.name)}-{held}.gguf"
        return WeightFile("file", made, steps=(_requantise(path, made, held),), remarks=(REQUANTISED,))
    repo = printable(source.repo_id or source.name)
    if source.file is None:
        return WeightFile("hub", repo if held == STORED else f"{repo}:{held}")
    file = printable(source.file)
    if held == STORED:
        return WeightFile("hub", repo, file)
    made = f"{plain_stem(file.rpartition('/')[2])}-{held}.gguf"
    pinned = f" --revision {shlex.quote(printable(source.revision))}" if source.revision else ""
    fetch = f"hf download {shlex.quote(repo)} {shlex.quote(file)}{pinned} --local-dir ."
    return WeightFile("file", made, steps=(fetch, _requantise(no_flag(file), made, held)), remarks=(REQUANTISED,))


def _converted(model: Model, held: str) -> WeightFile:
    method = _method(model)
    if held != STORED and method and method not in _UNPACKED | _KEPT:
        held_precision(model, "llama.cpp", STORED)  # says that the converter refuses it
    source = model.source
    name = plain_stem(model.name.rsplit("/", 1)[-1]) or "model"
    reference = printable(source.repo_id or source.name) if source.path is None else printable(str(source.path))
    where = shlex.quote(no_flag(reference)) + (" --remote" if source.kind == "hub" else "")
    plain = held if held in PLAIN else "bf16"
    first = f"{name}-{method if held == STORED and method else plain}.gguf"
    steps = [f"python convert_hf_to_gguf.py {where} --outtype {plain} --outfile {first}"]
    if not is_gguf(held):
        return WeightFile("file", first, steps=tuple(steps))
    steps.append(f"llama-quantize {first} {name}-{held}.gguf {held}")
    return WeightFile("file", f"{name}-{held}.gguf", steps=tuple(steps))


def _requantise(path: str, made: str, mix: str) -> str:
    kind = {"bf16": "BF16", "f16": "F16", "f32": "F32"}.get(mix, mix)
    return f"llama-quantize --allow-requantize {shlex.quote(path)} {shlex.quote(made)} {kind}"


def plain_stem(name: str) -> str:
    """A file name of plain letters, without its ending, its part number and its mix."""
    from ropescope.models.gguf_names import mix_of

    stem = re.sub(r"(?:-\d{5}-of-\d{5})?\.gguf$", "", name, flags=re.IGNORECASE)
    if mix := mix_of(f"{stem}.gguf"):
        stem = re.sub(rf"[-._]?{re.escape(mix)}", "", stem, flags=re.IGNORECASE)
    return re.sub(r"[^\w.-]+", "-", stem, flags=re.ASCII).strip("-.") or "model"


def _method(model: Model) -> str:
    if model.quantization is None or is_gguf_model(model):
        return ""
    return model.quantization.method.lower()


def _format(model: Model) -> str:
    return "" if model.quantization is None else str(model.quantization.detail.get("format", ""))


def printable(text: str) -> str:
    """`text`, if it can stand in a command. Raises DomainError if it holds a line break or another control character."""
    from ropescope.report.text import lines

    if "\n" in text or "\t" in text or lines(text) != text:
        raise DomainError(f"{lines(text)!r} holds characters that cannot stand in a command: rename it.")
    return text


def no_flag(path: str) -> str:
    """`path`, written so that no program takes it for a flag."""
    return f"./{path}" if path.startswith("-") else path


def exists(text: str) -> bool:
    """Whether `text` names a file here."""
    return local_files.exists(local_files.expanded(text))
