"""Complete Journey as weighted counts: who could buy what in which week, exposed or not, and did.

Cells are filled week by week: all households of a store and segment by a matrix product with the
state of their store; past buyers and buyers, two sparse lists, by counting their cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit_plugins.datasets._journey_files import DISPLAY, MAILED, WEEKS, Promotions, Purchases
from causalkit_plugins.datasets._journey_households import FIRST, LAST, SEGMENTS, Households

__all__ = ["Counted", "count_rows"]

ELSEWHERE = 4
STATES = np.array([0, DISPLAY, ELSEWHERE, ELSEWHERE | DISPLAY, MAILED, MAILED | DISPLAY], np.uint8)
"""Bits of a cell's state; a household mailed at home is never mailed elsewhere."""
SPAN = LAST - FIRST + 1

Longs = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Counted:
    """The rows, and what could not be counted."""

    rows: pd.DataFrame
    unknown_household_weeks: int
    unknown_purchases: int


@dataclass(frozen=True)
class _World:
    """States and visits on the axes of the cells.

    Parameters
    ----------
    people : who lives near which store, in which segment.
    state : uint8 `[week, store, item]`, position in `STATES`.
    known : bool `[week, store]`, whether the store reported promotions.
    visited : bool `[week, household]`.
    """

    people: Households
    state: npt.NDArray[np.uint8]
    known: npt.NDArray[np.bool_]
    visited: npt.NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int, int, int, int, int]:
        """Cells: week, item, group, bought before, visited, state."""
        return SPAN, self.state.shape[2], len(SEGMENTS) // 2, 2, 2, len(STATES)

    def count(self, week: int, household: Longs, item: Longs, past: npt.NDArray[np.bool_] | None = None) -> Counts:
        """How many of households × items fall in each cell of a week.

        Axes: item, group, bought before, visited, state; without `past`, one axis less.
        """
        shape = self.shape[1:] if past is not None else (*self.shape[1:3], *self.shape[4:])
        group, visited = self.people.group[household], self.visited[week, household].astype(np.int64)
        before = item * shape[1] + group
        before = before if past is None else before * 2 + past
        state = self.state[week, self.people.store[household], item]
        flat = (before * 2 + visited) * len(STATES) + state
        return np.bincount(flat, minlength=int(np.prod(shape))).astype(np.int16).reshape(shape)


def count_rows(promotions: Promotions, purchases: Purchases, people: Households, items: pd.Index) -> Counted:
    """Rows of weeks 2 to 52: ids, exposure, outcome, and how many households as `weight`."""
    world = _world(promotions, purchases, people)
    bought = _distinct_purchases(purchases, people, len(items))
    known = world.known[bought[0], people.store[bought[1]]]
    week, household, item = (part[known] for part in bought)
    past = np.isin(household * len(items) + item, people.past_household * len(items) + people.past_item)
    edges = np.searchsorted(week, np.arange(SPAN + 1))
    parts = []
    for w in range(SPAN):
        now = slice(edges[w], edges[w + 1])
        buyers = world.count(w, household[now], item[now], past[now])
        parts.append(np.stack([_households(world, w) - buyers, buyers], axis=-1))
    unknown = int((~world.known[:, people.store]).sum())
    return Counted(_rows(np.stack(parts), items), unknown, int((~known).sum()))


def _distinct_purchases(purchases: Purchases, people: Households, items: int) -> tuple[Longs, Longs, Longs]:
    """Distinct week (0 is the first counted), household and item of kept households, in order of week."""
    household = people.position[purchases.household]
    week = purchases.week - FIRST
    kept = (household >= 0) & (purchases.item >= 0) & (week >= 0) & (week < SPAN)
    number = len(people.ids)
    code = np.sort((week[kept] * number + household[kept]) * items + purchases.item[kept])
    code = code[np.append(True, code[1:] != code[:-1])] if len(code) else code
    return code // (number * items), code // items % number, code % items


def _world(promotions: Promotions, purchases: Purchases, people: Households) -> _World:
    weeks = slice(FIRST, LAST + 1)
    flags = np.ascontiguousarray(promotions.flags[:, :, weeks].transpose(2, 0, 1))
    somewhere = (flags & MAILED).any(1, keepdims=True)
    own = flags[:, people.stores]
    state = own | np.where(own & MAILED, 0, somewhere * np.uint8(ELSEWHERE)).astype(np.uint8)
    position = np.zeros(8, np.uint8)
    position[STATES] = np.arange(len(STATES))
    visited = np.zeros((WEEKS, len(people.ids)), np.bool_)
    household = people.position[purchases.household]
    visited[purchases.week[household >= 0], household[household >= 0]] = True
    return _World(people, position[state], promotions.reported[people.stores, weeks].T, visited[weeks])


def _households(world: _World, week: int) -> Counts:
    """Households per cell of a week, whose axes are item, group, bought before, visited, state."""
    people, (stores, items) = world.people, world.state.shape[1:]
    groups = world.shape[2] * 2
    key = (people.group * 2 + world.visited[week]) * stores + people.store
    by_store = np.bincount(key, minlength=groups * stores).reshape(groups, stores) * world.known[week]
    there = (world.state[week][:, :, None] == np.arange(len(STATES), dtype=np.uint8)).astype(np.float32)
    counts = by_store.astype(np.float32) @ there.reshape(stores, -1)
    total = np.zeros(world.shape[1:], np.int16)
    total[:, :, 0] = counts.reshape(-1, 2, items, len(STATES)).transpose(2, 0, 1, 3)
    known = world.known[week, people.store[people.past_household]]
    past = world.count(week, people.past_household[known], people.past_item[known])
    total[:, :, 0] -= past
    total[:, :, 1] += past
    return total


def _rows(cells: Counts, items: pd.Index) -> pd.DataFrame:
    """The cells that hold anybody, as rows in the order of week, item, segment."""
    both = cells.reshape(-1)
    cell = np.flatnonzero(both)
    weight = both[cell]
    axes = {}
    for name, size in (("bought", 2), ("state", len(STATES)), ("visited", 2), ("segment", len(SEGMENTS))):
        axes[name] = (cell % size).astype(np.int8)
        cell //= size
    state = STATES[axes["state"]]
    columns = {
        "item": pd.Categorical.from_codes((cell % len(items)).astype(np.int16), items),
        "week": (cell // len(items) + FIRST).astype(np.int16),
        "segment": pd.Categorical.from_codes(axes["segment"], SEGMENTS),
        "exposed": (state & MAILED > 0).astype(np.int8),
        "display": (state & DISPLAY > 0).astype(np.int8),
        "elsewhere": (state & ELSEWHERE > 0).astype(np.int8),
        "visited": axes["visited"],
        "bought": axes["bought"],
        "weight": weight,
    }
    return pd.DataFrame(columns)
