"""A random order: the floor that any ranker must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from causalkit.components import Context, component
from causalkit.types import Dataset, Effects, Embeddings, Scores

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


@component
class Random:
    """Scores in [0, 1) that depend on the seed, the user and the item alone, each pair its own.

    So it does not matter which users are scored together. Pairs are mixed by SplitMix64's finaliser
    (Steele, Lea & Flood 2014).
    """

    needs_rows: ClassVar[bool] = False

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Random:
        """Take the seed; nothing is learned."""
        self.seed_ = context.seed("random ranker")
        return self

    def scores(self, users: Sequence[Any], items: Sequence[Any], *, context: Context = Context()) -> Scores:
        """Random scores, `[users, items]`."""
        with np.errstate(over="ignore"):
            mixed = _hashed(users)[:, None] * _GAMMA + _hashed(items)[None, :] + np.uint64(self.seed_) * _GAMMA
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
        return Scores(users, items, (mixed >> np.uint64(11)).astype(float) / 2.0**53)


def _hashed(ids: Sequence[Any]) -> Any:
    return pd.util.hash_array(np.array([str(value) for value in ids], object))
