"""Write `src/ropescope/checks/serving/engines/engine_flags.json`: the flags each engine takes, read from the engine's own source.

Run it by hand after an engine's release, with the folder that holds the unpacked packages:

    pip download --no-deps vllm && unzip -q vllm-*.whl 'vllm/*.py' -d engines
    pip download --no-deps sglang && unzip -q sglang-*.whl 'sglang/*.py' -d engines
    pip download --no-deps --no-binary :all: llama-cpp-python && tar xzf llama_cpp_python-*.tar.gz -C engines
    python tests/checks/serving/engines/engine_flags_from_packages.py engines

Nothing of the engines is imported or run: the Python ones are read as syntax trees, llama.cpp's arg.cpp as text. Ollama
has no package to read: its entry is kept as it stands, from its documentation.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[4] / "src" / "ropescope" / "checks" / "serving" / "engines" / "engine_flags.json"


def llama_cpp(root: Path) -> dict[str, Any]:
    """The flags of llama-server in the llama.cpp that llama-cpp-python carries."""
    package = next(root.glob("llama_cpp_python-*"))
    source = package / "vendor" / "llama.cpp"
    text = (source / "common" / "arg.cpp").read_text(encoding="utf-8")
    commit = re.search(r"ggml-org/llama\.cpp@(\w+)", (package / "CHANGELOG.md").read_text(encoding="utf-8"))
    header = (source / "common" / "common.h").read_text(encoding="utf-8")
    types = re.search(r"kv_cache_types = \{(.*?)\};", text, re.DOTALL)
    assert commit and types
    return {
        "version": f"commit {commit.group(1)}",
        "source": f"common/arg.cpp as vendored by {package.name.replace('_', '-')}",
        "flags": sorted(set(_arg_cpp(text))),
        "convert_flags": sorted(_added(ast.parse((source / "convert_hf_to_gguf.py").read_text(encoding="utf-8")))),
        "kv_types": [name.lower() for name in re.findall(r"GGML_TYPE_(\w+)", types.group(1))],
        "defaults": {
            "ubatch_tokens": _number(header, r"n_ubatch\s*=\s*(\d+)"),
            "fit": "fit_params         = true" in header,
            "fit_margin_mib": _number(header, r"llama_max_devices\(\), (\d+) \* 1024\*1024\)"),
        },
        "windowed": sorted(
            path.stem for path in (source / "src" / "models").glob("*.cpp")
            if re.search(r"hparams\.swa_type\s*=\s*LLAMA_SWA_TYPE_(STANDARD|CHUNKED)", path.read_text(encoding="utf-8"))
        ),
    }  # fmt: skip


def _arg_cpp(text: str) -> Iterator[str]:
    for option in text.split("add_opt(common_arg(")[1:]:
        examples = re.search(r"set_examples\(\{(.*?)\}\)", option, re.DOTALL)
        if examples and not re.search(r"LLAMA_EXAMPLE_(SERVER|COMMON)", examples.group(1)):
            continue
        if (without := re.search(r"set_excludes\(\{(.*?)\}\)", option, re.DOTALL)) and "SERVER" in without.group(1):
            continue
        head = re.match(r"(?:\s*//[^\n]*\n)*\s*(\{[^}]*\})(?:,\s*(\{[^}]*\}))?", option)
        assert head, option[:80]
        # A second brace holds the negated names; "{none,layer,…}" is the value's description, in quotes.
        yield from re.findall(r'"(--?[A-Za-z][\w.-]*)"', "".join(filter(None, head.groups())))


def vllm(root: Path) -> dict[str, Any]:
    """The flags of `vllm serve`: the engine's arguments."""
    source = root / "vllm"
    cache = (source / "config" / "cache.py").read_text(encoding="utf-8")
    arguments = ast.parse((source / "engine" / "arg_utils.py").read_text(encoding="utf-8"))
    serve = ast.parse((source / "entrypoints" / "common" / "cli_args.py").read_text(encoding="utf-8"))
    methods = _literal(source / "model_executor" / "layers" / "quantization" / "__init__.py", "QuantizationMethods")
    return {
        "version": _version(source),
        "source": f"vllm/engine/arg_utils.py of the package vllm {_version(source)}",
        "flags": sorted(_added(arguments) | (_added(serve) & {"--headless"})),
        "kv_types": _literal(source / "config" / "cache.py", "CacheDType"),
        "quantization": methods,
        "defaults": {
            "gpu_memory_utilization": float(_found(cache, r"gpu_memory_utilization: float = Field\(default=([\d.]+)")),
            "block_tokens": _number(cache, r"DEFAULT_BLOCK_SIZE: ClassVar\[int\] = (\d+)"),
        },
    }


