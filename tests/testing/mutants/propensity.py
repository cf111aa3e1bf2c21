"""Propensity models that pass, and that fail, the checks of `checks.propensity`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from causalkit.components import Context, component
from causalkit.errors import DataError
from causalkit.types import Dataset, Propensities
from tests.testing.mutants import Make


@component
class Logistic:
    """Logistic regression of exposure on the log's numeric covariates, drawn to 0 by a ridge."""

    penalty: float = 1.0
    "Ridge penalty, in rows."

    def fit(self, dataset: Dataset, *, context: Context = Context()) -> Logistic:
        """Learn from every row."""
        rows = dataset.interactions.frame()
        names = [name for name in dataset.schema.named("covariate") if pd.api.types.is_numeric_dtype(rows[name])]
        w, t = dataset.weights(rows), rows[dataset.treatment].to_numpy(float)
        if not (w @ t > 0 and w @ (1 - t) > 0):
            raise DataError("a propensity needs exposed and unexposed rows", "Check the split and the population.")
        self.names_ = tuple(names)
        self.beta_ = self.of_beta(self._solved(self._columns(rows), t, w), rows, context)
        return self

    def of_beta(self, beta: Any, rows: pd.DataFrame, context: Context) -> Any:
        return beta

    def predict(self, rows: pd.DataFrame, *, context: Context = Context()) -> Propensities:
        """P(exposed) of each row."""
        p = 1 / (1 + np.exp(-self._columns(rows) @ self.beta_))
        return Propensities(np.clip(p, 0.01, 0.99), f"logistic regression on {', '.join(self.names_)}")

    def _columns(self, rows: pd.DataFrame) -> Any:
        return np.column_stack([np.ones(len(rows)), *(rows[name].to_numpy(float) for name in self.names_)])

    def _solved(self, x: Any, t: Any, w: Any) -> Any:
        beta, penalty = np.zeros(x.shape[1]), np.diag([1e-6] + [self.penalty] * (x.shape[1] - 1))
        for _ in range(30):
            p = 1 / (1 + np.exp(-x @ beta))
            beta = beta + np.linalg.solve((x.T * (w * p * (1 - p))) @ x + penalty, x.T @ (w * (t - p)) - penalty @ beta)
        return beta


class Changed(Logistic):
    """The same, with a place to spoil what it gives."""

    def predict(self, rows, *, context=Context()):
        found = super().predict(rows, context=context)
        return Propensities(self.of_values(found.values, rows), found.how)

    def of_values(self, values: Any, rows: pd.DataFrame) -> Any:
        return values


@component
class ReturnsNothing(Logistic):
    """Forgets `return self`."""

    def fit(self, dataset, *, context=Context()):
        super().fit(dataset, context=context)


@component
class NeverUnfitted(Logistic):
    """Knows before it was told."""

    def predict(self, rows, *, context=Context()):
        return super().predict(rows) if "beta_" in vars(self) else Propensities(np.full(len(rows), 0.5), "a guess")


@component
class Certain(Changed):
    """Is sometimes sure."""

    def of_values(self, values, rows):
        return np.where(values > 0.6, 1.0, values)


@component
class Mute(Logistic):
    """Does not say how."""

    def predict(self, rows, *, context=Context()):
        return Propensities(super().predict(rows).values, "")


@component
class AmongOthers(Changed):
    """Scales by the rows beside."""

    def of_values(self, values, rows):
        return np.clip(values - values.mean() + 0.5, 0.01, 0.99) if len(values) else values


@component
class WritesToTheRows(Changed):
    """Leaves a column in the rows."""

    def of_values(self, values, rows):
        rows["propensity"] = values
        return values


@component
class NeverTheSame(Logistic):
    """Draws without a seed."""

    def of_beta(self, beta, rows, context):
        return beta + np.random.default_rng().normal(scale=1e-3, size=len(beta))


@component
class SeedsTheProcess(Logistic):
    """Seeds numpy's own generator."""

    def of_beta(self, beta, rows, context):
        np.random.seed(context.seed("draws"))  # noqa: NPY002 (the fault)
        return beta


@component
class Remembers(Logistic):
    """Adds what an earlier fit found."""

    def of_beta(self, beta, rows, context):
        return (beta + vars(self).get("beta_", beta)) / 2 if len(vars(self).get("beta_", beta)) == len(beta) else beta


