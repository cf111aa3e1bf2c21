"""A table's columns as a discovery method can use them: checked, sorted by name, numbers or codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError
from causalkit.types import Variables
from causalkit_plugins.discoverers._plain import plain

Floats = npt.NDArray[np.float64]
Table = dict[Any, "pd.Series[Any]"]
MAX_LEVELS = 12
"""Levels of a categorical that get a column of their own; rarer ones are one level together."""
_DISTINCT = 20
"""Distinct whole numbers up to which a column declared categorical counts as discrete."""


@dataclass
class Columns:
    """The usable columns, by name in sorted order, and what was left out and why.

    `scores` are standardised numeric columns, of which `blocks[v]` are variable v's, and `categories[v]`
    its category of each row, None for a number; `correlations`, `[q, q]`, are theirs where no number is missing,
    all rows counting once; `codes` is `[n, p]` where all are treated as discrete.
    Missing numbers are NaN in `scores`, and False in `known`, `[n, p]`, beside `codes`.
    """

    names: tuple[str, ...]
    notes: list[str] = field(default_factory=list)
    blocks: list[npt.NDArray[np.intp]] = field(default_factory=list)
    scores: Floats | None = None
    correlations: Floats | None = None
    codes: npt.NDArray[np.int64] | None = None
    known: npt.NDArray[np.bool_] | None = None
    categories: list[npt.NDArray[np.intp] | None] = field(default_factory=list)


def prepare(variables: Variables, test: str, *, missing_allowed: bool = False) -> Columns:
    """Columns for `test` (`auto`, `gaussian`, `mixed`, `discrete`); with `missing_allowed`, missing numbers stay NaN.

    Raises
    ------
    DataError : too few rows, numbers that are infinite, or missing and not allowed to be, or continuous columns for a
        discrete test.
    """
    names = sorted(variables.names)
    if len(set(names)) < len(names):
        raise DataError(f"discovery got two columns of one name: {names}", "Give each column a name of its own.")
    variables.check()
    variables = plain(variables)
    rows = len(variables.table) if variables.weights is None else round(float(variables.weights.sum()))
    if rows <= len(names):
        raise DataError(
            f"discovery has {rows} rows for {len(names)} columns",
            "Give it more rows than columns: a finer unit, a longer log, or fewer columns.",
        )
    table = dict(variables.table.items())
    missing = _missing(table, names, allowed=missing_allowed)
    constant = [name for name in names if _is_constant(table[name])]
    kept = [name for name in names if name not in constant]
    notes = [f"not tested, constant: {', '.join(constant)}"] if constant else []
    if missing:
        notes.append(
            f"missing numbers: {', '.join(missing)}; each test takes the rows that know its columns, as if the others "
            "were missing by chance"
        )
    kinds = {column.name: column.kind for column in variables.columns}
    discrete = [name for name in kept if is_discrete(table[name], kinds[name])]
    if test == "discrete" and len(discrete) < len(kept):
        other = [name for name in kept if name not in discrete]
        raise DataError(
            f"test: discrete, and these columns are not: {', '.join(other)}",
            "Use test: auto, or declare them categorical (whole numbers, at most 20 of them).",
        )
    if not kept:
        return Columns((), notes, [], np.empty((len(variables.table), 0)))
    if test == "discrete" or (test == "auto" and len(discrete) == len(kept)):
        return _coded(table, _important_first(variables, kept), notes)
    return _scored(table, _important_first(variables, kept), discrete, notes)


def _missing(table: Table, names: list[str], *, allowed: bool) -> list[str]:
    """Columns with missing numbers, and how many; infinite ones are refused, and missing ones where not allowed."""
    missing, infinite = [], []
    for name in names:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values = column.to_numpy(np.float64, na_value=np.nan)
            if np.isfinite(values).all():
                continue
            missing += [f"{name} ({count})"] if (count := int(np.isnan(values).sum())) else []
            infinite += [f"{name} ({count})"] if (count := int(np.isinf(values).sum())) else []
    if infinite or (missing and not allowed):
        raise DataError(
            f"discovery needs finite numbers; missing or infinite in {', '.join(infinite or missing)}",
            "Fill or drop them under `clean:`, or leave the column out.",
        )
    return missing


def _is_constant(column: pd.Series[float]) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        first = column.to_numpy()[:2] if isinstance(column.dtype, np.dtype) else np.empty(0)
        if len(first) == 2 and (first[0] < first[1] or first[0] > first[1]):  # neither where one is missing
            return False
        values = (column.dropna() if column.hasnans else column).to_numpy()
        return bool((values == values[:1]).all())
    return len(column.unique()) <= 1


def is_discrete(column: pd.Series[Any], kind: str) -> bool:
    """Whether a column counts as discrete: all but numbers, and few whole numbers declared to be categories."""
    if pd.api.types.is_bool_dtype(column):
        return True
    if not pd.api.types.is_numeric_dtype(column):
        return True
    if kind not in ("binary", "categorical"):
        return False
    values = column.dropna().unique()
    return len(values) <= _DISTINCT and bool(np.all(values == np.round(values.astype(float))))


def _unknown(column: pd.Series[float]) -> npt.NDArray[np.bool_]:
    """Rows of which a number is missing; a missing word is a level of its own."""
    numeric = pd.api.types.is_numeric_dtype(column)
    return column.isna().to_numpy() if numeric else np.zeros(len(column), bool)


def _level_codes(column: pd.Series[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Codes by sorted level (a missing value is a level), and how often each occurs."""
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        codes = np.unique(column.cat.codes.to_numpy(), return_inverse=True)[1]
    else:
        found, levels = pd.factorize(column, use_na_sentinel=False)
        order = sorted(range(len(levels)), key=lambda at: (bool(pd.isna(levels[at])), str(levels[at])))
        codes = np.argsort(order)[found]
    return codes.astype(np.int64), np.bincount(codes)


