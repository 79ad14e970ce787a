"""`ropescope fit`, `ropescope speed` and `ropescope launch`. They read options, ask for a Report and show it."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ropescope.app.options import Figures, Html, Revision, Source, require_used

if TYPE_CHECKING:
    from ropescope.checks.serving.inputs import ServingText
    from ropescope.checks.serving.parallel import ParallelText
    from ropescope.checks.serving.serving import Serving
    from ropescope.models.model import Model
    from ropescope.models.offered import Offered


def _list_gpus(context: typer.Context, asked: bool) -> bool:
    """Both this and --json are read before all else, in the order in which they stand: the second of them shows the list."""
    if asked and "as_json" in context.params:
        _show_gpus(context.params["as_json"])
    return asked


def _as_json(context: typer.Context, asked: bool) -> bool:
    if context.params.get("list_gpus"):
        _show_gpus(asked)
    return asked


def _show_gpus(as_json: bool) -> None:
    from ropescope.app.show import show_report
    from ropescope.checks.fit_report import gpu_report

    show_report(gpu_report(), json=as_json)
    raise typer.Exit


Gpu = Annotated[
    str,
    typer.Option(
        "--gpu",
        metavar="NAME|SIZE|this",
        help="A device (4090, h100-sxm, …), its memory (24GiB), several (3090,4080 or 2x3090,4080), or this machine: this.",
    ),
]
Count = Annotated[
    int | None,
    typer.Option("--count", help="How many of them; default: 1, or what the split needs; of this machine, all."),
]
Tp = Annotated[int | None, typer.Option("--tp", help="Devices that cut each layer (vllm, sglang); default: all.")]
Dp = Annotated[int | None, typer.Option("--dp", help="Copies of the attention, each over --tp devices.")]
Pp = Annotated[int | None, typer.Option("--pp", help="Pipeline stages of consecutive layers.")]
Ep = Annotated[bool, typer.Option("--ep", help="Whole experts on each device, instead of a slice of every one.")]
Nodes = Annotated[int | None, typer.Option("--nodes", help="Machines that the devices stand in; default: 1.")]
Context = Annotated[
    str | None,
    typer.Option("--context", metavar="T", help="Tokens a sequence, as 8192 or 32k (32,768); default: stated."),
]
Batch = Annotated[int, typer.Option("--batch", help="Sequences at once.")]
Precision = Annotated[
    str, typer.Option("--precision", help="Of weights: stored, bf16, fp8, int8, awq, gptq, nf4, Q4_K_M, Q8_0, …")
]
KvPrecision = Annotated[
    str,
    typer.Option(
        "--kv-precision",
        help="Of the cache, as the engine calls it: auto, bf16, fp8, q8_0, …; llama.cpp takes two, for keys and values: q8_0,q4_0.",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine", help="llama.cpp (default for GGUF, CPUs and Apple), ollama, vllm (default), sglang or transformers."
    ),
]
Chunk = Annotated[
    str | None, typer.Option("--chunk", metavar="T", help="Prompt tokens run at once; default: the engine's.")
]
Overhead = Annotated[
    str | None, typer.Option("--overhead", metavar="SIZE", help="Held beside weights, cache and activations, as 1GiB.")
]
Utilisation = Annotated[
    float | None, typer.Option("--utilisation", "--utilization", help="Share of a device that vLLM takes.")
]
CpuMoe = Annotated[
    int, typer.Option("--cpu-moe-layers", help="Layers whose experts stay in system memory (llama.cpp).")
]
SwaFull = Annotated[bool, typer.Option("--swa-full", help="Hold sliding layers in full (llama.cpp).")]
Bandwidth = Annotated[float | None, typer.Option("--bandwidth", help="Of the device's memory, in GB/s.")]
Tflops = Annotated[float | None, typer.Option("--tflops", help="Dense 16-bit TFLOPS of the device.")]
ParametersGiven = Annotated[
    str | None, typer.Option("--parameters", metavar="N", help="Where the files do not tell: 8B, 70B, …")
]
Active = Annotated[str | None, typer.Option("--active", metavar="N", help="Of those, what a token passes through.")]
ListJson = Annotated[
    bool,
    typer.Option("--json", callback=_as_json, is_eager=True, help="Print the result as JSON, and nothing else."),
]
ListGpus = Annotated[
    bool, typer.Option("--list-gpus", callback=_list_gpus, is_eager=True, help="Show the known devices, and exit.")
]


def fit(
    source: Source,
    gpu: Gpu,
    count: Count = None,
    tp: Tp = None,
    dp: Dp = None,
    pp: Pp = None,
    ep: Ep = False,
    nodes: Nodes = None,
    context: Context = None,
    batch: Batch = 1,
    precision: Precision = "stored",
    kv_precision: KvPrecision = "auto",
    engine: Engine = None,
    min_context: Annotated[
        str | None, typer.Option("--min-context", metavar="T", help="The shortest context you would accept.")
    ] = None,
    chunk: Chunk = None,
    overhead: Overhead = None,
    utilisation: Utilisation = None,
    cpu_moe_layers: CpuMoe = 0,
    swa_full: SwaFull = False,
    parameters: ParametersGiven = None,
    active: Active = None,
    list_gpus: ListGpus = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with status 1 if it does not fit.")] = False,
    revision: Revision = None,
    html: Html = None,
    figure: Figures = None,
    as_json: ListJson = False,
) -> None:
    """Tell whether a model fits a device: part by part, with the culprit, the longest context, and the ways out.

    Example: ropescope fit Qwen/Qwen3-30B-A3B --gpu 4090 --engine llama.cpp --precision Q4_K_M --context 32k
    """
    from ropescope.app.show import show_report
    from ropescope.checks.fit_report import fit_report
    from ropescope.checks.numbers import read_tokens
    from ropescope.checks.serving.inputs import read_serving
    from ropescope.models.offered import Offered

    least = None if min_context is None else read_tokens("--min-context", min_context)
    found, written = _found(
        source, revision, gpu=gpu, count=count, parallel=_parallel(tp, dp, pp, ep, nodes), context=context, batch=batch,
        precision=precision, kv_precision=kv_precision, engine=engine, chunk=chunk, overhead=overhead, utilisation=utilisation,
        cpu_moe_layers=cpu_moe_layers, swa_full=swa_full, parameters=parameters, active=active,
    )  # fmt: skip
    if isinstance(found, Offered):
        from ropescope.checks.fit_choices import choices_report

        report = choices_report(found, written)
    else:
        report = fit_report(read_serving(found, written), least)
    show_report(report, json=as_json, html=html, figures=tuple(figure or ()))
    if check and not report.data["fits"]:
        raise typer.Exit(1)


def speed(
    source: Source,
    gpu: Gpu,
    count: Count = None,
    tp: Tp = None,
    dp: Dp = None,
    pp: Pp = None,
    ep: Ep = False,
    nodes: Nodes = None,
    context: Annotated[
        str | None,
        typer.Option(metavar="T", help="Tokens in each cache, as 8k (8,192); default: 4096, or the stated context."),
    ] = None,
    batch: Batch = 1,
    precision: Precision = "stored",
    kv_precision: KvPrecision = "auto",
    engine: Engine = None,
    price: Annotated[float | None, typer.Option("--price", help="Of one device for an hour, in any currency.")] = None,
    efficiency: Annotated[float, typer.Option("--efficiency", help="Share of the ceiling to count with.")] = 1.0,
    bandwidth: Bandwidth = None,
    tflops: Tflops = None,
    parameters: ParametersGiven = None,
    active: Active = None,
    list_gpus: ListGpus = False,
    revision: Revision = None,
    html: Html = None,
    figure: Figures = None,
    as_json: ListJson = False,
) -> None:
    """Tell how fast a device could decode and prefill at most, by batch, and what a token costs.

    Example: ropescope speed meta-llama/Llama-3.1-8B --gpu h100-sxm --context 8k --batch 32 --price 2.50
    """
    from ropescope.app.show import show_report
    from ropescope.checks.speed import SpeedInputs, require_bandwidth, require_shares, speed_report

    require_shares(efficiency, price)
    require_bandwidth(gpu, bandwidth)
    serving = _serving(
        source, revision, gpu=gpu, count=count, parallel=_parallel(tp, dp, pp, ep, nodes), context=context, batch=batch,
        precision=precision, kv_precision=kv_precision, engine=engine, bandwidth=bandwidth, tflops=tflops, parameters=parameters,
        active=active, most_by_default=4096, needs_bandwidth=True,
    )  # fmt: skip
    report = speed_report(SpeedInputs(serving, efficiency, price))
    show_report(report, json=as_json, html=html, figures=tuple(figure or ()))


def launch(
    source: Source,
    gpu: Gpu,
    engine: Engine = None,
    count: Count = None,
    tp: Tp = None,
    dp: Dp = None,
    pp: Pp = None,
    ep: Ep = False,
    nodes: Nodes = None,
    context: Context = None,
    batch: Batch = 1,
    precision: Precision = "stored",
    kv_precision: KvPrecision = "auto",
    gguf: Annotated[
        str | None,
        typer.Option("--gguf", metavar="FILE|REPO", help="A GGUF file, or a repository as org/name:Q4_K_M, to run."),
    ] = None,
    rescue: Annotated[bool, typer.Option("--rescue", help="If it does not fit, take the cheapest way out.")] = False,
    bare: Annotated[
        bool, typer.Option("--bare", help="Print the command and nothing else; exit with status 1 if it does not fit.")
    ] = False,
    chunk: Chunk = None,
    overhead: Overhead = None,
    utilisation: Utilisation = None,
    cpu_moe_layers: CpuMoe = 0,
    swa_full: SwaFull = False,
    parameters: ParametersGiven = None,
    active: Active = None,
    list_gpus: ListGpus = False,
    revision: Revision = None,
    html: Html = None,
    as_json: ListJson = False,
) -> None:
    """Write the command that serves a model: every flag is one the engine has, with its reason, and whether it fits.

    Example: ropescope launch ./qwen3-8b-Q4_K_M.gguf --gpu 4090 --context 32k --kv-precision q8_0
    """
    from ropescope.app.show import show_report
    from ropescope.checks.launch import LaunchInputs, launch_report
    from ropescope.checks.serving.engines import find_engine
    from ropescope.checks.serving.published_files import require_runs_gguf

    require_used({"--bare": bare and as_json}, "the command as text, not with --json")
    if gguf is not None:
        engine = engine or "llama.cpp"
        require_runs_gguf(find_engine(engine).name)
    serving = _serving(
        source, revision, gpu=gpu, count=count, parallel=_parallel(tp, dp, pp, ep, nodes), context=context, batch=batch,
        precision=precision, kv_precision=kv_precision, engine=engine, chunk=chunk, overhead=overhead, utilisation=utilisation,
        cpu_moe_layers=cpu_moe_layers, swa_full=swa_full, parameters=parameters, active=active,
    )  # fmt: skip
    report = launch_report(LaunchInputs(serving, gguf, rescue))
    if as_json:
        show_report(report, json=True, html=html)
        return
    # The answer is the command, whole and ready to copy: a table would fold it.
    shown = report if html else replace(report, tables=report.tables[1:])
    show_report(shown, html=html, lead=report.data["command"], alone=bare)
    if bare and not report.data["fits"]:  # a script would run it unseen
        print(report.verdict, file=sys.stderr)
        if report.data["fits"] is False:
            raise typer.Exit(1)


def _parallel(tp: int | None, dp: int | None, pp: int | None, ep: bool, nodes: int | None) -> ParallelText:
    from ropescope.checks.serving.parallel import ParallelText

    return ParallelText(tp, dp, pp, ep, nodes)


def _serving(source: str, revision: str | None, **text: Any) -> Serving:
    from ropescope.checks.serving.inputs import read_serving
    from ropescope.errors import SourceError
    from ropescope.models.offered import Offered

    found, written = _found(source, revision, **text)
    if isinstance(found, Offered):
        held = ", ".join(choice.first for choice in found.choices[:8]) + (", …" if len(found.choices) > 8 else "")
        raise SourceError(
            f"{found.where} holds {len(found.choices)} GGUF models ({held}): name one, as {found.named(found.choices[0])}, "
            "or its mix with --precision; ropescope fit tells which fits."
        )
    return read_serving(found, written)


def _found(source: str, revision: str | None, **text: Any) -> tuple[Model | Offered, ServingText]:
    """(what a source is: a model, or several GGUF models of which --precision names none; what was asked of it)."""
    from ropescope.checks.serving.inputs import ServingText, refuse_unreadable
    from ropescope.models.gguf.choices import with_mix
    from ropescope.models.offered import offered
    from ropescope.models.opening import open as open_model

    written = ServingText(**text)
    refuse_unreadable(written)
    resolved, several = offered(source, revision)
    if several is None:
        return open_model(resolved, revision=revision if isinstance(resolved, str) else None), written
    choice = with_mix(several.choices, written.precision)
    return (several, written) if choice is None else (several.open(choice), replace(written, precision="stored"))
