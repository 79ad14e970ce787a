"""A copy of a GGUF file with the positions of a plan in its metadata, which llama.cpp and Ollama read without any flag.

Tensors are copied as they are. The metadata have no key for one divisor a rotary pair: these become the tensor
`rope_freqs.weight`, where llama.cpp keeps the ramp of a Llama 3.1. `tests/extend/settings/test_llama_cpp.py` runs llama.cpp
on such files.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ropescope.errors import ExtendError, FormatError, ReportError
from ropescope.extend.plan.frequencies import above_the_rule
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.models.gguf.model import FACTORS
from ropescope.models.gguf_names import parts_of
from ropescope.models.model import Model
from ropescope.report.files import draft_of

FACTOR_ARCHITECTURES: Final = frozenset({"llama"})
"""Whose files llama.cpp takes divisors of every pair from, as checked by running it; Mistral and SmolLM2 are "llama", too."""
_BY_PAIR: Final = ("llama3", "searched")
_YARN_KEYS: Final[Mapping[str, str]] = {"beta_fast": "yarn_beta_fast", "beta_slow": "yarn_beta_slow"}
_UNSAID: Final = ("mscale", "mscale_all_dim", "truncate")
"""Fields of YaRN that a GGUF file says by other means, if at all."""


def why_not(plan: RopePlan, architecture: str) -> str:
    """Why a GGUF file of `architecture` ("" where it is not known) cannot hold the plan; "" if it can."""
    entry = plan.layer_types[0]
    if not plan.changes:
        return "the plan changes nothing"
    if not plan.in_config:
        return "the method works in transformers only: use `method` yarn"
    if len(plan.layer_types) > 1:
        return "its layers have several RoPEs, and llama.cpp has some of them in its own code"
    if plan.by_length:
        return "a GGUF file has one set of frequencies for all lengths: use `method` ntk or yarn"
    if plan.method in _BY_PAIR and architecture not in FACTOR_ARCHITECTURES:
        return (
            f"llama.cpp is not known to read factors for each pair from files of {architecture or 'this kind'}: use "
            "`method` yarn"
        )
    if plan.target_length >= 1 << 32:
        return f"a GGUF file states the length in 32 bits, and {plan.target_length:,} tokens are more"
    if plan.method == "longrope":
        return "a plan has no LongRoPE factors"
    unsaid = next((name for name in _UNSAID if name in entry.parameters), None)
    if unsaid is not None:
        return f"the file has no key for {unsaid}: convert the model with the config that `save_config` writes"
    return ""


def save_gguf(plan: RopePlan, model: Model, path: Path) -> Path:
    """Write a copy of the GGUF file that `model` was read from, with the plan's positions; returns its path.

    Raises ExtendError for another source, a plan of another model or one that a file cannot hold; ReportError if it cannot be
    written, and then leaves nothing; FormatError if the file cannot be read.
    """
    path, own = Path(path), model.source.path
    architecture = str(model.config.get("general.architecture", ""))
    if model.source.kind != "gguf" or own is None or not own.is_file():
        raise ExtendError(
            f"{model.name} is not a GGUF file on this machine: download it, and name the file as the source."
        )
    if len(parts_of(own.name)) > 1:
        raise ExtendError(f"{own.name} is split into several files: join them first (llama-gguf-split --merge).")
    if plan.model_type != model.model_type:
        raise ExtendError(
            f"The plan is for {plan.model} ({plan.model_type}), but {model.name} is a {model.model_type}: make a plan for "
            "it."
        )
    if reason := why_not(plan, architecture):
        raise ExtendError(f"{plan.method} cannot be written into {own.name}: {reason}.")
    if path.exists():
        raise ExtendError(f"{path} exists: name another file, or remove it.")
    _check_room(path, own)
    try:
        with draft_of(path) as draft:
            _write(own, draft, architecture, plan)
    except OSError as error:
        raise ReportError(f"Cannot write {path}: {error.strerror or error}.") from error
    return path


def keys_of(plan: RopePlan) -> dict[str, str | int | float]:
    """The metadata that say the plan, under the architecture's name; those of an older scaling are to go."""
    entry = plan.layer_types[0]
    found: dict[str, str | int | float] = {"context_length": plan.target_length, "rope.freq_base": entry.theta}
    if plan.method in ("linear", "yarn"):
        found |= {"rope.scaling.type": plan.method, "rope.scaling.factor": entry.factor}
    if plan.method == "yarn":
        found["rope.scaling.original_context_length"] = plan.trained_length
        found |= {
            f"rope.scaling.{key}": float(entry.parameters[name])
            for name, key in _YARN_KEYS.items()
            if entry.parameters.get(name) is not None
        }
        if (above := above_the_rule(entry.parameters)) is not None:
            found["rope.scaling.attn_factor"] = above  # llama.cpp multiplies its own rule by it
    if plan.method in _BY_PAIR and entry.attention_factor != 1.0:
        found["rope.scaling.attn_factor"] = entry.attention_factor
    return found


def _check_room(path: Path, own: Path) -> None:
    if not path.parent.is_dir():
        raise ReportError(f"Cannot write {path}: the folder {path.parent} does not exist. Create it, or name another.")
    needed, free = own.stat().st_size, shutil.disk_usage(path.parent).free
    if needed > free:
        raise ReportError(
            f"{path} needs {needed / 1e9:.2f} GB, and {path.parent} has {free / 1e9:.2f} GB free: choose another folder."
        )


def _write(own: Path, draft: Path, architecture: str, plan: RopePlan) -> None:
    import gguf
    import numpy as np

    try:
        reader = gguf.GGUFReader(own)
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise FormatError(f"{own.name} cannot be read as GGUF ({error}): download or convert it again.") from error
    writer = gguf.GGUFWriter(draft, architecture, endianess=reader.endianess)
    written = {f"{architecture}.{key}": value for key, value in keys_of(plan).items()}
    _copy_keys(reader, writer, architecture, written)
    for tensor in reader.tensors:
        writer.add_tensor_info(
            tensor.name, tensor.data.shape, tensor.data.dtype, tensor.data.nbytes, tensor.tensor_type
        )
    factors = np.array(plan.layer_types[0].divisors if plan.method in _BY_PAIR else [], dtype=np.float32)
    if len(factors):
        writer.add_tensor_info(FACTORS, factors.shape, factors.dtype, factors.nbytes)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in reader.tensors:
        writer.write_tensor_data(tensor.data, tensor_endianess=reader.endianess)
    if len(factors):
        writer.write_tensor_data(factors)
    writer.close()


def _copy_keys(reader: Any, writer: Any, architecture: str, written: Mapping[str, str | int | float]) -> None:
    """All keys in their order, those of the plan with its values; an older scaling's are left out."""
    import gguf

    left, scaling = dict(written), f"{architecture}.rope.scal"  # scaling.* and the older scale_linear
    for field in reader.fields.values():
        name = field.name
        if name == gguf.Keys.General.ARCHITECTURE or name.startswith("GGUF."):
            continue  # the writer's own
        if name == gguf.Keys.General.ALIGNMENT:
            writer.add_custom_alignment(int(field.contents()))
        elif name in left:
            _add(writer, name, left.pop(name))
        elif not name.startswith(scaling):
            kind = field.types[0]
            inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, sub_type=inner)
    for name, value in left.items():
        _add(writer, name, value)


def _add(writer: Any, name: str, value: str | int | float) -> None:
    if isinstance(value, str):
        writer.add_string(name, value)
    elif isinstance(value, int):
        writer.add_uint32(name, value)
    else:
        writer.add_float32(name, value)
