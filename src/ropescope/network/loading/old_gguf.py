"""The tokenizer of a GGUF file as its metadata describe it, with a transformers that does not read them all.

Before it had a `GgufConfig`, transformers took the tokenizer of every Llama file for Code Llama's (five tokens too many),
and put a BOS before every text, whatever the file says of `add_bos_token`. Both change what a prompt is.
"""

from __future__ import annotations

from typing import Any

import transformers

NEEDED: bool = not hasattr(transformers, "GgufConfig")
"""Whether the installed transformers is such a one."""


def tokenizer_from_gguf(where: str, file: str, **arguments: Any) -> Any:
    """The tokenizer of `file` in the folder or repository `where`; `arguments` go to transformers."""
    from gguf import GGUFReader
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import cached_file

    reader = GGUFReader(cached_file(where, file, **arguments))
    said, kind = (reader.get_field(f"tokenizer.ggml.{name}") for name in ("add_bos_token", "model"))
    # What holds where a file does not say, as later versions of transformers and llama.cpp have it.
    adds_bos = bool(said.contents()) if said is not None else kind is not None and kind.contents() == "llama"
    return PreTrainedTokenizerFast.from_pretrained(where, gguf_file=file, add_bos_token=adds_bos, **arguments)
