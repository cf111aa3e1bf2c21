"""Effects of single pairs of user and item, where a whole matrix would be too much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from causalkit.types.effects import EffectFactors, Effects

__all__ = ["effects_at"]

Positions = npt.NDArray[np.int64]


def effects_at(
    effects: Effects, users: Sequence[Any], items: Sequence[Any], row: Positions, column: Positions
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int8]]:
    """Effect, stderr and level of each pair `users[row]`, `items[column]`.

    Falls back from pair to segment to item; NaN where none is known.
    """
    table = effects.item[["effect", "stderr"]].reindex(pd.Index(items)).to_numpy(float)[column]
    effect, stderr, level = table[:, 0].copy(), table[:, 1].copy(), np.zeros(len(row), np.int8)

    def lay(use: npt.NDArray[np.bool_], values: Any, errors: Any, at: int) -> None:
        effect[use], level[use] = values[use], at
        if errors is not None:
            stderr[use] = errors[use]

    if len(effects.segment):
        found = _by_segment(effects, users, items, row, column)
        lay(np.isfinite(found[:, 0]), found[:, 0], found[:, 1], 1)
    if effects.factors is not None:
        use, values = _by_factors(effects.factors, users, items, row, column)
        lay(use, values, None, 2)
    if len(effects.pair):
        pairs = _find(effects.pair, users, items, row, column)
        values = effects.pair[["effect", "stderr"]].to_numpy(float)[pairs]
        lay(pairs >= 0, values[:, 0], values[:, 1], 2)
    return effect, stderr, level


def _by_segment(effects: Effects, users: Sequence[Any], items: Sequence[Any], row: Positions, column: Positions) -> Any:
    """Effect and stderr of the pairs' segments, `[pairs, 2]`; NaN where there is none."""
    names, own = effects.segments.names, effects.segments.of_pair
    by_item = pd.Index(items).get_indexer(pd.Index(effects.segment["item"]))
    by_segment = names.get_indexer(effects.segment["segment"].astype(object))
    known = (by_item >= 0) & (by_segment >= 0)
    values = np.full((len(names) + 1, len(items), 2), np.nan)  # the last is nobody's
    values[by_segment[known], by_item[known]] = effects.segment[["effect", "stderr"]].to_numpy(float)[known]
    code = effects.segments.codes(users)[row]
    if len(own):
        pairs = _find(own, users, items, row, column)
        special = names.get_indexer(own["segment"].astype(object))
        code = np.where(pairs >= 0, special[pairs], code)
    return values[code, column]


def _by_factors(
    factors: EffectFactors, users: Sequence[Any], items: Sequence[Any], row: Positions, column: Positions
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Which pairs have vectors, and their inner products."""
    rows = factors.users.get_indexer(pd.Index(users))[row]
    columns = factors.items.get_indexer(pd.Index(items))[column]
    left, right = factors.user_vectors[rows], factors.item_vectors[columns]
    return (rows >= 0) & (columns >= 0), np.einsum("ij,ij->i", left, right, dtype=np.float64)


def _find(
    table: pd.DataFrame, users: Sequence[Any], items: Sequence[Any], row: Positions, column: Positions
) -> Positions:
    """The last row of a table with columns `user` and `item` that each pair has; -1 where none."""
    own_row = pd.Index(users).get_indexer(pd.Index(table["user"]))
    own_column = pd.Index(items).get_indexer(pd.Index(table["item"]))
    known = np.flatnonzero((own_row >= 0) & (own_column >= 0))
    if not len(known):
        return np.full(len(row), -1)
    keys = own_row[known].astype(np.int64) * len(items) + own_column[known]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    wanted = row.astype(np.int64) * len(items) + column
    at = np.searchsorted(keys, wanted, side="right") - 1
    return np.where((at >= 0) & (keys[at] == wanted), known[order][at], -1)
