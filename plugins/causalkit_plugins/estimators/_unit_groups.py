"""Assignment units in a bounded number of groups, so that memory does not grow with units.

Units are told apart by a hash of their ids. Where there are no more than `most` of them, each is a
group of its own; else each group holds the units that a hash deals to it, and groups are
independent where units are. Either way the groups do not depend on the order of rows or on parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.types import Table

Hashes = npt.NDArray[np.uint64]
_LOOKED_AT_FIRST = 4


@dataclass(frozen=True)
class UnitHash:
    """Hashes of the combinations of some columns; labels of categoricals are hashed once."""

    names: tuple[str, ...]
    labels: Mapping[str, Hashes]

    @classmethod
    def of(cls, table: Table, names: Sequence[str]) -> UnitHash:
        """Of columns `names` of a table."""
        dtypes = table.head().dtypes
        labelled = {name: dtypes[name].categories for name in names if dtypes[name] == "category"}
        return cls(tuple(names), {name: _hashed(labels) for name, labels in labelled.items()})

    def __call__(self, rows: pd.DataFrame) -> Hashes:
        """A number per row, the same for rows of one unit."""
        found = np.zeros(len(rows), np.uint64)
        for name in self.names:
            labels = self.labels.get(name)
            own = _hashed(rows[name]) if labels is None else np.append(labels, np.uint64(0))[rows[name].cat.codes]
            found = mixed(found ^ own)
        return found


def _hashed(values: Any) -> Hashes:
    return np.asarray(pd.util.hash_array(np.asarray(values)), np.uint64)


def mixed(x: Hashes) -> Hashes:
    """A bijection after which every bit depends on all (the finalizer of splitmix64, Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class Dealt:
    """Units by the hash of their ids, dealt to `count` groups."""

    hash: UnitHash
    count: int

    def __call__(self, rows: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Each row's group, 0 … `count` - 1."""
        return (self.hash(rows) % np.uint64(self.count)).astype(np.int64)


def seen(hashes: Hashes, most: int) -> Hashes:
    """The hashes that occur, sorted; any `most + 1` numbers where there are more than `most`."""
    for some in (hashes[: _LOOKED_AT_FIRST * most], hashes):
        found = np.sort(pd.unique(some))
        if len(found) > most:
            break
    return _at_most(found, most)


def seen_by_both(a: Hashes, b: Hashes, most: int) -> Hashes:
    """What `seen` would have found in the rows of both."""
    if max(len(a), len(b)) > most:
        return a if len(a) > most else b
    return _at_most(np.union1d(a, b), most)


def _at_most(found: Hashes, most: int) -> Hashes:
    return found if len(found) <= most else np.zeros(most + 1, np.uint64)


def groups_of(hashes: Hashes, units: Hashes, most: int) -> npt.NDArray[np.int64]:
    """Each row's group, given all that were `seen`: 0 … `group_count` - 1."""
    if len(units) > most:
        return (hashes % np.uint64(most)).astype(np.int64)
    return np.searchsorted(units, hashes).astype(np.int64)


def group_count(units: Hashes, most: int) -> int:
    """How many groups there are."""
    return min(max(len(units), 1), most)
