"""Whether exposed and unexposed rows of an item can be compared at all."""

from __future__ import annotations

import numpy as np

from ._batched import Floats, Ints

MOST_ALONE = 0.9
"""Share of an item's rows without a counterpart above which it has no estimate: half is chance where units are few."""


def alone(item: Ints, t: Floats, e: Floats, w: Floats, items: int) -> Floats:
    """Share `[items]` of rows without a counterpart: exposed ones whose propensity no unexposed row reaches, or
    unexposed ones whose propensity is below that of every exposed row. 0 where an item has no rows.
    """
    most, least = np.full(items, -np.inf), np.full(items, np.inf)
    exposed = t == 1
    np.maximum.at(most, item[~exposed], e[~exposed])
    np.minimum.at(least, item[exposed], e[exposed])
    lonely = np.where(exposed, e > most[item], e < least[item])
    rows = np.bincount(item, w, items)
    return np.bincount(item, w * lonely, items) / np.maximum(rows, 1e-300)
