"""Inputs of any sequence, some thousands at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from causalkit.components import Context

__all__ = ["blocks", "text_of"]

BLOCK = 8192
"""Inputs at once: enough that a call costs nothing beside its work, few enough for what is made of them to be small."""


def blocks(inputs: Iterable[Any], context: Context) -> Iterator[tuple[slice, list[Any]]]:
    """Blocks of inputs, and the rows that each is; raises `Interrupted` once cancelled."""
    waiting, start = iter(inputs), 0
    while block := list(islice(waiting, BLOCK)):
        context.check()
        yield slice(start, start + len(block)), block
        start += len(block)


def text_of(one: Any) -> str:
    """An input as a text; a missing one is an empty one."""
    return "" if one is None else str(one)
