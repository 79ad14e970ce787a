"""Files: what weights a folder or repository holds, by their headers, and which of them fits a device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ropescope.checks.fit_caveats import gib
from ropescope.checks.reading.files.tables import (
    beside_table,
    format_of,
    model_table,
    other_table,
    short_hash,
    types_in_words,
)
from ropescope.checks.reading.files.weight_files import MOST_READ, WeightFile, read_weight_files
from ropescope.checks.serving.fitting.fit import Fit, fit
from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.checks.serving.inputs import HeldInputs, read_serving, refuse_unreadable
from ropescope.errors import DomainError
from ropescope.models.gguf.types import FILE_TYPES
from ropescope.models.gguf_names import mix_of
from ropescope.models.listing import Listing, listing
from ropescope.models.other_files import other_format
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Device, Tokens
from ropescope.questions.names import few
from ropescope.questions.question import Run
from ropescope.questions.shared import OneModel
from ropescope.report.numbers import binary_size
from ropescope.report.report import Fact, Report, Step

Templates = Mapping[str, tuple[str, list[str]]]


@dataclass(frozen=True, kw_only=True)
class FilesInputs(OneModel):
    """A place with weights, and a device that they shall fit."""

    gpu: str | None = asked(Device(), "Show which files fit this device.", default=None, group="device")
    context: int | None = asked(
        Tokens(metavar="T"),
        "Tokens a sequence on that device; default: what the model states.",
        default=None,
        group="device",
        only_with=("gpu",),
    )


def answer(inputs: FilesInputs, run: Run) -> Report:
    """The weight files of a folder or repository, and which of them fits a device."""
    serving = None
    if inputs.gpu is not None:
        serving = HeldInputs(source=inputs.source, gpu=inputs.gpu, context=inputs.context)
        refuse_unreadable(serving)
    place = listing(inputs.source, inputs.revision)
    run.say(f"Reading the headers of {place.where}")
    return files_report(place, read_weight_files(place), serving)


def files_report(place: Listing, found: Sequence[WeightFile], serving: HeldInputs | None = None) -> Report:
    """What `place` holds, by the headers of its weight files; with `serving`, how each model fits."""
    models = [one for one in found if one.is_model]
    beside = [one for one in found if not one.is_model]
    others, templates, every = _others(place), _templates(found), sum(place.sizes.values())
    fits, refused = _fits(models, serving)
    best = next((one for one in models if (made := fits.get(one.files[0])) and made.ok), None)
    n_files = f"{len(place.sizes):,} file{'' if len(place.sizes) == 1 else 's'}"
    commit = f" at {place.commit[:8]}" if place.commit else ""
    return Report(
        title=f"{place.where}{commit} · {n_files} · {binary_size(every)}",
        verdict=f"{_fitting(fits, best)}{place.where} holds {_held(models, beside, others, templates)}.",
        facts=(
            Fact("all files", every, "bytes", "config", n_files),
            *(
                Fact(f"chat template {key}", len(text), "characters", "config", few(where, 3))
                for key, (text, where) in templates.items()
            ),
        ),
        tables=tuple(filter(None, (model_table(models, fits), beside_table(beside), other_table(others, place.sizes)))),
        caveats=tuple(_caveats(place, found, refused)),
        next_steps=tuple(_next_steps(place, models, best)),
        data={
            "source": place.where,
            "commit": place.commit or None,
            "all_bytes": every,
            "files": [_data(one, fits.get(one.files[0])) for one in found],
            "other_formats": others,
            "templates": {key: where for key, (_, where) in templates.items()},
            "best": None if best is None else best.files[0],
        },
    )


def _fits(models: Sequence[WeightFile], serving: HeldInputs | None) -> tuple[dict[str, Fit], str]:
    """(the fit of each model that can be counted, by its first file; why one was not)."""
    fits, refused = dict[str, Fit](), ""
    for one in models if serving is not None else ():
        if one.model is not None and serving is not None:
            try:
                fits[one.files[0]] = fit(read_serving(one.model, serving))
            except DomainError as error:
                refused = str(error)
    return fits, refused


def _fitting(fits: Mapping[str, Fit], best: WeightFile | None) -> str:
    if not fits:
        return ""
    serving = next(iter(fits.values())).serving
    where = f"{on_devices(serving)} at {serving.context_tokens:,} tokens"
    if best is None:
        least = min(fits.values(), key=lambda made: made.demand.total)
        need = f"{gib(least.demand.total)} of {gib(least.budget.n_bytes)}"
        return f"No model here fits {where}: the smallest needs {need}. "
    made = fits[best.files[0]]
    which = (
        "The model fits" if len(fits) == 1 else f"{best.mix or best.files[0]} is the largest of {len(fits)} that fits"
    )
    return f"{which} {where}: {gib(made.demand.total)} of {gib(made.budget.n_bytes)}. "


def _held(
    models: Sequence[WeightFile], beside: Sequence[WeightFile], others: Mapping[str, list[str]], templates: Templates
) -> str:
    if len(models) == 1:
        held = _one(models[0])
    elif models:
        formats = Counter(format_of(one) for one in models).most_common()
        counted = " and ".join(f"{count} {name}" for name, count in formats)
        held = f"{counted} models of {binary_size(models[-1].n_bytes)} to {binary_size(models[0].n_bytes)}"
    else:
        named = " and ".join(f"{name} ({len(files)})" for name, files in others.items())
        held = f"no GGUF or safetensors model{f', but {named}' if named else ''}"
    kinds = Counter(one.kind for one in beside).items()
    if more := ", ".join(kind if count == 1 else f"{count} files of the kind {kind}" for kind, count in kinds):
        held += f"; beside it: {more}"
    if len(templates) > 1:
        held += f"; {len(templates)} different chat templates are among them"
    broken = sum(bool(one.problem) for one in models)
    return f"{held}; {broken} of them cannot be read" if broken else held


def _one(model: WeightFile) -> str:
    parts = f" in {len(model.files)} files" if len(model.files) > 1 else ""
    text = f"one {format_of(model)} model of {binary_size(model.n_bytes)}{parts}: {types_in_words(model)}"
    if model.bits is not None:
        text += f"; {model.bits:.2f} bits a weight"
    return text


def _templates(found: Sequence[WeightFile]) -> Templates:
    """Each different chat template by the start of its SHA-256, with the files that hold it."""
    templates: dict[str, tuple[str, list[str]]] = {}
    for one in found:
        if one.template is not None:
            templates.setdefault(short_hash(one.template), (one.template, []))[1].append(one.files[0])
    return templates


def _others(place: Listing) -> dict[str, list[str]]:
    """The files of weights that are not read here, by format."""
    found: dict[str, list[str]] = {}
    for name in place.sizes:
        old = "imatrix" in name.lower() and name.lower().endswith((".dat", ".imatrix"))
        if kind := "imatrix" if old else other_format(name):
            found.setdefault(kind, []).append(name)
    return found


def _caveats(place: Listing, found: Sequence[WeightFile], refused: str) -> Iterator[str]:
    for one in found:
        if one.problem:
            yield f"Not read: {one.problem}"
        named = mix_of(one.files[0])
        if (
            one.is_model
            and one.mix
            and named in FILE_TYPES.values()
            and one.mix in FILE_TYPES.values()
            and named != one.mix
        ):
            yield f"{one.files[0]} is named {named}, and its header says {one.mix} (general.file_type)."
    if len(found) == MOST_READ:
        yield f"Headers were read of the first {MOST_READ} models only."
    if place.left_out:
        yield f"Links that lead out of the folder were left: {few(place.left_out, 3)}."
    if refused:
        yield f"Not counted on the device: {refused}"
    if any(one.quantised and not one.imatrix for one in found if one.is_model):
        yield "An imatrix that is not stated may still have been used: only llama-quantize writes it into the header."


def _next_steps(place: Listing, models: Sequence[WeightFile], best: WeightFile | None) -> Iterator[Step]:
    if not models:
        return
    one = best or models[0]
    name = place.named(one.files[0]) if len(models) > 1 and format_of(one) == "GGUF" else place.spelled
    yield Step("show", {"source": name}, "What the model is")
    yield Step("fit", {"source": name, "gpu": "…"}, "Its memory part by part, and the ways out")


def _data(one: WeightFile, made: Fit | None) -> dict[str, Any]:
    return {
        "file": one.files[0],
        "files": list(one.files),
        "kind": one.kind,
        "file_bytes": one.n_bytes,
        "mix": one.mix or None,
        "bytes_by_type": dict(one.by_type),
        "bits_per_weight": one.bits,
        "imatrix": one.imatrix or None,
        "template": None if one.template is None else short_hash(one.template),
        "problem": one.problem or None,
        **(
            {}
            if made is None
            else {
                "total_bytes": made.demand.total,
                "fits": made.answer,
                "outcome": made.outcome,
                "longest_context": made.longest_context,
            }
        ),
    }
