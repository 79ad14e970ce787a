"""The Python that serves a model with transformers: text that runs as it stands."""

from __future__ import annotations

from typing import Final

_DTYPES: Final = {"bf16": "bfloat16", "f16": "float16", "f32": "float32"}


def transformers_snippet(source: str, revision: str | None, precision: str, context_tokens: int, batch: int) -> str:
    """A script that loads `source` (a folder or Hub id) in `precision` and answers `batch` prompts within
    `context_tokens`. Names are written as Python literals."""
    pinned = "" if revision is None else f", revision={revision!r}"
    imports, more = "AutoModelForCausalLM, AutoTokenizer", ""
    if precision in ("nf4", "int8"):
        imports += ", BitsAndBytesConfig"
        bits = 'load_in_4bit=True, bnb_4bit_quant_type="nf4"' if precision == "nf4" else "load_in_8bit=True"
        more = f", quantization_config=BitsAndBytesConfig({bits})"
    return f"""\
from transformers import {imports}

source = {source!r}
tokenizer = AutoTokenizer.from_pretrained(source{pinned}, padding_side="left")
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained(
    source{pinned}, dtype={_DTYPES.get(precision, "auto")!r}, device_map="auto"{more}
)
prompts = ["The capital of France is"] * {batch}
inputs = tokenizer(prompts, return_tensors="pt", padding=True).to(model.device)
answers = model.generate(**inputs, max_length={context_tokens}, do_sample=False)
print(tokenizer.batch_decode(answers, skip_special_tokens=True)[0])"""
