"""What encoders are given, where it is more than a text or a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.types.embeddings import EmbeddingTable

__all__ = ["History", "Multimodal"]

Floats = npt.NDArray[np.float32]


def _none() -> Floats:
    return np.empty(0, np.float32)


@dataclass(frozen=True)
class Multimodal:
    """An item's text and the path of its image; either may be `""`, which is none."""

    text: str = ""
    image: str = ""


@dataclass(frozen=True)
class History:
    """What one user was shown and did in the rows that histories are made of, oldest first.

    Parameters
    ----------
    items : ids of the rows' items, `[n]`, of dtype object; an item may come more than once.
    exposed : treatment of each row, 0 or 1, float32 `[n]`.
    outcome : outcome of each row, in its own units, float32 `[n]`.
    age : periods between each row and the newest of those that histories are made of, float32 `[n]`; 0 throughout
        where rows have no time.
    signals : other logged behaviour (click, cart …) by column, each float32 `[n]`.
    weight : how many rows each stands for, float32 `[n]`; empty: each for itself.
    vectors : the items' vectors, the same object for all users; None where items are not encoded.

    The frame leaves out rows in which nothing happened: not exposed, no outcome, no signal.
    """

    items: npt.NDArray[Any]
    exposed: Floats = field(default_factory=_none)
    outcome: Floats = field(default_factory=_none)
    age: Floats = field(default_factory=_none)
    signals: Mapping[str, Floats] = field(default_factory=dict)
    vectors: EmbeddingTable | None = None
    weight: Floats = field(default_factory=_none)
