"""What transformers does with a GGUF file, done once and in long strides: equal to the bit to what it would do by itself.

transformers parses the metadata of a file for the config, for the weights and for the tokenizer, string by string through
numpy; the `gguf` package dequantises sixteen rows at a time. Both work on a few bytes a call, and cost most of a load.
"""

from __future__ import annotations

import functools
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_WEIGHTS_A_STRIDE = 1 << 18
"""Weights that are dequantised together: enough for numpy, few enough for the second-level cache."""

_loading = threading.RLock()


@contextmanager
def gguf_read_fast() -> Iterator[None]:
    """Within the context (one thread at a time) `gguf` and transformers read GGUF files by the routines of this file."""
    try:
        import gguf
    except ImportError:
        yield  # transformers says what is missing, where a GGUF file is asked for
        return
    from transformers import modeling_gguf_pytorch_utils as loading

    with _loading, ExitStack() as stack:

        def replace(module: Any, name: str, make: Callable[[Any], Any]) -> bool:
            before = getattr(module, name, None)
            if before is not None:
                setattr(module, name, make(before))
                stack.callback(setattr, module, name, before)
            return before is not None

        parsed = replace(loading, "_gguf_parse_value", _unless_parsed)
        reader = _reader(gguf) if parsed else gguf.GGUFReader
        replace(gguf, "GGUFReader", lambda _: functools.cache(reader))
        replace(gguf, "get_tensor_name_map", functools.cache)
        replace(gguf, "dequantize", _in_strides)
        try:
            from transformers.integrations.gguf import reader as own_reader
        except ImportError:
            pass  # it came with transformers 5.20
        else:
            replace(own_reader, "_mapped", _without_subclass)
        yield


def _reader(gguf: Any) -> Any:
    """A GGUFReader that hands out the elements of an array as Python's own values, read in one walk."""
    import numpy as np

    kinds = gguf.GGUFValueType

    class Reader(gguf.GGUFReader):  # type: ignore[misc]  # the package has no types
        data: Any

        def _get(self, offset: int, dtype: Any, count: Any = 1, override_order: Any = None) -> Any:
            if type(self.data) is not np.ndarray:
                self.data = self.data.view(np.ndarray)  # a slice of a memmap costs twenty of an array
            return super()._get(offset, dtype, count, override_order)

        def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
            if raw_type != kinds.ARRAY or self.byte_order != "I" or self.endianess != gguf.GGUFEndian.LITTLE:
                return super()._get_field_parts(orig_offs, raw_type)
            head = self._get(orig_offs, np.uint32), self._get(orig_offs + 4, np.uint64)
            kind, count, start = kinds(int(head[0][0])), int(head[1][0]), orig_offs + 12
            if kind == kinds.STRING:
                values, end = _strings(memoryview(self.data), start, count)
            elif kind in self.gguf_scalar_to_np:
                found = self._get(start, self.gguf_scalar_to_np[kind], count)
                if len(found) != count:
                    raise ValueError("The header is cut short.")
                values, end = found.tolist(), start + found.nbytes
            else:
                return super()._get_field_parts(orig_offs, raw_type)
            types = [kinds.ARRAY, kind] if count else [kinds.ARRAY]
            return end - orig_offs, [*head, *values], list(range(2, 2 + count)), types

    return Reader


def _strings(data: memoryview, position: int, count: int) -> tuple[list[str], int]:
    """`count` strings from `position` on, and where they end. Raises ValueError where the file ends before."""
    length_at = struct.Struct("<Q").unpack_from
    found, size = [], len(data)
    for _ in range(count):
        if position + 8 > size:
            raise ValueError("The header is cut short.")
        first = position + 8
        position = first + length_at(data, position)[0]
        if position > size:
            raise ValueError("The header is cut short.")
        found.append(str(data[first:position], "utf-8"))
    return found, position


def _unless_parsed(parse: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def parsed(value: Any, types: Any) -> Any:
        return value if isinstance(value, str | int | float) else parse(value, types)

    return parsed


def _in_strides(dequantize: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`gguf.dequantize` by the same block routines of that package, on many blocks a call."""
    import numpy as np
    from gguf import quants

    def in_strides(data: Any, kind: Any) -> Any:
        routine = getattr(quants, "_type_traits", {}).get(kind)
        if routine is None or not isinstance(data, np.ndarray):
            return dequantize(data, kind)
        routine.init_grid()
        blocks = np.ascontiguousarray(data).view(np.uint8).reshape(-1, routine.type_size)
        weights = np.empty((len(blocks), routine.block_size), np.float32)
        stride = max(1, _WEIGHTS_A_STRIDE // routine.block_size)
        for first in range(0, len(blocks), stride):
            weights[first : first + stride] = routine.dequantize_blocks(blocks[first : first + stride])
        return weights.reshape(quants.quant_shape_from_byte_shape(data.view(np.uint8).shape, kind))

    return in_strides


def _without_subclass(mapped: Callable[[str], Any]) -> Callable[[str], Any]:
    """The mapped file as an array of numpy's base class, whose slices are cheap."""
    import numpy as np

    return functools.cache(lambda path: mapped(path).view(np.ndarray))