def _coded(table: Table, names: list[str], notes: list[str]) -> Columns:
    kept: list[str] = []
    columns: list[npt.NDArray[np.int64]] = []
    seen: dict[bytes, str] = {}
    for name in names:
        codes, _ = _level_codes(table[name])
        key = pd.factorize(codes)[0].tobytes()  # equal for the same partition of the rows
        if key in seen:
            notes.append(f"not tested: {name} says the same as {seen[key]}")
            continue
        seen[key] = name
        kept.append(name)
        columns.append(codes)
    order = sorted(range(len(kept)), key=lambda at: kept[at])
    known = ~np.column_stack([_unknown(table[kept[at]]) for at in order])
    codes = np.column_stack([columns[at] for at in order])
    return Columns(tuple(kept[at] for at in order), notes, codes=codes, known=None if known.all() else known)


def _scored(table: Table, order: list[str], discrete: list[str], notes: list[str]) -> Columns:
    names = sorted(order)
    parts: dict[str, Floats] = {}
    for name in names:
        column = table[name]
        parts[name] = _standard(_indicators(column, name, notes) if name in discrete else _numbers(column))
    stacked = np.hstack([parts[name] for name in order])
    owner = np.repeat(order, [parts[name].shape[1] for name in order])
    lacking = bool(np.isnan(stacked).any())
    filled = np.nan_to_num(stacked) if lacking else stacked
    r = filled.T @ filled / len(stacked)
    left_out = _redundant(r, owner, order, notes)
    usable = [name for name in names if name not in left_out]
    columns = [np.flatnonzero(owner == name) for name in usable]
    ends = np.cumsum([len(c) for c in columns])
    blocks = [np.arange(end - len(c), end) for end, c in zip(ends, columns, strict=True)]
    categories = [_category(table[name], parts[name]) if name in discrete else None for name in usable]
    used = np.concatenate(columns)
    if not np.array_equal(used, np.arange(len(owner))):
        stacked, r = stacked[:, used], r[np.ix_(used, used)]
    return Columns(tuple(usable), notes, blocks, stacked, None if lacking else r, categories=categories)


