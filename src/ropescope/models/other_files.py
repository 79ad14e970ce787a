"""What a folder or repository holds that is not a model read here: what it is, by its file names, and what to give instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

Read = Callable[[str], Mapping[str, Any] | None]

_PICKLED: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_ENDINGS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    ((".onnx", ".onnx_data", ".ort"), "an ONNX export: give the folder or Hub id of the model it was made from"),
    ((".npz",), "weights of MLX's first format: give the model's folder with its config.json, as mlx-lm writes it"),
    ((".engine", ".plan"), "engines built by TensorRT: give the folder or Hub id of the model they were built from"),
    (
        (".mlpackage", ".mlmodel", ".mlmodelc"),
        "a Core ML export: give the folder or Hub id of the model it was made from",
    ),
    ((".tflite", ".task", ".litertlm"), "a LiteRT export: give the folder or Hub id of the model it was made from"),
    ((".h5", ".keras", ".pb"), "TensorFlow weights: give the model's folder with config.json and safetensors"),
    ((".msgpack",), "Flax weights: give the model's folder with config.json and safetensors"),
    ((".nemo",), "a NeMo archive: give the folder or Hub id of the model as transformers saves it"),
    ((".llamafile",), "a llamafile: give the GGUF file it was made from"),
    ((".parquet", ".arrow", ".jsonl", ".csv"), "a data set: give a model"),
)
_TOKENIZER: Final = re.compile(
    r"tokenizer(?:_config)?\.json|tokenizer\.model|vocab\.(?:json|txt)|merges\.txt|spiece\.model"
)


def other_format(name: str) -> str:
    """What a file of weights is that is not read here, by its name: "pickled weights", "ONNX export", …; "" for another file."""
    low = name.lower()
    if low.endswith(_PICKLED):
        return "pickled weights"
    told = next((told for endings, told in _ENDINGS[:-1] if low.endswith(endings)), "")
    return told.partition(":")[0].removeprefix("an ").removeprefix("a ")


def what_it_is(names: Collection[str], read: Read) -> str:
    """ "KIND: what to give instead", for a place without config.json and without a GGUF model; "" where nothing tells.

    `names` are the files (and folders, with a slash), `read` gives a JSON file of that name.
    """
    held = sorted(names)
    if "model_index.json" in held:
        kind = str((read("model_index.json") or {}).get("_class_name") or "a diffusion pipeline")[:60]
        return f"a diffusers pipeline ({kind}), which is no language model: give the folder of its text_encoder, if you mean that"
    weights = any(name.startswith("consolidated") for name in held)
    if "params.json" in held and (weights or "n_layers" in (read("params.json") or {})):
        if not weights or any(name.endswith(".safetensors") for name in held):
            return (
                "a model in Mistral's own format (params.json): give the Hub id or folder that has a config.json of it"
            )
        return "a model in Meta's own format (params.json): give the Hub id or folder that has a config.json of it"
    if "adapter_config.json" in held or "adapter_model.safetensors" in held or "adapter_model.bin" in held:
        return "an adapter without adapter_config.json: save it again with peft, which writes that file beside it"
    for endings, told in _ENDINGS[:-1]:
        if any(name.lower().rstrip("/").endswith(endings) for name in held):
            return told
    if any(name.lower().endswith(".gguf") for name in held):
        return "GGUF files that are no model (projector, imatrix, adapter or draft): give the language model's file"
    if any(name.endswith(".safetensors") for name in held):
        return "weights without a config, which do not say how they are used: put the model's config.json beside them"
    if pickled := next((name for name in held if name.lower().endswith(_PICKLED)), None):
        return (
            f"pickled weights ({pickled[:60]}), which are never read, and no config: give the folder that holds config.json; a "
            "conversion to safetensors tells the weights, too"
        )
    if any(_TOKENIZER.fullmatch(name) for name in held):
        return "a tokenizer alone: give the folder or Hub id of the model it belongs to"
    endings, told = _ENDINGS[-1]
    return told if any(name.lower().endswith(endings) for name in held) else ""
