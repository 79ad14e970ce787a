"""One of several processes that share a benchmark's pieces: `--shard 0/2` and `--shard 1/2`."""

from __future__ import annotations

import argparse


def add_shard(parser: argparse.ArgumentParser) -> None:
    """Let `parser` take --shard, as (which, of how many)."""
    parser.add_argument("--shard", type=_shard_of, default=(0, 1), metavar="I/N")


def _shard_of(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and int(index) < int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard: write 0/2 and 1/2")
    return int(index), int(count)