@component
class FirstRows(Logistic):
    """Takes the first rows for a sample."""

    def fit(self, dataset, *, context=Context()):
        rows = dataset.interactions.frame().iloc[:700]
        return super().fit(_with_rows(dataset, rows), context=context)


def _with_rows(dataset: Dataset, rows: pd.DataFrame) -> Dataset:
    from dataclasses import replace

    from causalkit.types import Table

    return replace(dataset, interactions=Table(rows))


@component
class FirstColumn(Logistic):
    """Goes by whichever covariate comes first."""

    def _columns(self, rows):
        kept = [name for name in rows.columns if name in self.names_][:1]
        return np.column_stack([np.ones(len(rows)), *(rows[name].to_numpy(float) for name in kept)])


@component
class ReadsTheOutcome(Logistic):
    """Fits to the outcome too."""

    def of_beta(self, beta, rows, context):
        return beta + np.append(rows["bought"].mean(), np.zeros(len(beta) - 1))


@component
class Looks(Changed):
    """Looks at whether the row was exposed."""

    def of_values(self, values, rows):
        return np.clip(values + 0.1 * (rows["shown"].to_numpy(float) - 0.5), 0.01, 0.99)


@component
class Unweighted(Logistic):
    """Ignores weights."""

    def _solved(self, x, t, w):
        return super()._solved(x, t, np.ones_like(w))


@component
class BytesAlone(Logistic):
    """Refuses exposure that is not of one type."""

    def of_beta(self, beta, rows, context):
        if rows["shown"].dtype != np.int8:
            raise DataError("exposure must be int8")
        return beta


@component
class KnownItemsAlone(Changed):
    """Looks items up in a table."""

    def of_beta(self, beta, rows, context):
        self.items_ = set(rows["item"].unique())
        return beta

    def of_values(self, values, rows):
        {item: dict.fromkeys(self.items_, 0)[item] for item in rows["item"].unique()}
        return values


@component
class DividesByRows(Logistic):
    """Divides by how many rows there are."""

    def fit(self, dataset, *, context=Context()):
        1 / len(dataset.interactions)
        return super().fit(dataset, context=context)


@component
class Shy(Changed):
    """Expects half of what is."""

    def of_values(self, values, rows):
        return values / 2


@component
class Upside(Changed):
    """Takes exposed for unexposed."""

    def of_values(self, values, rows):
        return np.clip(1 - values, 0.01, 0.99)


@component
class KeepsAFunction(Logistic):
    """Keeps a function that can't be pickled."""

    def of_beta(self, beta, rows, context):
        self.link_ = lambda x: x
        return beta


@component
class NeedsTwoItems(Logistic):
    """Divides by how many other items there are."""

    def fit(self, dataset, *, context=Context()):
        1 / (len(dataset.items) - 1)
        return super().fit(dataset, context=context)


HEALTHY: list[Make] = [lambda folder: Logistic()]


def _of(mutant: type) -> Make:
    return lambda folder: mutant()


_FAULTS: dict[str, type] = {
    "fit-returns-self": ReturnsNothing,
    "an-unfitted-one-says-so": NeverUnfitted,
    "a-probability-for-each-row": Certain,
    "says-how": Mute,
    "follows-its-rows": AmongOthers,
    "leaves-its-input-alone": WritesToTheRows,
    "fit-repeats": NeverTheSame,
    "draws-from-its-context-alone": SeedsTheProcess,
    "a-refit-forgets": Remembers,
    "rows-in-any-order": FirstRows,
    "columns-in-any-order": FirstColumn,
    "never-reads-the-outcome": ReadsTheOutcome,
    "predicts-without-looking": Looks,
    "weights-are-frequencies": Unweighted,
    "treatment-of-any-type": BytesAlone,
    "new-items-and-users": KnownItemsAlone,
    "a-log-without-choice": DividesByRows,
    "is-calibrated": Shy,
    "no-worse-than-one-number": Upside,
    "a-fitted-one-can-be-pickled": KeepsAFunction,
    "one-item-is-enough": NeedsTwoItems,
}

MUTANTS: dict[str, Make] = {f"propensity/{name}": _of(fault) for name, fault in _FAULTS.items()}
