"""llama.cpp's own rendering of a template, as its server does it, without a model: a file that holds a vocabulary and no weights
worth the name is enough for it to start, and nothing is generated.

What was tried: the bindings have no function that renders, and the server reads no template without a model; the package
`minja` of PyPI is another program than the one that llama.cpp once used.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_WIDTH: Final = 32
_TENSORS: Final = {
    "token_embd": 0, "output_norm": 1, "blk.0.attn_norm": 1, "blk.0.ffn_norm": 1, "blk.0.attn_q": 2, "blk.0.attn_k": 2,
    "blk.0.attn_v": 2, "blk.0.attn_output": 2, "blk.0.ffn_gate": 2, "blk.0.ffn_up": 2, "blk.0.ffn_down": 2,
}  # fmt: skip
"""Name → number of dimensions, each of the width; 0: one row a token."""


def apply_each(job: Mapping[str, Any], done: Callable[[dict[str, Any]], None]) -> None:
    """Render as `render_each` does, by llama.cpp. An outcome is {"text"}, {"failed"}, or {"fatal"} where it does not start."""
    import xllamacpp

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocabulary.gguf"
        path.write_bytes(_gguf(job["template"], job["tokens"]))
        given = xllamacpp.CommonParams()
        given.model.path, given.n_parallel, given.n_gpu_layers, given.n_ctx = str(path), 1, 0, 64
        given.warmup, given.use_jinja, given.prefill_assistant, given.verbosity = False, True, False, -1
        try:
            server = xllamacpp.Server(given)
        except RuntimeError as error:
            done({"fatal": "start", "why": str(error)[:400]})
            return
        for request in job["requests"]:
            done(_asked(f"{server.listening_address}/apply-template", request))


def _asked(address: str, request: Mapping[str, Any]) -> dict[str, Any]:
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, Request, build_opener

    body: dict[str, Any] = {
        "messages": [{key: value for key, value in one.items() if value is not None} for one in request["messages"]],
        "add_generation_prompt": bool(request["generation"]),
    }
    body |= {"tools": request["tools"]} if request.get("tools") else {}
    body |= {"chat_template_kwargs": request["more"]} if request.get("more") else {}
    sent = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:  # without a timeout: `isolated` ends what works or waits for too long
        with build_opener(ProxyHandler({})).open(sent) as answer:
            return {"text": json.load(answer)["prompt"]}
    except HTTPError as error:
        try:
            why = json.load(error)["error"]["message"]
        except (ValueError, KeyError, TypeError):
            why = str(error)
        return {"failed": " ".join(str(why).split())[:400]}
    except (URLError, ValueError, KeyError, TypeError) as error:
        return {"failed": f"{type(error).__name__}: {error}"[:400]}


def _gguf(template: str, tokens: Mapping[str, str]) -> bytes:
    """A Llama of one layer of zeros whose vocabulary is the special tokens and the 256 bytes, with the template."""
    named = [tokens.get(f"{name}_token", f"<no {name}>") for name in ("unk", "bos", "eos")]
    words = [word if word not in named[:place] else f"{word} " for place, word in enumerate(named)]
    words += [f"<0x{byte:02X}>" for byte in range(256)]
    keys = [
        _key("general.architecture", "llama"),
        *(
            _key(f"llama.{name}", number)
            for name, number in (
                ("context_length", 64), ("embedding_length", _WIDTH), ("block_count", 1), ("feed_forward_length", _WIDTH),
                ("attention.head_count", 1), ("attention.layer_norm_rms_epsilon", 1e-5),
            )
        ),
        _key("tokenizer.ggml.model", "llama"),
        _key("tokenizer.ggml.tokens", words),
        _key("tokenizer.ggml.scores", [0.0] * len(words)),
        _key("tokenizer.ggml.token_type", [2, 3, 3] + [6] * 256),
        _key("tokenizer.ggml.bos_token_id", 1),
        _key("tokenizer.ggml.eos_token_id", 2),
        _key("tokenizer.ggml.add_bos_token", False),
        _key("tokenizer.chat_template", template),
    ]  # fmt: skip
    table, offset = b"", 0
    for name, dimensions in _TENSORS.items():
        shape = (_WIDTH, len(words)) if not dimensions else (_WIDTH,) * dimensions
        size = 4 * _WIDTH * (shape[1] if len(shape) > 1 else 1)
        table += _text(f"{name}.weight") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
        offset += size
    head = b"GGUF" + struct.pack("<IQQ", 3, len(_TENSORS), len(keys)) + b"".join(keys) + table
    return head + bytes(-len(head) % 32 + offset)


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    return struct.pack("<Q", len(raw)) + raw


def _key(name: str, value: str | bool | int | float | Sequence[str | int | float]) -> bytes:
    kind, packed = _packed(value)
    return _text(name) + struct.pack("<I", kind) + packed


def _packed(value: Any) -> tuple[int, bytes]:
    """The type of a value by its number in GGUF, and its bytes."""
    if isinstance(value, str):
        return 8, _text(value)
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    kind = _packed(value[0])[0]
    signed = 5 if kind == 4 else kind  # the types of tokens are signed, and the same bytes
    return 9, struct.pack("<IQ", signed, len(value)) + b"".join(_packed(item)[1] for item in value)
