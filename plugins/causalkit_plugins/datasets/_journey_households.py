"""Complete Journey's households: home store, segment, and what they bought before, all fixed in weeks 2 to 8."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit_plugins.datasets._journey_files import Purchases, read_columns

__all__ = ["ACTIVITIES", "BEFORE", "FIRST", "HISTORY", "INCOMES", "LAST", "SEGMENTS", "Households", "read_households"]

HISTORY = (2, 8)
"""Weeks that fix home store, segment and what was bought before; week 1 has two days."""
FIRST, LAST = 2, 52
"""Weeks that become rows; week 53 has six days."""
ACTIVITIES = ("few baskets", "some baskets", "many baskets")
INCOMES = ("income unknown", "income under 35K", "income 35-74K", "income 75K and over")
BEFORE = ("not bought before", "bought before")
SEGMENTS = tuple(f"{a}, {i}, {b}" for a in ACTIVITIES for i in INCOMES for b in BEFORE)
"""Every segment; position = (activity × 4 + income) × 2 + bought before."""

_BANDS = {"Under 15K": 1, "15-24K": 1, "25-34K": 1, "35-49K": 2, "50-74K": 2}
_HIGHEST_BAND = 3

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Households:
    """The households that have a home store.

    Parameters
    ----------
    ids : external ids.
    position : of each household of the log, here; -1 for one without a home store.
    stores : positions of home stores among the stores that report promotions.
    store : position of each household's home store in `stores`.
    group : activity × 4 + income, 0 to 11.
    past_household, past_item : pairs bought at least once in weeks 2 to 8.
    """

    ids: Longs
    position: Longs
    stores: Longs
    store: Longs
    group: Longs
    past_household: Longs
    past_item: Longs

    def table(self) -> pd.DataFrame:
        """Attributes by household id (text); `segment` is the one for items not bought before."""
        activity, income = np.divmod(self.group, len(INCOMES))
        columns = {
            "segment": pd.Categorical.from_codes(self.group * 2, SEGMENTS),
            "activity": pd.Categorical.from_codes(activity, ACTIVITIES, ordered=True),
            "income": pd.Categorical.from_codes(income, INCOMES),
        }
        return pd.DataFrame(columns, index=self.names)

    @property
    def names(self) -> pd.Index:
        """External ids as text."""
        return pd.Index([str(i) for i in self.ids.tolist()], name="household", dtype=object)

    def pairs(self, items: pd.Index) -> pd.DataFrame:
        """`user`, `item`, `segment` of pairs bought before."""
        return pd.DataFrame(
            {
                "user": pd.Categorical.from_codes(self.past_household, self.names),
                "item": pd.Categorical.from_codes(self.past_item, items),
                "segment": pd.Categorical.from_codes(self.group[self.past_household] * 2 + 1, SEGMENTS),
            }
        )


def read_households(folder: Path, purchases: Purchases, stores: Longs, items: int) -> Households:
    """Place every household at the store where it had most baskets in weeks 2 to 8.

    Only stores that report promotions count; ties go to the lowest store id. A household without a
    basket in one of them has no known exposure and is left out.
    """
    early = (purchases.week >= HISTORY[0]) & (purchases.week <= HISTORY[1])
    first = np.flatnonzero(early)[np.unique(purchases.basket[early], return_index=True)[1]]
    number = len(purchases.households)
    home = _home_stores(purchases.household[first], purchases.store[first], stores, number)
    kept = home >= 0
    position = np.where(kept, np.cumsum(kept) - 1, -1)
    used, store = np.unique(home[kept], return_inverse=True)
    baskets = np.bincount(purchases.household[first], minlength=number)[kept]
    ids = purchases.households[kept]
    tertile = np.searchsorted(np.quantile(baskets, [1 / 3, 2 / 3]), baskets, side="left") if len(ids) else baskets
    line = early & kept[purchases.household] & (purchases.item >= 0)
    pair = np.unique(position[purchases.household[line]] * items + purchases.item[line])
    group = (tertile * len(INCOMES) + _income_bands(folder, ids)).astype(np.int64)
    return Households(ids, position, used, store, group, pair // items, pair % items)


def _home_stores(household: Longs, store: Longs, stores: Longs, households: int) -> Longs:
    """Position in `stores` of each household's most visited one; -1 where there is none."""
    place = np.searchsorted(stores, store)
    known = (place < len(stores)) & (stores[np.minimum(place, len(stores) - 1)] == store)
    flat = household[known] * len(stores) + place[known]
    counts = np.bincount(flat, minlength=households * len(stores)).reshape(households, len(stores))
    return np.where(counts.max(1) > 0, counts.argmax(1), -1)


def _income_bands(folder: Path, ids: Longs) -> Longs:
    """Position in `INCOMES` of each household; 0 where nothing is known of it."""
    table = read_columns(folder, "demographics", ["household_id", "income"])
    bands = [0 if income is None else _BANDS.get(income, _HIGHEST_BAND) for income in table["income"].to_pylist()]
    known = pd.Series(bands, index=table["household_id"].to_numpy())
    return known.reindex(ids).fillna(0).to_numpy(np.int64)
