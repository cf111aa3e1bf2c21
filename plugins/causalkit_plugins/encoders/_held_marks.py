"""Marks of encoders that another holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Marks", "marks_left", "of_any"]

Marks = Mapping[str, npt.NDArray[Any]]


def marks_left(encoder: Any) -> Marks:
    """What an encoder said of each input of its last call; empty where it said nothing."""
    return dict(getattr(encoder, "marks_", None) or {})


def of_any(marks: Sequence[Marks]) -> Marks:
    """What any of several encoders said of an input; of cosines the least."""
    found: dict[str, npt.NDArray[Any]] = {}
    for name in sorted({name for one in marks for name in one}):
        join = np.fmin if name == "cosine" else np.logical_or
        found[name] = join.reduce([one[name] for one in marks if name in one])
    return found
