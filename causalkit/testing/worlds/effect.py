"""Logs whose effects are planted, each breaking or keeping what an estimator may assume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from causalkit.types import Dataset, Embeddings, Estimand

__all__ = ["EFFECT_WORLDS", "EffectWorld", "effect_world"]


@dataclass(frozen=True)
class EffectWorld:
    """A log, what to read from it, and what is true of it.

    Parameters
    ----------
    name : how `effect_world` finds it.
    summary : one line: what is planted, and what is wrong with a naive reading of it.
    holds : the assumptions (names of `causalkit.assumptions.ASSUMPTIONS`) that hold in it.
    dataset : the log; `dataset.truth` holds the planted effects.
    estimand : what to read.
    effect : planted effect by item, in outcome units per row unit, of the rows that the estimand targets.
    embeddings : vectors of the items, where the world has text; else None.
    """

    name: str
    summary: str
    holds: frozenset[str]
    dataset: Dataset
    estimand: Estimand
    effect: pd.Series[float]
    embeddings: Embeddings | None = None


EFFECT_WORLDS: dict[str, Callable[[int], EffectWorld]] = {}
"""World name → what draws it from a seed."""


@lru_cache(maxsize=64)
def effect_world(name: str, seed: int = 0) -> EffectWorld:
    """The planted world of that name; the same seed draws the same rows."""
    return EFFECT_WORLDS[name](seed)
