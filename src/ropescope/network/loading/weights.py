"""A source in, a transformers model in memory out, with its tokenizer where it has one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ropescope.errors import FormatError, MeasurementError, RopescopeError, SourceError
from ropescope.models.config.fields import Fields, text_part
from ropescope.models.config.rope_otherwise import base_in_transformers, base_of_makers
from ropescope.models.context import Context
from ropescope.models.loadable import require_adapter
from ropescope.models.model import Model
from ropescope.models.model_files import LocalFiles
from ropescope.models.opening import on_hub
from ropescope.models.opening import open as open_model
from ropescope.models.safetensors.files import require_index_beside
from ropescope.models.source import Source, resolve
from ropescope.models.weight_hashes import folder_sha256, gguf_sha256
from ropescope.network.loading import old_gguf
from ropescope.network.loading.gguf_positions import scale_as_stated
from ropescope.network.loading.gguf_reading import gguf_read_fast
from ropescope.network.loading.merging import fingerprint_with, merged
from ropescope.network.loading.number_type import AUTO, check_dtype, number_type
from ropescope.network.loading.tokenizer import tokenizer_of
from ropescope.network.loading.transformers_messages import quiet_transformers, why_not_loaded
from ropescope.network.softcap import dropped_softcap, require_softcap
from ropescope.runs.share import kept_for_next


@dataclass(frozen=True, slots=True)
class Weights:
    """A loaded network. `fingerprint` names the exact weights: a commit hash (and the file chosen), or the SHA-256 of
    the file(s). `dtype_reason` says why they are held in the type that they are held in; "" where nobody chose.

    Raises MeasurementError for a network whose attention drops its soft-cap."""

    network: Any
    tokenizer: Any | None
    model: Model
    source: Source
    fingerprint: str
    random_init: bool = False
    dtype_reason: str = ""

    def __post_init__(self) -> None:
        require_softcap(self.network, MeasurementError)

    @property
    def dtype(self) -> str:
        """The number type of the network: bfloat16, float16 or float32."""
        return str(self.network.dtype).removeprefix("torch.")

    @property
    def architecture(self) -> str:
        """A hash of the config, without the number type that it was loaded with. With `fingerprint` it names what is computed:
        the same files of weights compute otherwise under another config."""
        config = json.loads(self.network.config.to_json_string())
        said = {name: value for name, value in config.items() if "dtype" not in name}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @property
    def on_what(self) -> str:
        """The model, and what it runs on: "smollm2 (cpu, 2 threads, bfloat16)"."""
        device = self.network.device
        place = f"cpu, {torch.get_num_threads()} threads" if device.type == "cpu" else str(device)
        return f"{self.source.name} ({place}, {self.dtype})"

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Ids that the config names as BOS, EOS or padding."""
        config = self.network.config.get_text_config()
        found: list[int] = []
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            value = getattr(config, name, None)
            found.extend([value] if isinstance(value, int) else list(value or ()))
        return tuple(found)


def load(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    dtype: str = AUTO,
    device: str | None = None,
    trust_remote_code: bool = False,
) -> Weights:
    """Load the weights of `source` (safetensors or GGUF only) in `dtype` (auto: what suits the machine) on `device`
    (default: the GPU if there is one).

    A worker that shares work with others keeps the last weights for its next share. Raises SourceError when the source has no
    readable weights, in a sentence that says what to do, and FormatError for an index that names files elsewhere.
    """
    asked = json.dumps([source, revision, dtype, device, trust_remote_code], default=str, sort_keys=True)
    return kept_for_next(asked, lambda: _load(source, revision, dtype, device, trust_remote_code))


def _load(
    source: str | Path | Mapping[str, Any],
    revision: str | None,
    dtype: str,
    device: str | None,
    trust_remote_code: bool,
) -> Weights:
    check_dtype(dtype)
    place = _device(device)
    found = resolved(source, revision)
    if found.adapter is not None:
        require_adapter(found.adapter)  # what is missing is told before the weights of the base are read
    if found.kind == "dict":
        raise SourceError("A config alone has no weights to measure: give a folder, a .gguf file or a Hub id.")
    if found.kind == "folder" and found.path is not None:
        require_index_beside(LocalFiles(found.path))
    where, arguments = _arguments(found)
    read = _read(found)
    chosen = number_type(dtype, place, lambda: _n_weights(found, read))
    with quiet_transformers(), gguf_read_fast():
        try:
            network = _network_class(where, arguments, trust_remote_code).from_pretrained(
                where,
                **arguments,
                **({} if "gguf_file" in arguments else {"use_safetensors": True, **_rope_of_makers(read)}),
                dtype=chosen.dtype,
                attn_implementation=None,
                trust_remote_code=trust_remote_code,
            )
        except Exception as error:  # transformers raises many kinds; the user needs one sentence
            cause = read if isinstance(read, FormatError) and found.kind == "gguf" else error
            raise SourceError(why_not_loaded(found, cause)) from error
        if found.adapter is not None:
            network = merged(network, found.adapter)
        if dropped_softcap(network) is not None:
            network.set_attn_implementation("eager")
        network = network.to(place).eval()
        tokenizer = tokenizer_of(found, network, where, arguments, trust_remote_code)
        model = read if isinstance(read, Model) else _facts(found, network, read)
        if "gguf_file" in arguments:
            scale_as_stated(network, model, _gguf_path(found, where, arguments))
    return Weights(
        network=network,
        tokenizer=tokenizer,
        model=model,
        source=found,
        fingerprint=_fingerprint(found),
        dtype_reason=chosen.actually(network.dtype).reason,
    )


