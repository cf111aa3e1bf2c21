"""The table that discovery sees, and what is known beforehand about its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import ConfigError, DataError, Problem, nearest
from causalkit.types.schema import Column

__all__ = ["Knowledge", "Variables"]

MOST_ROWS = 2_000_000
"""Rows that `Variables.repeated` gives at most."""


@dataclass(frozen=True)
class Variables:
    """One row per unit; each column with its kind, tier, description and the level at which it varies.

    Parameters
    ----------
    table : the values, a row per unit.
    columns : what each column is, in the order of `table`.
    levels : column name → the id columns whose combinations fix its value (`("week",)`, `("item",)`,
        `("item", "week")` …); a missing entry means that every row is its own unit.
    units : the id columns, one row each as in `table`; needed to count units at a level.
    treatment, outcome : which columns these are.
    notes : how the table was made.
    weights : how many rows each row stands for (a frequency), `[len(table)]`; None where each is one.
    clusters : of the columns of `units`, those by which rows may depend on each other, as the log's owner declares
        it; empty where nothing is declared: then by each of them.
    period : which column of `units` counts time; empty where none does.
    """

    table: pd.DataFrame
    columns: tuple[Column, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: pd.DataFrame = field(default_factory=pd.DataFrame)
    treatment: str = ""
    outcome: str = ""
    notes: tuple[str, ...] = ()
    weights: npt.NDArray[np.float64] | None = None
    clusters: tuple[str, ...] = ()
    period: str = ""

    def __repr__(self) -> str:
        return f"Variables({len(self.table):,} units: {', '.join(self.names)})"

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def units_of(self, name: str) -> int:
        """How many units column `name` has: distinct combinations of the ids it varies with; else rows by weight."""
        level = self.levels.get(name)
        if not level or self.units.empty:
            return len(self.table) if self.weights is None else round(float(np.sum(self.weights)))
        return int(self.units[list(level)].drop_duplicates().shape[0])

    def effective_n(self, a: str, b: str) -> int:
        """Units behind a dependence of two columns: those of the coarser one (a safe, low count)."""
        return min(self.units_of(a), self.units_of(b))

    def select(self, names: Sequence[str]) -> Variables:
        """Some of the columns, in the order asked."""
        return replace(self, table=self.table[list(names)], columns=tuple(self[name] for name in names))

    def check(self) -> None:
        """Raise `DataError` where columns, ids or weights do not go with the table, or no id is named as is said."""
        held = Counter(self.table.columns)
        if wrong := [name for name in self.names if held[name] != 1]:
            raise DataError(f"the table has {held[wrong[0]]} columns named {wrong[0]!r}", "Give it one of each.")
        weights, rows, ids = self.weights, len(self.table), list(self.units.columns)
        if ids and len(self.units) != rows:
            raise DataError(f"{len(self.units)} rows of ids for {rows} rows", "Give each row its ids in `units`.")
        named = [*self.clusters, self.period, *(name for level in self.levels.values() for name in level)]
        if unknown := [name for name in named if ids and name and name not in ids]:
            raise DataError(f"no id column is named {unknown[0]!r}", f"Columns of `units`: {', '.join(map(str, ids))}.")
        if weights is None:
            return
        if len(weights) != rows:
            raise DataError(f"{len(weights)} weights for {rows} rows", "Give each row how many it stands for.")
        if bad := int((~(np.isfinite(weights) & (weights >= 0))).sum()):
            raise DataError(
                f"{bad} of {rows} weights are missing, infinite or negative",
                "Give each row how many it stands for, 0 or more.",
            )

    def repeated(self, most: int = MOST_ROWS) -> Variables:
        """The same without weights: a row of weight n is n rows. Beyond `most` evenly thinned, which only lowers n.

        Raises the same as `check`.
        """
        self.check()
        if self.weights is None:
            return self
        until = np.cumsum(self.weights)
        total = float(until[-1]) if len(until) else 0.0
        count = min(int(total), most)
        at = np.searchsorted(until, (np.arange(count) + 0.5) * (total / max(count, 1)), side="right")
        units = self.units if self.units.empty else self.units.iloc[at].reset_index(drop=True)
        return replace(self, table=self.table.iloc[at].reset_index(drop=True), units=units, weights=None)

    def knowledge(self, more: Knowledge | None = None) -> Knowledge:
        """The tiers that the columns declare, under `more`; raises `ConfigError` where that contradicts them."""
        own = Knowledge(tiers={c.name: c.tier for c in self.columns if c.tier is not None}, source="schema")
        return own if more is None else own.merged(more)


@dataclass(frozen=True)
class Knowledge:
    """What is known beforehand: tiers, required and forbidden edges, and who says so.

    A variable never causes one of a lower tier. Edges are (cause, effect) pairs. `reasons` says of some edges, required
    or forbidden, who knows it and why; of the others `source` does. `notes` are for whoever reads the graph.
    """

    tiers: Mapping[str, int] = field(default_factory=dict)
    required: frozenset[tuple[str, str]] = frozenset()
    forbidden: frozenset[tuple[str, str]] = frozenset()
    source: str = "knowledge"
    reasons: Mapping[tuple[str, str], str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def allows(self, cause: str, effect: str) -> bool:
        """Whether `cause -> effect` is not ruled out."""
        if (cause, effect) in self.forbidden or (effect, cause) in self.required:
            return False
        before, after = self.tiers.get(cause), self.tiers.get(effect)
        return before is None or after is None or before <= after

    def because(self, cause: str, effect: str) -> str:
        """Who knows it, and why, that an edge is required or forbidden."""
        return self.reasons.get((cause, effect), self.source)

    def about(self, names: Sequence[str]) -> Knowledge:
        """The same without the tiers of variables that are not among `names`.

        Raises
        ------
        ConfigError : it contradicts itself, or an edge names a variable that is not there.
        """
        known = replace(self, tiers={name: tier for name, tier in self.tiers.items() if name in names})
        known.check(names)
        return known

    def merged(self, other: Knowledge) -> Knowledge:
        """Both together; `other` wins where tiers differ. Raises `ConfigError` on a contradiction."""
        both = Knowledge(
            {**self.tiers, **other.tiers},
            self.required | other.required,
            self.forbidden | other.forbidden,
            self._sources(other),
            {**self.reasons, **other.reasons},
            (*self.notes, *other.notes),
        )
        both.check()
        return both

    def _sources(self, other: Knowledge) -> str:
        """Those of the two that say something, each once, however often they were merged before."""
        told = [one for one in (self, other) if one.tiers or one.required or one.forbidden] or [self]
        return " + ".join(dict.fromkeys(part for one in told for part in one.source.split(" + ") if part))

    def check(self, names: Sequence[str] | None = None) -> None:
        """Raise `ConfigError` for edges both required and ruled out, cycles, or unknown names."""
        problems = [
            Problem(f"{a} -> {b}", ": required, and also ruled out by a tier or a forbidden edge")
            for a, b in sorted(self.required)
            if not replace(self, required=self.required - {(a, b)}).allows(a, b)
        ]
        if names is not None:
            mentioned = set(self.tiers) | {n for edge in self.required | self.forbidden for n in edge}
            problems += [
                Problem(name, f": no such variable{nearest(name, names)}") for name in sorted(mentioned - set(names))
            ]
        if not problems and (cycle := self._cycle()):
            problems.append(Problem(" -> ".join(cycle), ": required edges form a cycle"))
        if problems:
            raise ConfigError("knowledge", problems, f"Its source: {self.source}.")

    def _cycle(self) -> list[str]:
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph(sorted(self.required))
        try:
            cycle = [a for a, _ in nx.find_cycle(graph)]
            return [*cycle, cycle[0]]
        except nx.NetworkXNoCycle:
            return []
