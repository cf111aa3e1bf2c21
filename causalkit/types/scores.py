"""Scores of users × items, before the frame takes the top of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Scores"]


@dataclass(frozen=True)
class Scores:
    """`values[i, j]` scores `items[j]` for `users[i]`; NaN means "do not recommend"."""

    users: Sequence[Any]
    items: Sequence[Any]
    values: npt.NDArray[np.floating[Any]]
