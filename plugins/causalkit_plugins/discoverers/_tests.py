"""Which test a table gets, and the words for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from causalkit.errors import DataError
from causalkit.types import Variables
from causalkit_plugins.discoverers._batches import BatchTest, EachVariable, Floats
from causalkit_plugins.discoverers._columns import Columns, prepare
from causalkit_plugins.discoverers._discrete import GSquared
from causalkit_plugins.discoverers._gaussian import FisherZ
from causalkit_plugins.discoverers._levels import Levels
from causalkit_plugins.discoverers._mixed import Mixed, linear
from causalkit_plugins.discoverers._pairwise import KnownRows, correlations, positive
from causalkit_plugins.discoverers._residuals import Cells
from causalkit_plugins.discoverers._routes import Routed, Routes, routes


def usable_rows(
    variables: Variables, missing: Literal["pairwise", "rows", "refuse"]
) -> tuple[Variables, tuple[str, ...]]:
    """The rows to test on, and what is to be said of those left out.

    Raises
    ------
    DataError : weights that are no frequencies, or missing numbers where `missing` is `refuse`.
    """
    weights = variables.weights
    _check_weights(variables)
    numbers = variables.table.select_dtypes("number")
    lacking = numbers.isna()
    if missing == "pairwise" or not lacking.to_numpy().any():
        return variables, ()
    if missing == "refuse":
        counts = lacking.sum()
        said = ", ".join(f"{name} ({count})" for name, count in counts[counts > 0].items())
        raise DataError(
            f"discovery needs finite numbers; missing in {said}",
            "Fill or drop them under `clean:`, or leave the column out.",
        )
    kept = ~lacking.to_numpy().any(axis=1)
    changed = replace(
        variables,
        table=variables.table[kept].reset_index(drop=True),
        units=variables.units if variables.units.empty else variables.units[kept].reset_index(drop=True),
        weights=None if weights is None else weights[kept],
    )
    return changed, (f"{int((~kept).sum())} rows with missing numbers were left out",)


def _check_weights(variables: Variables) -> None:
    weights, rows = variables.weights, len(variables.table)
    if weights is None:
        return
    if len(weights) != rows:
        raise DataError(f"{len(weights)} weights for {rows} rows", "Give each row how many it stands for.")
    bad = int((~(np.isfinite(weights) & (weights >= 0))).sum())
    if bad:
        raise DataError(
            f"{bad} of {rows} weights are missing, infinite or negative",
            "Give each row how many it stands for, 0 or more.",
        )


def choose(variables: Variables, asked: str, device: str | None) -> tuple[Columns, BatchTest]:
    """The usable columns of a table, noting what was done with them, and their test."""
    columns = prepare(variables, asked, missing_allowed=True)
    found = routes(variables, columns.names)
    if len(columns.names) < 2:
        return columns, FisherZ([np.eye(len(columns.names))], _levels(np.eye(len(columns.names))))
    if not found.plain:
        return _routed(variables, columns, asked, found)
    if columns.codes is not None:
        repeated = variables.repeated() if variables.weights is not None else variables
        return columns, _by_tables(columns if repeated is variables else prepare(repeated, asked, missing_allowed=True))
    return columns, _by_scores(columns, variables.weights, asked, device)


def _levels(counts: Floats) -> Levels:
    return Levels(np.broadcast_to(np.intp(0), counts.shape), counts, [None])


def _by_tables(columns: Columns) -> EachVariable:
    codes, known = columns.codes, columns.known
    assert codes is not None
    if known is None:
        return GSquared(codes, np.full((codes.shape[1],) * 2, float(len(codes))))
    columns.notes.append("given columns with missing values, a table has the rows that know all of its columns")
    return KnownRows(known, lambda rows: GSquared(codes[rows], np.full((codes.shape[1],) * 2, float(rows.sum()))))


def _by_scores(columns: Columns, weights: Floats | None, asked: str, device: str | None) -> BatchTest:
    assert columns.scores is not None
    cells = Cells(columns.scores, columns.blocks, columns.categories, weights)
    if asked != "gaussian" and any(codes is not None for codes in columns.categories):
        test = Mixed(cells)
        _note_shrunk(columns, test.shrunk)
        return test
    r, counts = correlations(columns.scores, weights)
    r, shrunk = positive(r) if np.isnan(columns.scores).any() else (r, 0.0)
    _note_shrunk(columns, shrunk)
    if all(len(block) == 1 for block in columns.blocks) and (counts == counts[0, 0]).all():
        return FisherZ([r], _levels(counts), device)
    return linear(cells, r, counts)


def _note_shrunk(columns: Columns, share: float) -> None:
    if share:
        columns.notes.append(
            f"correlations of pairs contradict each other where values are missing; shrunk by {share:.2g} towards none"
        )


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
