"""What the schema alone says must be adjusted for, before any graph is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import ConfigError, DataError, Problem, nearest
from causalkit.types import Column, Dataset, adjustment_columns

__all__ = ["Design", "read_design"]

_NEVER = ("instrument", "bundle", "treatment", "outcome", "placebo-exposure", "negative-outcome")


@dataclass(frozen=True)
class Design:
    """Columns of the rows by what the schema makes of them.

    Parameters
    ----------
    treatment, outcome : column names.
    adjustment : pre-treatment covariates that vary within the item.
    mediators : columns with a tier between treatment and outcome.
    after : every column that the treatment may cause, by tier; never adjusted for.
    together : covariates of the treatment's own tier: the design leaves them out, a graph may add them.
    constant : covariates that never vary within an item.
    instruments, bundle : by their role.
    addable : columns that a graph may add.
    warnings : what a reader must know.
    """

    treatment: str
    outcome: str
    adjustment: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    bundle: tuple[str, ...] = ()
    addable: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    chosen: bool = False

    @property
    def banned(self) -> frozenset[str]:
        """Columns that no graph can bring into the adjustment set."""
        return frozenset((*self.after, *self.instruments, *self.bundle, self.treatment, self.outcome))

    @property
    def reason(self) -> str:
        """Why these columns, in words."""
        whose = "named in the config" if self.chosen else "logged before treatment that varies within an item"
        if self.adjustment:
            text = f"By design: adjusts for every variable {whose} ({', '.join(self.adjustment)})"
        else:
            text = f"By design: no variable {whose}; assumes exposure as good as random within an item"
        left = {
            "constant within every item, so it drops out": self.constant,
            "comes after treatment": self.after,
            "decided together with treatment": self.together,
            "part of what was treated": self.bundle,
            "instrument": self.instruments,
        }
        said = [f"{', '.join(names)} ({why})" for why, names in left.items() if names]
        return text + (f". Left out: {'; '.join(said)}." if said else ".")


def read_design(dataset: Dataset, adjust: Sequence[str] | None = None) -> Design:
    """The design of a log; `adjust` replaces the default choice of covariates.

    Raises
    ------
    ConfigError : `adjust` names what is unknown, or what is never adjusted for.
    DataError : a covariate that neither rows, items nor users have.
    """
    schema = dataset.schema
    treatment, outcome = schema[dataset.treatment], schema[dataset.outcome]
    after = [c for c in schema.columns if c.role in ("covariate", "signal") and _comes_after(c, treatment)]
    if adjust is not None:
        _check_chosen(dataset, adjust, {c.name for c in after})
    before = [c for c in schema.columns if c.role == "covariate" and c not in after and c.kind not in ("text", "image")]
    together = [c for c in before if c.tier is not None and c.tier == treatment.tier]
    wanted = [c for c in before if c not in together] if adjust is None else [schema[name] for name in adjust]
    in_rows, constant, warnings = _placed(dataset, wanted)
    extra = [c for c in schema.columns if c.role in ("covariate", "signal") and c not in after and c not in wanted]
    optional = [name for c in extra for name in adjustment_columns(c) if name in dataset.interactions.columns]
    unnamed = [name for name in dataset.interactions.columns if name not in _described(dataset)]
    varying = _varying_within_items(dataset, [*in_rows, *optional, *unnamed])
    return Design(
        dataset.treatment,
        dataset.outcome,
        tuple(name for name in in_rows if name in varying),
        tuple(name for c in after if _between(c, outcome) for name in adjustment_columns(c)),
        tuple(name for c in after for name in adjustment_columns(c)),
        tuple(name for c in together if c not in wanted for name in adjustment_columns(c)),
        (*constant, *(name for name in in_rows if name not in varying)),
        schema.named("instrument"),
        schema.named("bundle"),
        tuple(name for name in (*optional, *unnamed) if name in varying),
        (*warnings, *_whose_effect(dataset)),
        adjust is not None,
    )


def _comes_after(column: Column, treatment: Column) -> bool:
    return column.tier is not None and treatment.tier is not None and column.tier > treatment.tier


def _between(column: Column, outcome: Column) -> bool:
    return outcome.tier is None or (column.tier is not None and column.tier < outcome.tier)


def _described(dataset: Dataset) -> set[str]:
    return {name for column in dataset.schema.columns for name in (column.name, *adjustment_columns(column))}


def _check_chosen(dataset: Dataset, adjust: Sequence[str], after: set[str]) -> None:
    schema = dataset.schema
    known = [column.name for column in schema.columns]
    problems = []
    for name in adjust:
        if name not in known:
            problems.append(Problem("identify.adjust", f" = {name!r}: no such column{nearest(name, known)}"))
        elif schema[name].role in _NEVER:
            problems.append(Problem("identify.adjust", f" = {name!r}: its role is {schema[name].role!r}"))
        elif name in after:
            problems.append(Problem("identify.adjust", f" = {name!r}: its tier comes after the treatment's"))
    if problems:
        raise ConfigError("identify", problems, "Adjust only for what was fixed before treatment.")


def _placed(dataset: Dataset, wanted: Sequence[Column]) -> tuple[list[str], list[str], list[str]]:
    """Columns of the rows; covariates fixed by the item; warnings on those known per user only."""
    rows, of_item, warnings = [], [], []
    for column in wanted:
        names = adjustment_columns(column)
        if all(name in dataset.interactions.columns for name in names):
            rows += [name for name in names if name not in rows]
        elif column.name in dataset.items.columns:
            of_item.append(column.name)
        elif column.name in dataset.users.columns:
            warnings.append(f"{column.name} is known of users but is not in the rows, so it is not adjusted for")
        else:
            raise DataError(
                f"the schema names the covariate {column.name!r}, which the rows do not have"
                f"{nearest(column.name, dataset.interactions.columns)}",
                "Add the column to the log, declare how to derive it, or take it out of the schema.",
            )
    return rows, of_item, warnings


def _whose_effect(dataset: Dataset) -> list[str]:
    """A warning where the log says nothing of exposing one user and not another."""
    people = [name for name in (dataset.user, dataset.segment) if name]
    if not dataset.schema.assignment or not people or set(people) & set(dataset.schema.assignment):
        return []
    return [
        f"exposure is assigned per {' × '.join(dataset.schema.assignment)}, not per user: every effect is that of "
        "exposing everyone; what exposing one user only would do is not identified"
    ]


def _varying_within_items(dataset: Dataset, names: Sequence[str]) -> set[str]:
    """Columns that take more than one value within at least one item (missing is a value)."""
    names = list(dict.fromkeys(names))
    found: set[str] = set()
    if not names:
        return found
    first: dict[str, npt.NDArray[np.generic]] = {}
    seen = np.zeros(len(dataset.items), bool)
    for part in dataset.interactions.parts([dataset.item, *names]):
        items = _codes(part[dataset.item], dataset.items.index)
        rows = np.flatnonzero(items >= 0)[::-1]
        for name in names:
            values = _comparable(part[name])
            kept = first.setdefault(name, np.zeros(len(dataset.items), values.dtype))
            new = rows[~seen[items[rows]]]
            kept[items[new]] = values[new]  # reversed, so the earliest row of an item is written last
            if name not in found and bool((values[rows] != kept[items[rows]]).any()):
                found.add(name)
        seen[items[rows]] = True
    return found


def _codes(values: pd.Series[str], index: pd.Index[str]) -> npt.NDArray[np.intp]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        places = np.append(index.get_indexer(values.cat.categories), -1)
        return np.asarray(places[values.cat.codes.to_numpy()])
    return np.asarray(index.get_indexer(pd.Index(values)))


def _comparable(values: pd.Series[str]) -> npt.NDArray[np.generic]:
    """Values that compare equal when they are, missing ones included."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_extension_array_dtype(values.dtype):
        numbers: npt.NDArray[Any] = values.to_numpy()
        return np.where(np.isnan(numbers), np.inf, numbers) if numbers.dtype.kind == "f" else numbers
    return np.asarray(pd.util.hash_pandas_object(values, index=False, categorize=True).to_numpy())
