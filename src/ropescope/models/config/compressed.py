"""Attention over compressed entries (DeepSeek-V4): recent tokens as they are, older ones through one entry for many.

Every layer slides over the last tokens. A heavily compressed layer reads the rest through one entry for 128 tokens; a
compressed sparse layer through one for 4, of which an indexer picks some. The sizes follow transformers 5.23.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ropescope.errors import FormatError
from ropescope.models.config.fields import Fields, positive_int, short, whole_numbers

SPARSE, HEAVY = "compressed_sparse_attention", "heavily_compressed_attention"
RATES: Final[Mapping[str, int]] = {SPARSE: 4, HEAVY: 128}


def compression_rates(fields: Fields, n_layers: int) -> tuple[int | None, ...]:
    """For each layer, how many tokens one entry stands for; None where nothing is compressed. Raises FormatError."""
    if fields.model_type != "deepseek_v4":
        return (None,) * n_layers
    words, ratios = fields.stated("layer_types"), fields.config.get("compress_ratios")
    if isinstance(words, list | tuple):
        found = [compressed_rate(fields, word) if word in RATES else None for word in words[:n_layers]]
    elif ratios is not None:
        stated = whole_numbers(ratios, fields.label("compress_ratios"), most=1 << 20)
        found = [ratio or None for ratio in stated[:n_layers]]
    else:
        found = [compressed_rate(fields, HEAVY if index < 2 or index % 2 == 0 else SPARSE) for index in range(n_layers)]
    if len(found) < n_layers:
        raise FormatError(f"{fields.label('compress_ratios')} describes {len(found)} layers of {n_layers}: mend it.")
    return tuple(found)


def compressed_rate(fields: Fields, word: str) -> int:
    """How many tokens one entry of such a layer (`SPARSE` or `HEAVY`) stands for. Raises FormatError."""
    own = fields.config.get("compress_rate_csa" if word == SPARSE else "compress_rate_hca")
    rates = fields.config.get("compress_rates")
    if own is None and rates is not None:
        if not isinstance(rates, Mapping):
            raise FormatError(f"{fields.label('compress_rates')} is {short(rates)}: it must be an object.")
        own = rates.get(word)
    return RATES[word] if own is None else positive_int(own, f"{fields.label('compress_rates')}.{word}", 1 << 20)
