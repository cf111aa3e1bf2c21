"""Texts of any sequence, some thousands at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from causalkit.components import Context

__all__ = ["text_blocks", "texts_of"]

BLOCK = 8192
"""Texts at once: enough that a call costs nothing beside its work, few enough for their counts to be small."""


def texts_of(inputs: Sequence[Any], context: Context) -> Iterator[str]:
    """Each input as a str, a missing one as an empty one; raises `Interrupted` once cancelled."""
    for place, text in enumerate(inputs):
        if place % BLOCK == 0:
            context.check()
        yield "" if text is None else str(text)


def text_blocks(inputs: Sequence[Any], context: Context) -> Iterator[tuple[slice, list[str]]]:
    """Blocks of texts, and where in `inputs` each lies."""
    texts, start = texts_of(inputs, context), 0
    while block := list(islice(texts, BLOCK)):
        yield slice(start, start + len(block)), block
        start += len(block)
