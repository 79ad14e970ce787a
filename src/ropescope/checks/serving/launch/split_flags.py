"""How vLLM and SGLang are told to share a model over devices and machines."""

from __future__ import annotations

from typing import Final

from ropescope.checks.serving.launch.settings import Settings
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.stages import vision_whole

HEAD: Final = "MACHINE_0"
"""Stands for the address of the first of several machines."""
PORT: Final = 25000
"""The port of the example in SGLang's own help."""


def vllm_split(settings: Settings, serving: Serving) -> None:
    """Add vLLM's flags for the way the devices share the model."""
    split = serving.split
    if split.tensor > 1:
        settings.add("--tensor-parallel-size", split.tensor, "devices that cut each layer")
    if split.data > 1:
        settings.add("--data-parallel-size", split.data, "copies of the attention, each with its own sequences")
    if split.pipeline > 1:
        settings.add("--pipeline-parallel-size", split.pipeline, "stages of consecutive layers")
    if split.experts:
        settings.add("--enable-expert-parallel", "", "whole experts on each device")
    if split.nodes > 1:
        settings.add("--nnodes", split.nodes, "machines")
        settings.add("--master-addr", HEAD, "the address of the first machine")


def sglang_split(settings: Settings, serving: Serving) -> None:
    """Add SGLang's flags for it: its tensor size counts every device of a stage."""
    split = serving.split
    if split.stage > 1:
        settings.add("--tp-size", split.stage, "devices that share each layer")
    if split.data > 1:
        settings.add("--dp-size", split.data, "copies of the attention among them, each with its own sequences")
        settings.add(
            "--enable-dp-attention", "", "copies of the attention alone; newer releases call it --attn-dp-size"
        )
    if split.pipeline > 1:
        settings.add("--pp-size", split.pipeline, "stages of consecutive layers")
    if split.experts:
        settings.add("--ep-size", split.stage, "whole experts on each device")
    if vision_whole(serving):
        settings.add(
            "--mm-enable-dp-encoder", "", "the heads of the vision tower do not divide: each device holds it whole"
        )
    if split.nodes > 1:
        settings.add("--nnodes", split.nodes, "machines")
        settings.add("--dist-init-addr", f"{HEAD}:{PORT}", "the address of the first machine, and a free port there")


def by_node(settings: Settings, serving: Serving, head: tuple[str, ...], *on_others: str) -> str:
    """The command; with several machines one for each, which differ in their rank and, after the first, `on_others`."""
    nodes = serving.split.nodes
    if nodes == 1:
        return settings.shell(*head)
    texts = []
    for rank in range(nodes):
        own = Settings(settings.engine, list(settings.rows))
        own.add("--node-rank", rank, "which machine this is")
        for flag in on_others if rank else ():
            own.add(flag, "", "no API server here")
        texts.append(f"# on machine {rank}\n{own.shell(*head)}")
    settings.add("--node-rank", f"0 to {nodes - 1}", "which machine this is: one command for each")
    return "\n".join(texts)


def node_remarks(serving: Serving) -> tuple[str, ...]:
    """What is to be put in for the address of the first machine."""
    return (f"Put the address of machine 0 in {HEAD}.",) if serving.split.nodes > 1 else ()
