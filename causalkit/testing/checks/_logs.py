"""A small log with everything that a component may ask for, drawn with numpy alone; what the checks of protocol use.

Twenty weeks of some thirty users in three segments, and nine items: six that can be compared, one that is never shown,
one that always is, and one without rows. Exposure is decided by item and week. There are a price (it moves exposure and
outcome), a user's taste and region, a declared instrument, the logged propensity, exposure elsewhere, and an outcome
from before exposure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from causalkit.types import Column, Dataset, Embeddings, EmbeddingTable, Estimand, Schema, Table, Truth

__all__ = ["ALWAYS", "COMPARABLE", "EMPTY", "NEVER", "Case", "log"]

COMPARABLE = tuple(f"item-{k}" for k in range(6))
NEVER, ALWAYS, EMPTY = "item-6", "item-7", "item-8"
_USERS, _AT_ONCE = 30, 6

_COLUMNS = (
    Column("user", "user", "categorical", description="the customer"),
    Column("segment", "segment", "categorical", description="the customer's segment"),
    Column("item", "item", "categorical", description="the product"),
    Column("week", "time", "time", description="the week"),
    Column("shown", "treatment", "binary", description="shown that week"),
    Column("bought", "outcome", "binary", description="bought that week"),
    Column("opened", "signal", "binary", description="opened its page"),
    Column("price", "covariate", description="the price"),
    Column("taste", "covariate", description="how much the customer buys"),
    Column("region", "covariate", "categorical", description="where the customer lives"),
    Column("nudged", "instrument", "binary", description="a coin that moves exposure"),
    Column("chance", "propensity", description="the probability with which it was shown"),
    Column("shown_elsewhere", "placebo-exposure", "binary", description="shown where the customer does not go"),
    Column("bought_before", "negative-outcome", "binary", description="bought the week before"),
)


@dataclass(frozen=True)
class Case:
    """A log and what to read from it."""

    dataset: Dataset
    estimand: Estimand
    embeddings: Embeddings

    @property
    def rows(self) -> pd.DataFrame:
        """The rows, a copy."""
        return self.dataset.interactions.frame().copy()

    def copied(self) -> Case:
        """The same in memory of its own, since what is checked may write where it should not."""
        data, vectors = self.dataset, self.embeddings
        frames = replace(data, interactions=Table(self.rows), items=data.items.copy(), users=data.users.copy())
        tables = (replace(table, vectors=table.vectors.copy()) for table in (vectors.item, vectors.user) if table)
        return replace(self, dataset=frames, embeddings=Embeddings(*tables))

    def with_rows(self, rows: pd.DataFrame, *columns: Column) -> Case:
        """The same with other rows; `columns` join the schema."""
        schema = self.dataset.schema.with_columns(columns)
        return replace(self, dataset=replace(self.dataset, interactions=Table(rows), schema=schema))

    def of_items(self, items: Sequence[Any]) -> Case:
        """The same with some items alone, in that order."""
        rows = self.rows
        kept = replace(self.dataset, items=self.dataset.items.loc[list(items)])
        return replace(self, dataset=kept).with_rows(rows[rows["item"].isin(list(items))])

    def without_units(self) -> Case:
        """The same as if rows were independent."""
        schema = replace(self.dataset.schema, assignment=())
        return replace(self, dataset=replace(self.dataset, schema=schema), estimand=replace(self.estimand, unit=()))

    def without(self, *roles: str) -> Case:
        """The same without the columns of some roles."""
        columns = self.dataset.schema.columns
        gone = [column.name for column in columns if column.role in roles]
        kept = tuple(column for column in columns if column.name not in gone)
        unit = tuple(name for name in self.dataset.schema.assignment if name not in gone)
        schema = replace(self.dataset.schema, columns=kept, assignment=unit)
        dataset = replace(self.dataset, schema=schema, interactions=Table(self.rows.drop(columns=gone)))
        return replace(self, dataset=dataset, estimand=replace(self.estimand, unit=unit))


def log(seed: int = 0, *, effect: float = 0.2, follow: float = 0.8, demand: float = 0.0) -> Case:
    """A log drawn from `seed`, a copy for whoever asks.

    Parameters
    ----------
    effect : mean effect of exposure.
    follow : how strongly exposure goes by the price; 0 is a coin.
    demand : how strongly a hidden demand, slow in time, moves exposure here and elsewhere and the outcome.
    """
    return _drawn(seed, effect, follow, demand).copied()


@lru_cache(maxsize=32)
def _drawn(seed: int, effect: float, follow: float, demand: float) -> Case:
    rng = np.random.default_rng([seed, 20])
    items, weeks = 8, 20
    effects = effect * (1 + 0.3 * rng.normal(size=items))
    price, slow = rng.normal(size=(items, weeks)), _slow(rng, items, weeks)
    nudged = rng.random((items, weeks)) < 0.5
    chance = _sigmoid(-0.1 + follow * price + (0.8 if follow else 0.0) * (nudged - 0.5) + 3 * demand * slow)
    shown = rng.random((items, weeks)) < chance
    elsewhere = rng.random((items, weeks)) < _sigmoid(-0.2 + 3 * demand * slow)
    shown[6], shown[7], chance[6], chance[7] = False, True, 0, 1
    user = np.concatenate([rng.choice(_USERS, _AT_ONCE, replace=False) for _ in range(items * weeks)])
    item = np.repeat(np.arange(items), weeks * _AT_ONCE)
    week = np.tile(np.repeat(np.arange(weeks), _AT_ONCE), items)
    taste, region = rng.normal(size=_USERS), rng.integers(0, 3, _USERS)
    mean = 0.35 + 0.05 * price[item, week] + 0.05 * taste[user] + 0.15 * demand * slow[item, week]
    mean = mean + effects[item] * shown[item, week] * (1 + 0.2 * taste[user])
    bought = rng.random(len(item)) < np.clip(mean, 0.02, 0.98)
    opened = rng.random(len(item)) < 0.2 + 0.3 * shown[item, week]
    before = rng.random(len(item)) < np.clip(0.35 + 0.05 * taste[user] + 0.15 * demand * slow[item, week], 0.02, 0.98)
    users, names = pd.Index([f"user-{k:02d}" for k in range(_USERS)]), pd.Index([*COMPARABLE, NEVER, ALWAYS, EMPTY])
    segments = pd.Index(["east", "north", "west"])
    values = {
        "user": pd.Categorical.from_codes(user, users),
        "segment": pd.Categorical.from_codes(user % 3, segments),
        "item": pd.Categorical.from_codes(item, names),
        "week": week,
        "shown": shown[item, week].astype(np.int8),
        "bought": bought.astype(np.int8),
        "opened": opened.astype(np.int8),
        "price": price[item, week],
        "taste": taste[user],
        "region": pd.Categorical.from_codes(region[user], ["a", "b", "c"]),
        "nudged": nudged[item, week].astype(np.int8),
        "chance": np.clip(chance[item, week], 0.02, 0.98),
        "shown_elsewhere": elsewhere[item, week].astype(np.int8),
        "bought_before": before.astype(np.int8),
    }
    rows = pd.DataFrame(values).iloc[rng.permutation(len(item))].reset_index(drop=True)
    schema = Schema(_COLUMNS, assignment=("item", "week"))
    about = pd.DataFrame({"title": [f"thing number {k}" for k in range(len(names))]}, index=names)
    of_user = pd.DataFrame({"segment": np.asarray(segments)[np.arange(_USERS) % 3], "taste": taste}, index=users)
    truth = Truth(item=pd.Series(np.append(effects, np.nan), names))
    dataset = Dataset(Table(rows), schema, about, of_user, truth=truth, name="a log of the kit")
    estimand = Estimand(
        "shown", "bought", unit=schema.assignment, adjustment=("price", "taste", "region"), instruments=("nudged",)
    )
    return Case(dataset, estimand, _embeddings(rng, names, users))


def _slow(rng: np.random.Generator, items: int, weeks: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A stationary walk of unit variance for each item, weeks `k` apart correlated by `.85 ** k`."""
    walk = np.empty((items, weeks))
    walk[:, 0] = rng.normal(size=items)
    for week in range(1, weeks):
        walk[:, week] = 0.85 * walk[:, week - 1] + (1 - 0.85**2) ** 0.5 * rng.normal(size=items)
    return walk


def _embeddings(rng: np.random.Generator, items: pd.Index[Any], users: pd.Index[Any]) -> Embeddings:
    return Embeddings(
        *(EmbeddingTable(ids, rng.normal(size=(len(ids), 4)).astype(np.float32), "kit") for ids in (items, users))
    )


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))