def resolved(source: str | Path | Mapping[str, Any], revision: str | None = None) -> Source:
    """What `source` is, with the base of an adapter in its place also where the adapter is on the Hub. Raises SourceError."""
    found = resolve(source, revision=revision)
    if found.kind != "hub" or found.file is not None or found.adapter is not None:
        return found
    from ropescope.models.hub_files import HubFiles

    assert found.repo_id is not None and found.revision is not None
    return on_hub(found, HubFiles(found.repo_id, found.revision)) or found


def with_random_weights(weights: Weights, seed: int) -> Weights:
    """The same architecture with fresh weights, as transformers initialises it: the control of every measurement."""
    network = weights.network
    torch.manual_seed(seed)
    with quiet_transformers():
        fresh = type(network)._from_config(network.config, dtype=network.dtype)
    return Weights(
        network=fresh.to(network.device).eval(),
        tokenizer=weights.tokenizer,
        model=weights.model,
        source=weights.source,
        fingerprint=f"random-init:{seed}",
        random_init=True,
        dtype_reason=weights.dtype_reason,
    )


def _network_class(where: str, arguments: dict[str, Any], trust_remote_code: bool) -> Any:
    """The class that loads a network: the one for language models, or else the one for models that also take images."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    if "gguf_file" in arguments:
        return AutoModelForCausalLM
    kind = type(AutoConfig.from_pretrained(where, **arguments, trust_remote_code=trust_remote_code))
    with_images = kind in AutoModelForImageTextToText._model_mapping and kind not in AutoModelForCausalLM._model_mapping
    return AutoModelForImageTextToText if with_images else AutoModelForCausalLM


def _read(source: Source) -> Model | FormatError:
    """What the files say of the model, or what was not understood in them. Raises SourceError for an encoder-decoder."""
    try:
        read = open_model(source, config_only=True)
    except FormatError as error:
        return error
    if any("cross" in layer.beside for layer in read.layers):
        raise SourceError(
            f"{read.name} is an encoder-decoder, whose attention is not measured here: give a causal model."
        )
    return read


def _rope_of_makers(read: Model | FormatError) -> dict[str, Any]:
    """The RoPE entry of a model whose class in transformers would take another base than its makers state."""
    if isinstance(read, FormatError):
        return {}
    fields = Fields(*text_part(read.config))
    base, _ = base_of_makers(fields)
    if base is None or base == base_in_transformers(fields):
        return {}
    scaling = next((layer.rope.scaling for layer in read.layers if layer.rope is not None), None)
    return {"rope_parameters": {**(scaling or {"rope_type": "default"}), "rope_theta": float(base)}}


def _n_weights(source: Source, read: Model | FormatError) -> int | None:
    """How many numbers the weights are; None where the headers of their files do not tell."""
    if isinstance(read, FormatError):
        return None
    try:
        facts = read if read.parameters is not None else open_model(source)
    except RopescopeError:
        return None
    return None if facts.parameters is None else facts.parameters.total


def _facts(source: Source, network: Any, error: FormatError) -> Model:
    """The little that a measurement cannot do without, where the files were not understood.

    The rows themselves are read with the masks that the network uses, so nothing measured hangs on these facts.
    """
    config = network.config.get_text_config()
    length = getattr(config, "max_position_embeddings", None)
    return Model(
        name=source.name,
        source=source,
        model_type=str(network.config.model_type),
        layers=(),
        context=Context(length, "max_position_embeddings") if isinstance(length, int) else Context(),
        vocab_size=config.vocab_size,
        hidden_size=None,
        config=network.config.to_dict(),
        positions="unknown",
        notes=(f"The layers were not read from the config ({error}).",),
    )


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise MeasurementError(
            f"Device {name!r} cannot be used here ({str(error).splitlines()[0]}): try `device` cpu."
        ) from error
    return device


def _arguments(source: Source) -> tuple[str, dict[str, Any]]:
    if source.kind == "gguf":
        assert source.path is not None
        return str(source.path.parent), _from_gguf(source.path.name)
    if source.kind == "folder":
        return str(source.path), {}
    assert source.repo_id is not None
    return source.repo_id, {"revision": source.revision, **(_from_gguf(source.file) if source.file else {})}


def _gguf_path(source: Source, where: str, arguments: Mapping[str, Any]) -> Path:
    """The file on this machine, where transformers has just read it."""
    if source.path is not None:
        return source.path
    from transformers.utils import cached_file

    return Path(cached_file(where, arguments["gguf_file"], revision=arguments.get("revision")))


def _from_gguf(file: str) -> dict[str, Any]:
    import transformers

    if old_gguf.NEEDED:  # before there was a choice, weights were dequantised always
        return {"gguf_file": file}
    return {"gguf_file": file, "quantization_config": transformers.GgufConfig(dequantize=True)}


def _fingerprint(source: Source) -> str:
    """What names the exact weights of a source: a commit, with the file where one was chosen, or a hash; of a base with an
    adapter, both."""
    if source.adapter is not None:
        return fingerprint_with(_fingerprint(source.base), source.adapter)
    if source.revision is None:
        return _files_sha256(source)
    return source.revision if source.file is None else f"{source.revision}/{source.file}"


def _files_sha256(source: Source) -> str:
    """One hash for the weights of a local source: of the GGUF file, or of every weight file in name order."""
    assert source.path is not None
    return str(gguf_sha256(source.path) if source.kind == "gguf" else folder_sha256(source.path))
