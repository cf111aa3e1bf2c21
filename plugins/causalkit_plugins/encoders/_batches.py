"""A fixed plan of batches, and how they are run beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

__all__ = ["plan", "side_by_side"]

Floats = npt.NDArray[np.float32]

BATCH_TOKENS = 2048
"""Padded tokens per batch: the plan depends on the texts alone, so that a run can be repeated."""


def plan(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Bounds of runs of texts, longest first, that fill `BATCH_TOKENS` when padded."""
    start = 0
    while start < len(lengths):
        stop = start + max(1, BATCH_TOKENS // lengths[start])
        yield start, min(stop, len(lengths))
        start = stop


@contextmanager
def side_by_side(device: str) -> Iterator[Callable[..., Iterable[Floats]]]:
    """A `map` that runs as many batches at once as torch has threads, each on one thread.

    As fast as one batch on all threads where the machine is free, several times faster where it is
    not (threads that share a batch wait for each other), and the same to the last bit.
    """
    import torch

    threads = torch.get_num_threads()
    if device != "cpu" or threads == 1:
        yield map
        return
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
