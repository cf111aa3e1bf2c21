"""Marks of encoders that another holds: several encoders of the same inputs, or several blocks of inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Marks", "marks_left", "of_any", "of_blocks"]

Marks = Mapping[str, npt.NDArray[Any]]


def marks_left(encoder: Any) -> Marks:
    """What an encoder said of each input of its last call; empty where it said nothing."""
    return dict(getattr(encoder, "marks_", None) or {})


def of_any(marks: Sequence[Marks]) -> Marks:
    """What any of several encoders said of an input; of cosines the least."""
    found: dict[str, npt.NDArray[Any]] = {}
    for name in _names(marks):
        join = np.fmin if name == "cosine" else np.logical_or
        found[name] = join.reduce([one[name] for one in marks if name in one])
    return found


def of_blocks(marks: Sequence[Marks], rows: Sequence[int]) -> Marks:
    """What was said of blocks of so many inputs each, one after another."""
    return {
        name: np.concatenate([one.get(name, _nothing(name, n)) for one, n in zip(marks, rows, strict=True)])
        for name in _names(marks)
    }


def _names(marks: Sequence[Marks]) -> list[str]:
    return sorted({name for one in marks for name in one})


def _nothing(name: str, rows: int) -> npt.NDArray[Any]:
    return np.full(rows, np.nan, np.float32) if name == "cosine" else np.zeros(rows, bool)
