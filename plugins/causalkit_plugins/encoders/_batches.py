"""A fixed plan of batches, and how they are run beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from causalkit_plugins.encoders._devices import Replica, spread

__all__ = ["plan", "side_by_side", "tokens_for"]

BATCH_TOKENS = 512
"""Padded tokens per batch: the plan depends on the texts alone, so that a run can be repeated. What a layer makes of
so many stays in a CPU's caches, and calling the layers costs next to nothing beside computing them."""
BATCH_TOKENS_GPU = 16384
"""The same on a GPU, which has more to fill."""


def tokens_for(device: str) -> int:
    """Padded tokens per batch there."""
    return BATCH_TOKENS if device == "cpu" else BATCH_TOKENS_GPU


def plan(lengths: Sequence[int], tokens: int | None = None) -> Iterator[tuple[int, int]]:
    """Bounds of runs of texts, longest first, that fill `tokens` (`BATCH_TOKENS`) when padded."""
    most = BATCH_TOKENS if tokens is None else tokens
    start = 0
    while start < len(lengths):
        stop = start + max(1, most // lengths[start])
        yield start, min(stop, len(lengths))
        start = stop


@contextmanager
def side_by_side(device: str) -> Iterator[Callable[..., Iterable[Any]]]:
    """A `map` that runs as many parts at once as `spread` does on a CPU; on a GPU one, and reads no further."""
    if device != "cpu":
        yield map
        return
    with spread([Replica(None, device)]) as run:
        yield lambda function, parts: run(lambda _, part: function(part), parts)