def sglang(root: Path) -> dict[str, Any]:
    """The flags of `python -m sglang.launch_server`."""
    source = root / "sglang"
    flags: set[str] = set()
    kv_types: list[str] = []
    for path in sorted((source / "srt" / "arg_groups" / "fields").glob("*.py")):
        for name, annotation in _fields(ast.parse(path.read_text(encoding="utf-8"))):
            words = {word.arg: word.value for call in _calls(annotation, "Arg") for word in call.keywords}
            if "no_cli" in words:
                continue
            flags.add(_text(words["cli_name"]) if "cli_name" in words else "--" + name.replace("_", "-"))
            flags.update(_texts(words.get("aliases")))
            if name == "kv_cache_dtype":
                kv_types = _texts(words["choices"])
    flags |= _added(ast.parse((source / "srt" / "server_args.py").read_text(encoding="utf-8")))
    schedule = (source / "srt" / "arg_groups" / "fields" / "schedule.py").read_text(encoding="utf-8")
    return {
        "version": _version(source),
        "source": f"sglang/srt/arg_groups/fields of the package sglang {_version(source)}",
        "flags": sorted(flags),
        "kv_types": kv_types,
        "quantization": _assigned(source / "srt" / "arg_groups" / "choices.py", "QUANTIZATION_CHOICES"),
        "defaults": {"swa_full_tokens_ratio": float(_found(schedule, r"fallback=([\d.]+)"))},
    }


def transformers() -> dict[str, Any]:
    """The version of transformers that the snippet was tried with; it takes keyword arguments, not flags."""
    from importlib.metadata import version

    return {"version": version("transformers"), "source": "the package transformers, run by the tests", "flags": []}


def _fields(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for entry in node.body:
                annotated = isinstance(entry, ast.AnnAssign) and isinstance(entry.annotation, ast.Subscript)
                if annotated and isinstance(entry.target, ast.Name) and ast.unparse(entry.annotation.value) == "A":
                    yield entry.target.id, entry.annotation


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
            yield node


def _added(tree: ast.AST) -> set[str]:
    words = (word for call in _calls(tree, "add_argument") for word in call.args if isinstance(word, ast.Constant))
    return {word.value for word in words if isinstance(word.value, str) and word.value.startswith("-")}


def _text(node: ast.expr) -> str:
    assert isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value


def _texts(node: ast.expr | None) -> list[str]:
    return [] if node is None else [str(word) for word in ast.literal_eval(node)]


def _literal(path: Path, name: str) -> list[str]:
    text = _found(path.read_text(encoding="utf-8"), rf"{name} = Literal\[(.*?)\]", re.DOTALL)
    return re.findall(r'"([^"]+)"', text)


def _assigned(path: Path, name: str) -> list[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return _texts(node.value)
    raise LookupError(f"{path} assigns no {name}")


def _found(text: str, pattern: str, flags: int = 0) -> str:
    match = re.search(pattern, text, flags)
    assert match, pattern
    return match.group(1)


def _number(text: str, pattern: str) -> int:
    return int(_found(text, pattern))


def _version(source: Path) -> str:
    return _found((source / "_version.py").read_text(encoding="utf-8"), r"version = ['\"]([^'\"]+)")


def main(root: Path) -> None:
    """Read the packages under `root` and write the table."""
    kept = json.loads(TABLE.read_text(encoding="utf-8"))["ollama"]
    table = {
        "llama.cpp": llama_cpp(root), "ollama": kept, "vllm": vllm(root), "sglang": sglang(root),
        "transformers": transformers(),
    }  # fmt: skip
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
