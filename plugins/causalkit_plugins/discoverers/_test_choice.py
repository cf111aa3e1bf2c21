"""Which test a table gets, and the words for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from causalkit.errors import DataError
from causalkit.types import Variables
from causalkit_plugins.discoverers._batches import BatchTest, Bools, EachVariable, Floats
from causalkit_plugins.discoverers._columns import Columns, prepare
from causalkit_plugins.discoverers._discrete import GSquared
from causalkit_plugins.discoverers._gaussian import FisherZ
from causalkit_plugins.discoverers._missing_values import KnownRows, correlations
from causalkit_plugins.discoverers._mixed import Mixed, linear
from causalkit_plugins.discoverers._plain import plain
from causalkit_plugins.discoverers._residuals import Cells
from causalkit_plugins.discoverers._routes import Routed, Routes, routes

Statistic = Literal["auto", "g2", "chi2"]


def usable_rows(
    variables: Variables, missing: Literal["pairwise", "rows", "refuse"]
) -> tuple[Variables, tuple[str, ...]]:
    """The rows to test on, and what is to be said of those left out.

    Raises
    ------
    DataError : ids or weights that do not go with the rows, or missing numbers where `missing` is `refuse`.
    """
    variables.check()
    variables, weights = plain(variables), variables.weights
    if weights is not None and not weights.all():
        variables, weights = _only(variables, weights > 0), weights[weights > 0]
    if missing == "pairwise":
        return variables, _of_one(variables)
    lacking = variables.table.select_dtypes("number").isna()
    if not lacking.to_numpy().any():
        return variables, _of_one(variables)
    if missing == "refuse":
        counts = lacking.sum()
        said = ", ".join(f"{name} ({count})" for name, count in counts[counts > 0].items())
        raise DataError(
            f"discovery needs finite numbers; missing in {said}",
            "Fill or drop them under `clean:`, or leave the column out.",
        )
    kept = ~lacking.to_numpy().any(axis=1)
    said = f"{int((~kept).sum())} rows with missing numbers were left out"
    return _only(variables, kept), (said, *_of_one(variables))


def _of_one(variables: Variables) -> tuple[str, ...]:
    """What is to be said where all rows are of one declared cluster, so that nothing tells how they depend."""
    named = [name for name in variables.clusters if name in variables.units]
    alone = [name for name in named if variables.units[name].nunique(dropna=False) == 1]
    return tuple(f"all rows are of one {name}, and taken as independent" for name in alone if len(variables.table) > 1)


def _only(variables: Variables, rows: Bools) -> Variables:
    return replace(
        variables,
        table=variables.table[rows].reset_index(drop=True),
        units=variables.units if variables.units.empty else variables.units[rows].reset_index(drop=True),
        weights=None if variables.weights is None else variables.weights[rows],
    )


def choose(
    variables: Variables, asked: str = "auto", statistic: Statistic = "auto", device: str | None = None
) -> tuple[Columns, BatchTest]:
    """The usable columns of a table, noting what was done with them, and their test; see the fields of `PC`."""
    columns = prepare(variables, asked, missing_allowed=True)
    found = routes(variables, columns.names)
    if found.plain and columns.codes is not None and variables.weights is not None:
        columns = prepare(variables.repeated(), asked, missing_allowed=True)
    if len(columns.names) < 2:
        return columns, FisherZ(*np.ones((2, len(columns.names), len(columns.names))))
    if not found.plain:
        return _routed(variables, columns, asked, found)
    if columns.codes is not None:
        return columns, _by_tables(columns, statistic)
    return columns, _by_scores(columns, variables.weights, asked, device)


def _by_tables(columns: Columns, statistic: Statistic) -> EachVariable:
    codes, known = columns.codes, columns.known
    assert codes is not None
    if known is None:
        return GSquared(codes, statistic)
    return KnownRows(known, lambda rows: GSquared(codes[rows], statistic))


def _by_scores(columns: Columns, weights: Floats | None, asked: str, device: str | None) -> BatchTest:
    assert columns.scores is not None
    lacking = bool(np.isnan(columns.scores).any())
    single = all(len(block) == 1 for block in columns.blocks)
    categories = columns.categories if asked != "gaussian" else [None] * len(columns.blocks)
    cells = Cells(columns.scores, columns.blocks, categories, weights)
    if any(codes is not None for codes in categories) or (lacking and not single):
        return Mixed(cells)
    if lacking or not single:
        return linear(cells)
    if weights is None and columns.correlations is not None:
        r = columns.correlations
        return FisherZ(r, np.broadcast_to(float(len(columns.scores)), r.shape), device)
    return FisherZ(*correlations(columns.scores, weights), device)


def _routed(variables: Variables, columns: Columns, asked: str, found: Routes) -> tuple[Columns, BatchTest]:
    if columns.codes is not None:
        columns = prepare(variables, "mixed", missing_allowed=True)
        found = routes(variables, columns.names)
        columns.notes.append("rows repeat units, so categories are compared by their indicators, and not by G²")
    if asked == "gaussian":
        columns.categories = [None] * len(columns.names)
    places = "; ".join(dict.fromkeys(place.said for place in found.places))
    columns.notes.append(f"tested at the coarsest units at which a pair varies: {places}")
    return columns, Routed(columns, variables, found)
