"""A fixed plan of batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["longest_first", "plan", "tokens_for"]

BATCH_TOKENS = 512
"""Padded tokens per batch: the plan depends on the texts alone, so that a run can be repeated. What a layer makes of
so many stays in a CPU's caches, and calling the layers costs next to nothing beside computing them."""
BATCH_TOKENS_GPU = 16384
"""The same on a GPU, which has more to fill."""


def tokens_for(device: str) -> int:
    """Padded tokens per batch there."""
    return BATCH_TOKENS if device == "cpu" else BATCH_TOKENS_GPU


def longest_first(lengths: Sequence[int]) -> list[int]:
    """Places in the order that `plan` takes; of one length, the first first."""
    return sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))


def plan(lengths: Sequence[int], tokens: int) -> Iterator[tuple[int, int]]:
    """Bounds of runs of texts, longest first, that fill `tokens` when padded."""
    start = 0
    while start < len(lengths):
        stop = start + max(1, tokens // lengths[start])
        yield start, min(stop, len(lengths))
        start = stop
