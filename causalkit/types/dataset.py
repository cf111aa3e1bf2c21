"""A log: rows of who was shown what and what happened, the items, the users, and the schema."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.types.graph import CausalGraph
from causalkit.types.schema import Column, Schema
from causalkit.types.table import Table

__all__ = ["Dataset", "PairTruth", "Propensities", "Split", "Truth"]

_SEEN = "[^\\s\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]"
"""A character that shows: neither white space, nor a control, nor of no width."""


@dataclass(frozen=True)
class PairTruth:
    """Planted effects of every user × item: `values[i, j]` is user i's effect of item j."""

    users: pd.Index
    items: pd.Index
    values: npt.NDArray[np.float32]

    def at(self, users: Sequence[Any], items: Sequence[Any]) -> npt.NDArray[np.float32]:
        """Effects of `users` × `items`; NaN where one is unknown."""
        rows, columns = self.users.get_indexer(pd.Index(users)), self.items.get_indexer(pd.Index(items))
        found = self.values[np.ix_(rows, columns)].copy()
        found[rows < 0, :] = np.nan
        found[:, columns < 0] = np.nan
        return found


@dataclass(frozen=True)
class Truth:
    """What was planted in a simulated log; metrics may score against it, fitting never sees it.

    `item` is indexed by item; `segment` by (item, segment); effects in outcome units per row unit.
    """

    graph: CausalGraph | None = None
    item: pd.Series[float] | None = None
    segment: pd.Series[float] | None = None
    pair: PairTruth | None = None


@dataclass(frozen=True)
class Propensities:
    """P(exposed) per row, in (0, 1), and how it was had: logged, or estimated by what."""

    values: npt.NDArray[np.float64]
    how: str


@dataclass(frozen=True)
class Split:
    """Which rows are for what: the values of one column, by part.

    Parameters
    ----------
    rule : in words, for the report.
    column : the column whose values decide (a period, or a fold that preparation added).
    parts : part name → values of `column`. The frame's parts are `discover`, `training`,
        `validation`, `test` and `transport` (later rows, a check that is never tuned on).
    """

    rule: str
    column: str
    parts: Mapping[str, tuple[Any, ...]]

    def values(self, *names: str) -> tuple[Any, ...]:
        """The column's values of some parts together; a part that is not there has none."""
        return tuple(value for name in names for value in self.parts.get(name, ()))

    def take(self, dataset: Dataset, *names: str) -> Dataset:
        """The rows of some parts; items and users stay whole."""
        return replace(dataset, interactions=dataset.interactions.only(self.column, self.values(*names)))


@dataclass(frozen=True)
class Dataset:
    """A log and what is known about its columns, items and users.

    Parameters
    ----------
    interactions : a row for a user or segment, an item, treatment 0/1 and outcome; `weight` is a
        frequency. Item, user and segment columns are pandas categoricals of external ids.
    schema : what each column is.
    items : item attributes, indexed by item id; every item of the log is in it.
    users : user attributes, indexed by user id; with a `segment` column where rows are segments.
    pair_segment : user, item, segment: where a user belongs, for one item, to another segment than
        the one in `users` (such as "bought it before"). Rows of interactions know segments only.
    truth : what was planted, in a simulated log.
    name : for reports.
    notes : what was counted, dropped or assumed on the way in.
    """

    interactions: Table
    schema: Schema
    items: pd.DataFrame
    users: pd.DataFrame = field(default_factory=pd.DataFrame)
    pair_segment: pd.DataFrame | None = None
    truth: Truth | None = None
    name: str = "log"
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        size = f"{len(self.interactions):,} rows, {len(self.items):,} items, {len(self.users):,} users"
        return f"Dataset({self.name}: {size}, {len(self.schema.columns)} columns; see .schema)"

    @cached_property
    def item(self) -> str:
        """Name of the item column."""
        return self.schema.need("item", "a dataset")

    @cached_property
    def treatment(self) -> str:
        """Name of the treatment column (0/1)."""
        return self.schema.need("treatment", "a causal step")

    @cached_property
    def outcome(self) -> str:
        """Name of the outcome column."""
        return self.schema.need("outcome", "a causal step")

    @cached_property
    def weight(self) -> str | None:
        """Name of the frequency-weight column, or None: each row counts once."""
        return self.schema.find("weight")

    @cached_property
    def period(self) -> str | None:
        """Name of the column that orders rows in time, or None."""
        return self.schema.find("time")

    @cached_property
    def segment(self) -> str | None:
        """Name of the segment column, or None."""
        return self.schema.find("segment")

    @cached_property
    def user(self) -> str | None:
        """Name of the user column, or None where rows are segments."""
        return self.schema.find("user")

    def user_ids(self) -> list[Any]:
        """Every user: of the users table, else of the rows."""
        if len(self.users):
            return list(self.users.index)
        if self.user is None:
            return []
        return sorted(self.interactions.distinct(self.user), key=str)

    @cached_property
    def unit(self) -> tuple[str, ...]:
        """What is taken as independent: the declared cluster, else the assignment unit; empty: each row."""
        cluster = self.schema.find("cluster")
        return (cluster,) if cluster else self.schema.assignment

    @cached_property
    def unit_within_item(self) -> tuple[str, ...]:
        """The columns of `unit` other than the item: with the item, what errors are clustered by."""
        return tuple(name for name in self.unit if name != self.item)

    def weights(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Each row's frequency weight; ones where the log has none."""
        return np.ones(len(rows)) if self.weight is None else rows[self.weight].to_numpy(np.float64)

    def with_columns(self, columns: Sequence[Column], **values: npt.ArrayLike) -> Dataset:
        """The dataset with columns added to rows and schema."""
        return replace(
            self, interactions=self.interactions.with_columns(**values), schema=self.schema.with_columns(columns)
        )

    def item_texts(self) -> pd.Series[str]:
        """One text per item: the text columns of `items` that the schema names, joined; else its id."""
        named = self.schema.of_kind("text", self.items)
        if not named:
            return pd.Series(self.items.index.astype(str), index=self.items.index)
        return _joined(self.items[named])

    def user_texts(self) -> pd.Series[str]:
        """One text per user: the text columns of `users` that the schema names, joined; empty where there is none."""
        return _joined(self.users[self.schema.of_kind("text", self.users)])

    def item_labels(self) -> pd.Series[str]:
        """What each item is called: its `label`, `title` or `name` in the items table, else its id.

        A name that several items share is followed by the id.
        """
        ids = pd.Series(self.items.index.astype(str), index=self.items.index, dtype=object)
        named = next((name for name in ("label", "title", "name") if name in self.items.columns), None)
        if named is None:
            return ids
        told = self.items[named].astype("string").str.strip()
        told = told.astype(object).where(told.str.contains(_SEEN).fillna(False).astype(bool), ids)
        return told.where(~told.duplicated(keep=False), told + " (" + ids + ")")

    def fingerprint(self) -> str:
        """A hash of rows, items, users and schema."""
        digest = hashlib.sha256(repr(self.schema).encode())
        for part in (self.interactions, Table(self.items.reset_index()), Table(self.users.reset_index())):
            digest.update(part.fingerprint().encode())
        return digest.hexdigest()


def _joined(texts: pd.DataFrame) -> pd.Series[str]:
    """The texts of each row with a space between them; a missing one is empty."""
    parts = [texts[name].astype("string").fillna("") for name in texts.columns]
    if not parts:
        return pd.Series("", index=texts.index, dtype="string")
    return (parts[0].str.cat(parts[1:], sep=" ") if parts[1:] else parts[0]).str.strip()
