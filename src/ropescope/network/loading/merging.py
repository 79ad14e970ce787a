"""A PEFT adapter merged into the weights of its base, so that what is measured is a plain network of transformers.

peft knows LoRA, DoRA, rsLoRA, modules saved whole and the other kinds that can be merged. It reads the adapter's config and its
safetensors from a folder that holds nothing else: no pickled weights, no field that names a library to import or a file to load.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ropescope.errors import SourceError
from ropescope.models.adapter import CONFIG, WEIGHTS, Adapter
from ropescope.models.json_file import read_json
from ropescope.models.loadable import require_adapter
from ropescope.models.model_files import LocalFiles
from ropescope.models.safetensors.files import read_header
from ropescope.models.weight_hashes import adapter_sha256

_NOT_HANDED_ON: Final = frozenset(
    {"auto_mapping", "megatron_config", "megatron_core", "corda_config", "lora_ga_config", "eva_config"}
)


def adapter_folder(adapter: Adapter) -> Path:
    """Where the adapter's files lie, fetched if they are on the Hub. Raises SourceError where there are no safetensors weights."""
    folder = adapter.path
    if folder is None:
        from transformers.utils import cached_file

        try:
            for name in (CONFIG, WEIGHTS):
                folder = Path(cached_file(adapter.repo_id, name, revision=adapter.revision)).parent
        except OSError as error:
            raise SourceError(
                f"The adapter {adapter.repo_id} cannot be fetched: {str(error).splitlines()[0]}"
            ) from error
    assert folder is not None
    return folder


def fingerprint_with(base: str, adapter: Adapter) -> str:
    """What names the exact weights of a base with an adapter: both."""
    if adapter.revision is not None:
        return f"{base} + {adapter.revision}"
    return f"{base} + {adapter_sha256(adapter_folder(adapter))}"


def merged(network: Any, adapter: Adapter) -> Any:
    """`network` with the weights of `adapter` added. Raises MissingExtraError without peft, SourceError for an adapter that does
    not fit: every tensor of its file has to find its place, and every place a tensor."""
    require_adapter(adapter)
    import peft

    folder = adapter_folder(adapter)
    config = {name: value for name, value in read_json(folder / CONFIG).items() if name not in _NOT_HANDED_ON}
    _make_room(network, folder)
    with TemporaryDirectory() as clean, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (Path(clean) / CONFIG).write_text(json.dumps(config), encoding="utf-8")
        os.symlink((folder / WEIGHTS).resolve(), Path(clean) / WEIGHTS)
        try:
            stated = peft.PeftConfig.from_pretrained(clean)
            stated.inference_mode = True
            wrapped = peft.PeftModel(network, stated)
            found = wrapped.load_adapter(clean, "default", torch_device=str(network.device))
        except Exception as error:  # peft raises many kinds; the user needs one sentence
            cause = " ".join(str(error).split())[:300] or type(error).__name__
            raise SourceError(f"The adapter {adapter.name} does not fit its base {adapter.base} ({cause}).") from error
    astray = [*_without_twins(found.unexpected_keys, folder), *found.missing_keys]
    if astray:
        raise SourceError(
            f"The adapter {adapter.name} does not fit its base {adapter.base}: {len(astray)} of its tensors have no place "
            f"there, or no value in its file, {astray[0]} among them."
        )
    try:
        whole = wrapped.merge_and_unload(safe_merge=True)
    except (AttributeError, NotImplementedError, ValueError) as error:
        raise SourceError(
            f"The adapter {adapter.name} ({adapter.kind}) cannot be merged into its base: {error}"
        ) from error
    for name in ("peft_config", "_hf_peft_config_loaded"):
        if name in vars(whole):
            delattr(whole, name)
    return whole.eval().requires_grad_(False)


def _without_twins(names: list[str], folder: Path) -> list[str]:
    """`names` without those that are in the file twice: peft saves a grown embedding under its wrapper's names, too."""
    held = {tensor.name for tensor in read_header(LocalFiles(folder), WEIGHTS).tensors}
    plain = {name: name.replace(".modules_to_save.", ".").replace(".original_module.", ".") for name in names}
    return [name for name in names if plain[name] == name or plain[name] not in held]


def _make_room(network: Any, folder: Path) -> None:
    """Rows for tokens that training added, where the adapter saves the embedding whole."""
    inputs, rows = network.get_input_embeddings(), 0
    path = next((name for name, module in network.named_modules() if module is inputs), "")
    for tensor in read_header(LocalFiles(folder), WEIGHTS).tensors:
        if path and tensor.name.endswith((f"{path}.weight", f"{path}.modules_to_save.weight")):
            rows = int(tensor.shape[0])
    if rows > inputs.weight.shape[0]:
        network.resize_token_embeddings(rows, mean_resizing=False)
