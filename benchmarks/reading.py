"""How long the files of a model take to read, beside hf-mem and gguf on the same files, and where the numbers part.

python benchmarks/reading.py [--runs 9]

The files are made in a temporary folder: true headers over sparse files, which take some 70 MB on the disk. hf-mem and
gguf come from PyPI (`pip install hf-mem gguf`); what is not installed is left out. hf-mem reads models on the Hub only, so
its parsers are called on the same bytes, without what it would wait for the network.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import gguf_models
import stored_models as made

from ropescope.models import open as open_model

FOLDER, SHARDS, GGUF = "Llama 3.1 8B, folder", "100,000 tensors in 100 files", "GGUF of 400 layers"


def milliseconds(call: Callable[[], object], runs: int) -> list[float]:
    """The times of `runs` calls after one that is not counted, sorted."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    return sorted(times[1:])


def fresh(source: Path) -> Callable[[], object]:
    """Open `source` in a process of its own."""
    code = "import sys; from ropescope.models.opening import open; open(sys.argv[1])"
    return lambda: subprocess.run([sys.executable, "-c", code, str(source)], check=True)


def llama_folder(folder: Path) -> Path:
    """Llama 3.1 8B as it lies on the Hub: four shards, and a tokenizer.json of about its true size (16 MB)."""
    linears = {f"{name}.weight": ("BF16", shape) for name, shape in made.llama_linears().items()}
    items = list((made.llama_rest() | linears).items())
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(made.LLAMA_31_8B))
    quarter = -(-len(items) // 4)
    made.write_shards(folder, [dict(items[start : start + quarter]) for start in range(0, len(items), quarter)])
    vocabulary = {f"Ġtoken{index}": index for index in range(128_000)}
    added = [{"id": 128_000 + index, "content": f"<|reserved_special_token_{index}|>"} for index in range(256)]
    merges = [[f"Ġtok{index}", f"en{index}"] for index in range(280_147)]
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges}
    tokenizer = {"version": "1.0", "added_tokens": added, "normalizer": None, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1, ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|reserved_special_token_9|>"}))
    return folder


def many_tensors(folder: Path) -> Path:
    """A mixture of experts in FP8 like DeepSeek-V3: 100,000 tensors in 100 files."""
    config = made.LLAMA_31_8B | {
        "model_type": "deepseek_v3", "num_hidden_layers": 65, "n_routed_experts": 256, "num_experts_per_tok": 8,
        "first_k_dense_replace": 0, "quantization_config": {"quant_method": "fp8"}, "kv_lora_rank": 512,
        "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
    }  # fmt: skip
    table: dict[str, tuple[str, tuple[int, ...]]] = {"model.embed_tokens.weight": ("BF16", (128256, 4096))}
    for layer in range(65):
        for expert in range(256):
            for matrix, shape in (("gate", (2048, 7168)), ("up", (2048, 7168)), ("down", (7168, 2048))):
                name = f"model.layers.{layer}.mlp.experts.{expert}.{matrix}_proj.weight"
                table[name] = ("F8_E4M3", shape)
                table[f"{name}_scale_inv"] = ("F32", (shape[0] // 128, shape[1] // 128))
    items = list(table.items())
    items += [(f"model.layers.0.self_attn.filler{n}.weight", ("BF16", (1,))) for n in range(100_000 - len(items))]
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    made.write_shards(folder, [dict(items[start : start + 1000]) for start in range(0, len(items), 1000)])
    return folder


def long_gguf(path: Path) -> Path:
    """400 layers, 4,800 tensors, 150,000 tokens and as many merges."""
    keys = gguf_models.LLAMA_31_8B | {"block_count": 400}
    table = gguf_models.ends(4096, 128256)
    norms = {f"{name}.weight": ((128,), "F32") for name in ("attn_q_norm", "attn_k_norm", "post_attention_norm")}
    for index in range(400):
        table |= gguf_models.layer(index, gguf_models.attention(4096, 32, 8, 128), gguf_models.mlp(4096, 14336), norms)
    tokens = [f"token{index}" for index in range(150_000)]
    more = {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": [1] * 150_000,
            "tokenizer.ggml.merges": [f"tok{index} en" for index in range(150_000)]}  # fmt: skip
    return gguf_models.write(path, "llama", keys, table, more)


def headers_of(folder: Path) -> dict[str, dict[str, object]]:
    """What hf-mem gets from the Hub for a folder: the parsed headers of its files, in one."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            found |= json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {"Transformer": {name: entry for name, entry in found.items() if name != "__metadata__"}}


def theirs(name: str, source: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """(a tool, what it does with the file) for each tool that is installed and can read it."""
    if importlib.util.find_spec("hf_mem"):
        from hf_mem.gguf.metadata import parse_gguf_metadata
        from hf_mem.safetensors.metadata import parse_safetensors_metadata

        if name == GGUF:
            with source.open("rb") as file:
                start = file.read(32 << 20)
            yield "hf-mem", lambda: parse_gguf_metadata(start)
        else:
            yield "hf-mem", lambda: parse_safetensors_metadata(headers_of(source))
    if name == GGUF:
        import gguf

        yield "gguf", lambda: gguf.GGUFReader(source)


def speed(folder: Path, runs: int) -> None:
    """Print the times."""
    sources = {FOLDER: llama_folder(folder / "llama"), SHARDS: many_tensors(folder / "many"),
               GGUF: long_gguf(folder / "long.gguf")}  # fmt: skip
    print("median (least–most) of", runs, "runs, ms\n")
    for name, source in sources.items():
        rows = [("ropescope, fresh process", milliseconds(fresh(source), runs)),
                ("ropescope", milliseconds(lambda source=source: open_model(source), runs))]  # fmt: skip
        rows += [(tool, milliseconds(call, runs)) for tool, call in theirs(name, source)]
        for tool, times in rows:
            print(f"{name:<30} {tool:<26} {statistics.median(times):7.0f} ({times[0]:.0f}–{times[-1]:.0f})")


Matrix = dict[str, tuple[str, tuple[int, ...]]]
WAYS: dict[str, tuple[dict[str, object], Callable[[str, int, int], Matrix]]] = {
    "BF16": ({}, lambda module, out, width: {f"{module}.weight": ("BF16", (out, width))}),
    "AWQ": ({"quant_method": "awq", "bits": 4}, lambda module, out, width: {
        f"{module}.qweight": ("I32", (width, out // 8)), f"{module}.qzeros": ("I32", (width // 128, out // 8)),
        f"{module}.scales": ("F16", (width // 128, out))}),
    "bitsandbytes NF4": ({"quant_method": "bitsandbytes", "load_in_4bit": True}, lambda module, out, width: {
        f"{module}.weight": ("U8", (out * width // 2, 1)), f"{module}.weight.absmax": ("U8", (out * width // 64,))}),
    "FP8, scales in blocks": ({"quant_method": "fp8"}, lambda module, out, width: {
        f"{module}.weight": ("F8_E4M3", (out, width)), f"{module}.weight_scale_inv": ("F32", (out // 128, width // 128))}),
}  # fmt: skip
"""A way to store the matrices of Llama 3.1 8B → (quantization_config, the tensors of one matrix)."""


def differences(folder: Path) -> None:
    """Print the parameters and bytes that each tool finds for Llama 3.1 8B, stored in several ways."""
    if not importlib.util.find_spec("hf_mem"):
        print("\nhf-mem is not installed: no numbers to compare.")
        return
    from hf_mem.gguf.metadata import parse_gguf_metadata
    from hf_mem.safetensors.metadata import parse_safetensors_metadata

    print("\nLlama 3.1 8B has 8,030,261,248 parameters\n")
    for name, (method, tensors) in WAYS.items():
        table = dict(made.llama_rest())
        for module, (out, width) in made.llama_linears().items():
            table |= tensors(module, out, width)
        source = made.write_folder(folder / name, made.LLAMA_31_8B | {"quantization_config": method}, table)
        show(name, source, parse_safetensors_metadata(headers_of(source)))
    for kind in ("Q8_0", "IQ2_XXS"):
        table = {
            name: (shape, kind if stored == "Q8_0" and name.startswith("blk") else stored)
            for name, (shape, stored) in gguf_models.llama_table().items()
        }
        path = gguf_models.write(folder / f"{kind}.gguf", "llama", gguf_models.LLAMA_31_8B, table)
        with path.open("rb") as file:
            show(f"GGUF, {kind}", path, parse_gguf_metadata(file.read(8 << 20)))


def show(label: str, source: Path, other: object) -> None:
    """Print one row of the comparison."""
    found = open_model(source)
    assert found.parameters is not None and found.weights is not None
    count, size = other.param_count, other.bytes_count  # type: ignore[attr-defined]
    print(f"{label:<24} ropescope {found.parameters.total:>14,} {found.weights.n_bytes:>15,} bytes")
    print(f"{'':<24} hf-mem    {count:>14,} {size:>15,} bytes")


def main() -> None:
    """Make the files, then print times and numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        speed(Path(folder), given.runs)
        differences(Path(folder))


if __name__ == "__main__":
    main()
