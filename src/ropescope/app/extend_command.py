"""`ropescope extend`: `plan` here, `evaluate`, `search` and `lm-eval` beside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ropescope.app.extend_evaluate_command import evaluate
from ropescope.app.extend_lm_eval_command import lm_eval
from ropescope.app.extend_search_command import search
from ropescope.app.options import Figures, Html, Json, Revision, Source, writable
from ropescope.errors import ExtendError

if TYPE_CHECKING:
    from ropescope.extend.plan import RopePlan
    from ropescope.models.model import Model

extend = typer.Typer(
    name="extend", help="Plan a longer context: choose a RoPE scaling, and write its settings.", no_args_is_help=True
)


@extend.callback()
def _extend() -> None:
    """Plan a longer context: choose a RoPE scaling, and write its settings."""


@extend.command("plan")
def plan(
    source: Source,
    to: Annotated[str, typer.Option("--to", metavar="N", help="Tokens to reach, as 32768 or 32k (32,768).")],
    method: Annotated[
        str,
        typer.Option(
            help="auto, none, linear, ntk, dynamic, yarn, llama3, alpha or rerope; or a saved plan (plan.json)."
        ),
    ] = "auto",
    factor: Annotated[
        float | None, typer.Option(metavar="S", help="Another stretch than target / trained length.")
    ] = None,
    gamma: Annotated[
        float | None, typer.Option(help="With --method alpha: the γ that the base is designed for (α_opt).")
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="With --method alpha: the multiplier of the base itself.")] = None,
    trained: Annotated[
        str | None, typer.Option(metavar="N", help="Tokens it was trained at, where the files do not say.")
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[@VERSION]",
            help="transformers, vllm, sglang, llama.cpp or ollama, as vllm@0.10.2 for an older one; may repeat. transformers "
            "alone takes what can be put on a loaded network, too.",
        ),
    ] = None,
    revision: Revision = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", callback=writable, help="Keep the plan (JSON).")] = None,
    save_config: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the model's config.json with the new positions there.")
    ] = None,
    save_gguf: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=writable,
            help="Of a GGUF file: write a copy with the new positions in it, for llama.cpp and Ollama.",
        ),
    ] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Plan how a model reads N tokens: which scaling, what it does to each frequency, and the settings of each engine.

    Example: ropescope extend plan HuggingFaceTB/SmolLM2-135M-Instruct --to 16Ki --engine vllm
    """
    from ropescope.app.show import Files, show_report
    from ropescope.questions.numbers import read_tokens
    from ropescope.extend.choosing import require_method
    from ropescope.extend.planning import plan_extension
    from ropescope.extend.report import plan_report
    from ropescope.extend.saving import fitting_plan
    from ropescope.extend.saving import save_config as write_config
    from ropescope.extend.settings.engines import all_settings, only_transformers, settings_for
    from ropescope.models.opening import open as open_model
    from ropescope.models.source import ALIASES

    Files.checked(out, html, figure)
    target = read_tokens("--to", to, least=2)
    options: dict[str, Any] = {"factor": factor, "gamma": gamma, "alpha": alpha}
    if trained is not None:
        options["trained"] = read_tokens("--trained", trained, least=2)
    if not method.endswith(".json"):
        require_method(method)
    for name in engine or ():
        only_transformers([name])  # raises for a name that is no engine's
    model = open_model(source, revision=revision, config_only=True)
    if method.endswith(".json"):
        given = [f"--{name}" for name, value in options.items() if value is not None]
        if given:
            raise ExtendError(
                f"{method} is a finished plan: {given[0]} cannot change it. Leave it out, or name a method."
            )
        made = fitting_plan(Path(method), model, target)
    else:
        in_config = not only_transformers(engine or ()) or any(
            value is not None for value in (factor, save_config, save_gguf)
        )
        made = plan_extension(model, target, method, in_config=in_config, **options)
    named = ALIASES.get(model.source.name, model.source.base.spelled)  # engines know the repository, not our short name
    settings = [settings_for(made, named, name) for name in engine] if engine else all_settings(made, named)
    config_in = None if save_config is None else str(write_config(made, model, save_config))
    gguf_in = None if save_gguf is None else str(_write_gguf(made, model, save_gguf))
    kept_in = (method if method.endswith(".json") else None) if out is None else str(made.save(out))
    report = plan_report(made, settings, source=source, kept_in=kept_in, config_in=config_in, gguf_in=gguf_in)
    show_report(report, json=as_json, html=html, figures=tuple(figure or ()))


def _write_gguf(plan: RopePlan, model: Model, path: Path) -> Path:
    from ropescope.app.working import needs_extra, progress_bar, terminate_as_interrupt
    from ropescope.extend.saving_gguf import save_gguf

    with terminate_as_interrupt(), needs_extra(), progress_bar() as (_, say):
        say(f"Writing {path.name}")
        return save_gguf(plan, model, path)


extend.command("evaluate")(evaluate)
extend.command("search")(search)
extend.command("lm-eval")(lm_eval)
