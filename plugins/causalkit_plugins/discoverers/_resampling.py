"""Resamples of a table: rows, or whole units where rows depend on each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError
from causalkit.types import Variables

Ints = npt.NDArray[np.intp]
Rng = np.random.Generator
FEW = 8
"""Crossed ids of fewer units are held as they are: of six weeks a draw has four, of which tests tell nothing."""


@dataclass(frozen=True)
class Resampler:
    """Draws as many rows or units as there are, with replacement.

    Units of crossed ids (weeks and items) are drawn id by id, and a row comes once for each time that all of its ids
    meet (Owen 2007, Annals of Applied Statistics 1); of these, ids of a handful of units are `held`. A unit drawn twice
    is two units. Rows with weights are drawn by weight. What is drawn hangs neither on the order of rows and columns
    nor on their names.
    """

    variables: Variables
    order: Ints
    by: tuple[str, ...]
    held: tuple[str, ...] = ()

    @classmethod
    def of(cls, variables: Variables, over_time: bool = False) -> Resampler:
        """For the units that `variables` declares by `clusters`, else those at which its columns vary.

        With `over_time`, all rows of a unit stay together, in the periods that they are of.

        Raises
        ------
        DataError : `over_time`, and there is but one unit over time.
        """
        variables.check()
        period = variables.period if over_time else ""
        by = _coarsest(variables, period) if len(variables.units) else ()
        if period and not by:
            raise DataError(
                f"bootstrap has one unit over time, and drawing its {period} apart would lose what was before",
                "Leave the bootstrap out, or let lagged hold it: `use: lagged, of: {use: bootstrap, …}`.",
            )
        many = tuple(name for name in by if variables.units[name].nunique(dropna=False) >= FEW) or by
        held = tuple(name for name in by if name not in many)
        return cls(variables, _order_of_content(variables.table), many, held)

    @property
    def what(self) -> str:
        """What it draws, in words."""
        held = f", with every {' and '.join(self.held)} held" if self.held else ""
        return f"whole units of {' and of '.join(self.by)}{held}" if self.by else "rows"

    def draw(self, rng: Rng) -> Variables:
        """One resample."""
        if not len(self.order):
            return self.variables
        if self.by:
            return self._units(rng)
        if self.variables.weights is not None:
            return self._weighted(rng, self.variables.weights)
        at = np.sort(rng.integers(0, len(self.order), len(self.order)))
        return _taken(self.variables, self.order[at])

    def _weighted(self, rng: Rng, weights: npt.NDArray[np.float64]) -> Variables:
        share = weights[self.order] / weights.sum()
        drawn = rng.multinomial(round(float(weights.sum())), share)
        kept = np.flatnonzero(drawn)
        return replace(_taken(self.variables, self.order[kept]), weights=drawn[kept].astype(float))

    def _units(self, rng: Rng) -> Variables:
        units = self.variables.units
        at = self.order
        new: dict[str, Ints] = {}
        for name in self.by:
            codes = _codes(units[name])
            drawn = rng.multinomial(codes.max() + 1, np.full(codes.max() + 1, 1 / (codes.max() + 1)))
            first = np.concatenate([[0], np.cumsum(drawn)[:-1]])
            times = drawn[codes[at]]
            copy = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
            at = np.repeat(at, times)
            new = {other: np.repeat(values, times) for other, values in new.items()}
            new[name] = first[codes[at]] + copy
        return replace(_taken(self.variables, at), units=self._relabelled(at, new))

    def _relabelled(self, at: Ints, new: dict[str, Ints]) -> pd.DataFrame:
        """Ids such that the copies of a unit, and of what lies within it, are apart."""
        units = self.variables.units
        found = {}
        for name in units.columns:
            within = [new[by] for by in self.by if name != by and _fixes(_codes(units[name]), _codes(units[by]))]
            own = new[name] if name in new else _codes(units[name])[at]
            found[name] = own if name in new or not within else _together([own, *within])
        return pd.DataFrame(found)


def _taken(variables: Variables, at: Ints) -> Variables:
    """Some rows, as often as they are named."""
    return replace(
        variables,
        table=variables.table.iloc[at].reset_index(drop=True),
        units=variables.units if variables.units.empty else variables.units.iloc[at].reset_index(drop=True),
        weights=None if variables.weights is None else variables.weights[at],
    )


def _coarsest(variables: Variables, period: str) -> tuple[str, ...]:
    """Ids by which rows may depend on each other, less those that lie within another, or tell rows apart or no two.

    Not the period, where one is given: its rows are not drawn apart.
    """
    units = variables.units
    ids = [name for name in units.columns if name != period]
    at_levels = {name for level in variables.levels.values() for name in level}
    declared = [name for name in variables.clusters if name in ids]
    codes = {name: _codes(units[name]) for name in sorted(declared or [n for n in ids if n in at_levels] or ids)}
    kept = [name for name, code in codes.items() if 0 < code.max(initial=0) < len(units) - 1]
    within = {
        a
        for a in kept
        for b in kept
        if a != b and _fixes(codes[a], codes[b]) and (a > b or not _fixes(codes[b], codes[a]))
    }
    return tuple(name for name in kept if name not in within)


def _codes(ids: pd.Series[str]) -> Ints:
    """Each row's id, numbered in the order of the ids themselves."""
    return ids.groupby(ids, observed=True, sort=True, dropna=False).ngroup().to_numpy(np.intp)


def _fixes(a: Ints, b: Ints) -> bool:
    """Whether rows of one `a` are of one `b`."""
    return int(_together([a, b]).max()) == int(a.max())


def _together(codes: list[Ints]) -> Ints:
    found = codes[0].astype(np.int64)
    for code in codes[1:]:
        found = np.unique(found * (int(code.max(initial=0)) + 1) + code, return_inverse=True)[1].ravel()
    return np.unique(found, return_inverse=True)[1].ravel().astype(np.intp)


def _order_of_content(table: pd.DataFrame) -> Ints:
    """Rows sorted by what is in them: the same however rows and columns stand, and whatever the columns are called.

    Columns are told apart by what they hold beside the rest of their rows: two may hold the same values as often.
    """
    columns = [pd.util.hash_pandas_object(table[c], index=False, categorize=True).to_numpy() for c in table.columns]
    rows = np.zeros(len(table), np.uint64)
    for _ in range(3):
        tags = [int(_mixed(values ^ rows).sum(dtype=np.uint64)) for values in columns]
        told = (_mixed(values ^ np.uint64(tag)) for values, tag in zip(columns, tags, strict=True))
        rows = sum(told, start=np.zeros(len(table), np.uint64))
    return np.argsort(rows, kind="stable")


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Every bit spread over all (Steele, Lea & Flood 2014, OOPSLA)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(values ^ (values >> np.uint64(31)))
