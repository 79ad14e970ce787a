"""What the files beside a config say of a model: its weights, its tokenizer, its licence and its quantisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from ropescope.models.counts.weights import count_weights
from ropescope.models.licence import MOST_README_BYTES, readme_licence
from ropescope.models.model import Model
from ropescope.models.model_files import ModelFiles, OutsideError
from ropescope.models.quantization import quantization_config, quantization_of, stated_config, stated_dtype
from ropescope.models.safetensors.files import stored_weights
from ropescope.models.tokenizer_files import TOKENIZER_FILES, read_tokenizer

MODELOPT: Final = "hf_quant_config.json"
T = TypeVar("T")


def with_facts(model: Model, files: ModelFiles) -> Model:
    """`model`, read from its config alone, with what its other files say.

    What is missing stays None, and a note says why where that is worth a word. Raises FormatError for a damaged file,
    SourceError for one that cannot be read or fetched.
    """
    files.map(files.fetch, [name for name in (MODELOPT, *TOKENIZER_FILES) if name in files.names()])
    quantised = quantization_config(model.config, _unless_outside(lambda: files.json(MODELOPT)))
    tokenizer, remarks = read_tokenizer(files, model.config)
    model = replace(
        model,
        config=stated_config(model.config, quantised),
        dtype=stated_dtype(model.config),
        quantization=quantization_of(quantised),
        tokenizer=tokenizer,
        licence=_licence(model, files),
        notes=(*model.notes, *remarks),
    )
    try:
        stored, notes = stored_weights(files, model.source.file)
    except OutsideError as error:
        stored, notes = None, (f"no parameters were counted: {error}",)
    if stored is not None:
        parameters, weights, more = count_weights(model, stored, quantised)
        notes = (*notes, *more)
        model = replace(model, parameters=parameters, weights=weights)
    return replace(model, notes=(*model.notes, *notes))


def _licence(model: Model, files: ModelFiles) -> str | None:
    if model.source.repo_id is None or model.source.revision is None:
        text = _unless_outside(lambda: files.text("README.md", MOST_README_BYTES))
        return None if text is None else readme_licence(text)
    import ropescope.models.hub_record as hub_record

    # The Hub has read the front matter already.
    found = hub_record.repository(model.source.repo_id, model.source.revision)
    return None if found is None else found.licence


def _unless_outside(read: Callable[[], T | None]) -> T | None:
    """What `read` gives; None where the file is a link that leads out of its folder."""
    try:
        return read()
    except OutsideError:
        return None
