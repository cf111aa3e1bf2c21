"""Items whose text says something of their effects, and items whose text says nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

__all__ = ["TEXT_WORLDS", "TextWorld", "text_world"]


@dataclass(frozen=True)
class TextWorld:
    """Texts, and a number for each that they tell (`matters`) or that has nothing to do with them."""

    name: str
    summary: str
    matters: bool
    texts: tuple[str, ...]
    told: pd.Series[float]


TEXT_WORLDS: dict[str, Callable[[int], TextWorld]] = {}
"""World name → what draws it from a seed."""


@lru_cache(maxsize=64)
def text_world(name: str, seed: int = 0) -> TextWorld:
    """The planted world of that name; the same seed draws the same texts."""
    return TEXT_WORLDS[name](seed)
