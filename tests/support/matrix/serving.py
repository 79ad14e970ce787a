"""Rows of the matrix: serve a model."""

from __future__ import annotations

import json

from released_configs import QWEN25_7B

from matrix.row import Row

PROMPT = """{"model": "claude-sonnet-4-5", "system": "It is TIME.", "messages": [
  {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}]}"""

SCHEMA = """{"type": "object", "properties": {"steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}}},
  "$defs": {"Step": {"type": "object", "properties": {"answer": {"type": "string"}, "reasoning": {"type": "string"}}}}}"""

TOKENS = {
    "added_tokens": [{"id": 3, "content": "<|endoftext|>"}], "normalizer": None,
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
}  # fmt: skip

TEMPLATE = (
    "{% for m in messages %}{{ '<' ~ m.role ~ '>' ~ m.content ~ '<end>' }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
ROWS = (
    Row(
        "fit", {"source": "{config}", "gpu": "4090", "context": "8k"}, lambda d: d["bytes"]["cache"] == 131_072 * 8_192,
        {"source": "{config}", "gpu": "4090", "context": "8x"}, "context",
    ),
    Row(
        "speed", {"source": "{config}", "gpu": "h100-sxm"}, lambda d: d["decode"]["bound"] == "memory",
        {"source": "{config}", "gpu": "h100-sxm", "efficiency": "2"}, "efficiency",
    ),
    Row(
        "launch", {"source": "{config}", "gpu": "h100-sxm", "context": "8k"}, lambda d: d["command"].startswith("vllm serve"),
        {"source": "{config}", "gpu": "h100-sxm", "engine": "vlm"}, "engine",
    ),
    Row(
        "prompt-cache",
        {"request": "{new}/a.json", "edited": "{new}/b.json", "tokens": "10000", "input_price": "3"},
        lambda d: d["written_again_tokens"] == 10_000 and d["pays_from_requests"] == 2,
        {"request": "{new}/a.json", "lifetime": "2h", "input_price": "3"}, "lifetime",
        files={"a.json": PROMPT.replace("TIME", "14:00"), "b.json": PROMPT.replace("TIME", "14:01")},
    ),
    Row(
        "hardware", {"source": "{config}", "among": "4090,h100-sxm"},
        lambda d: [(one["device"], one["count"]) for one in d["sets"]][:2] == [("RTX 4090", 2), ("RTX 4090", 4)],
        {"source": "{config}", "price": ["4090"]}, "price",
    ),
    Row(
        "tools-schema",
        {"schema": "{new}/schema.json"},
        lambda d: [pair["at"] for pair in d["pairs"]] == ["#/$defs/Step"],
        {"schema": "{new}/loop.json"}, "refers to itself",
        files={"schema.json": SCHEMA, "loop.json": '{"$ref": "#"}'},
    ),
    Row(
        "speculative", {"target": "{new}/8b", "draft": "{new}/1b", "acceptance": "0.8", "cost": "0.1"},
        lambda d: [one["takes"] for one in d["engines"]] == [False, False, True, True]
        and round(d["acceptances"][0]["speedup"], 2) == 2.46,
        {"target": "{config}", "draft": "{config}", "engine": "vllm@0.1"}, "vllm@0.33.0",
        files={
            f"{name}/{file}": json.dumps(content)
            for name, rows in (("8b", 152_064), ("1b", 151_936))
            for file, content in (("config.json", {**QWEN25_7B, "vocab_size": rows}), ("tokenizer.json", TOKENS))
        },
    ),
    Row(
        "template", {"source": "{new}/t.jinja", "messages": "{new}/chat.json"},
        lambda d: d["rendered"]["your messages"] == "<user>Hi<end><assistant>", {"source": "{new}/none.jinja"}, "none.jinja",
        files={"t.jinja": TEMPLATE, "chat.json": '[{"role": "user", "content": "Hi"}]'},
    ),
    Row("devices", {}, lambda d: len(d["devices"]) > 150, {"name": "4090"}, "name"),
)  # fmt: skip
