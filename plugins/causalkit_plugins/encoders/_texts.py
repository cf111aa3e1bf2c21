"""What encoders of texts share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.components import Context

__all__ = ["blocks", "distinct", "normalised", "text_of", "without_model"]

Floats = npt.NDArray[np.float32]
_BLOCK = 8192
"""Inputs at once: enough that a call costs nothing beside its work, few enough for what is made of them to be small."""


def text_of(one: Any) -> str:
    """An input as a text; a missing one is an empty one."""
    return "" if one is None else str(one)


def distinct(texts: Iterable[Any]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Each text that comes, once, in order; and for each of `texts` its place there."""
    place: dict[str, int] = {}
    at = [place.setdefault(text_of(one), len(place)) for one in texts]
    return list(place), np.asarray(at, np.int64)


def blocks(inputs: Iterable[Any], context: Context) -> Iterator[tuple[slice, list[Any]]]:
    """Blocks of any inputs, and the rows that each is; raises `Interrupted` once cancelled."""
    waiting, start = iter(inputs), 0
    while block := list(islice(waiting, _BLOCK)):
        context.check()
        yield slice(start, start + len(block)), block
        start += len(block)


def normalised(vectors: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays."""
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(size > 0, size, 1), np.float32)


def without_model(encoder: Any) -> dict[str, Any]:
    """What of an encoder goes to another process: all but the loaded model, which is loaded there again."""
    return {name: value for name, value in vars(encoder).items() if not name.startswith("_loaded")}