def _category(column: pd.Series[str], scores: Floats) -> npt.NDArray[np.intp] | None:
    """Each row's category as its indicators tell it; None for ordered categories, which are ranks."""
    if scores.shape[1] == 1:
        return None if column.nunique() > 2 else np.asarray(np.nan_to_num(scores[:, 0]) > 0, np.intp)
    shown = np.nan_to_num(scores) > 0  # standardised, so that a level's rows are above 0
    return np.where(shown.any(axis=1), shown.argmax(axis=1) + 1, 0).astype(np.intp)


def _important_first(variables: Variables, names: list[str]) -> list[str]:
    """Treatment and outcome before the others, so that a copy of them is what is left out."""
    first = [name for name in dict.fromkeys((variables.treatment, variables.outcome)) if name and name in names]
    return first + [name for name in names if name not in first]


def _numbers(column: pd.Series[float]) -> Floats:
    return column.to_numpy(np.float64, na_value=np.nan)[:, None]


def _indicators(column: pd.Series[str], name: str, notes: list[str]) -> Floats:
    """A categorical as numbers: 0/1 for two levels, ranks where ordered, else a column per level."""
    codes, counts = _level_codes(column)
    unknown = _unknown(column)
    counts = np.bincount(codes[~unknown], minlength=len(counts))
    ordered = isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered
    if ordered or (counts > 0).sum() == 2:
        return np.where(unknown, np.nan, codes)[:, None]
    by_size = np.argsort(-counts, kind="stable")[: (counts > 0).sum()]
    if len(by_size) > MAX_LEVELS:
        notes.append(f"{name}: levels beyond the {MAX_LEVELS - 1} most frequent were taken together")
    own = by_size[1:MAX_LEVELS] if len(by_size) <= MAX_LEVELS else by_size[: MAX_LEVELS - 1]
    return np.where(unknown[:, None], np.nan, codes[:, None] == own)


def _standard(values: Floats) -> Floats:
    known: npt.NDArray[np.bool_] | bool = ~np.isnan(values)
    count = np.maximum(np.sum(known, axis=0), 1)
    known = True if np.all(known) else known  # sums over all rows take half as long
    scale = np.maximum(values.max(axis=0, where=known, initial=0), -values.min(axis=0, where=known, initial=0))
    values = values / np.where(scale > 0, scale, 1)  # before squaring: 1e308 must not overflow
    values -= values.sum(axis=0, where=known) / count
    spread = np.sqrt((values**2).sum(axis=0, where=known) / count)
    values /= np.where(spread > 0, spread, 1)
    return values


def _redundant(r: Floats, owner: npt.NDArray[np.str_], order: list[str], notes: list[str]) -> set[str]:
    """Variables that earlier ones in `order` determine linearly; each is named in a note."""
    if _well_conditioned(r):
        return set()
    left_out: set[str] = set()
    basis: list[int] = []
    for name in order:
        columns = np.flatnonzero(owner == name)
        trial = [*basis, *columns]
        if _well_conditioned(r[np.ix_(trial, trial)]):
            basis = trial
            continue
        left_out.add(name)
        weights = np.linalg.lstsq(r[np.ix_(basis, basis)], r[np.ix_(basis, columns)], rcond=None)[0]
        involved = np.abs(weights).max(axis=1) > 1e-6 if basis else np.array([], bool)
        others = sorted({str(owner[b]) for b, used in zip(basis, involved, strict=True) if used})
        shown = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
        notes.append(f"not tested: {name} follows from {shown or 'its own levels'} (duplicate or collinear)")
    return left_out


def _well_conditioned(r: Floats) -> bool:
    """Whether no column is, but for rounding, a combination of the ones before it."""
    try:
        pivots = np.diag(np.linalg.cholesky(r))
    except np.linalg.LinAlgError:
        return False
    return bool((pivots**2 > 1e-9).all())
