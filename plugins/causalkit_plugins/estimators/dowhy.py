"""DoWhy's estimators, guarded: a reference on a sample of items."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import logging
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from causalkit.components import Context, Level, component
from causalkit.errors import DataError, InvalidParameter, Problem, nearest
from causalkit.estimation import adjusted, codes_of, design, item_table, needed_columns, ranks, sound_rows, unit_codes
from causalkit.types import Dataset, Effects, Embeddings, Estimand

from ._batched import Floats, Ints

_METHODS = {
    "linear-regression": "linear_regression_estimator:LinearRegressionEstimator",
    "propensity-weighting": "propensity_score_weighting_estimator:PropensityScoreWeightingEstimator",
    "propensity-stratification": "propensity_score_stratification_estimator:PropensityScoreStratificationEstimator",
    "propensity-matching": "propensity_score_matching_estimator:PropensityScoreMatchingEstimator",
}


@component
class DoWhyEstimator:
    """Runs an estimator of DoWhy (Sharma & Kiciman 2020, arXiv 2011.04216) one item at a time.

    Slow by design of its library (from 0.01 to 3 s a fit), so it is for checking others on some items.
    Errors come from redrawing assignment units. Before DoWhy sees rows, this refuses what it would
    misread in silence: one-armed items, missing values, misspelt columns and options. Columns that are
    constant within an item drop out; an answer outside what the outcome can change by is not passed on.
    """

    level: ClassVar[Level] = "item"

    method: Literal["linear-regression", "propensity-weighting", "propensity-stratification", "propensity-matching"] = (
        "linear-regression"
    )
    "How effects are estimated; linear regression gives one effect whatever the target."
    items: list[str] | None = None
    "Which items (as text); absent, those with the most exposed units, up to `max_items`."
    max_items: Annotated[int, Field(ge=1)] = 20
    "At most so many items where none are named."
    options: dict[str, Any] = {}  # noqa: RUF012 (pydantic copies it)
    "Further parameters of DoWhy's class, such as {min_ps_score: 0.01}; an unknown one is refused."
    resamples: Annotated[int, Field(ge=10)] = 30
    "Redrawn samples for the error."
    min_units: Annotated[int, Field(ge=2)] = 4
    "Fewer exposed or unexposed assignment units than this: no estimate."
    max_rows: Annotated[int, Field(ge=100)] = 200_000
    "Rows of one item at most, after rows have been repeated by their weight."
    seconds: Annotated[float, Field(gt=0)] = 300.0
    "Time limit, looked at before each fit; items not reached are left without an estimate, which says so."

    @property
    def assumes(self) -> frozenset[str]:
        """What its answers rest on: by regression, a linear outcome too."""
        linear = {"linearity"} if self.method == "linear-regression" else set()
        return frozenset({"ignorability", "overlap", "enough-units", *linear})

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> DoWhyEstimator:
        """Fill `effects_`.

        Raises
        ------
        DataError : unsound rows, an item that is not there, or nothing to adjust for by propensity.
        InvalidParameter : an option that DoWhy's class does not have.
        """
        names = adjusted(dataset, estimand)
        if not names and self.method != "linear-regression":
            raise DataError(
                f"dowhy's {self.method} needs something to adjust for, and the adjustment set is empty",
                "Use method: linear-regression, or the estimator difference-in-means.",
            )
        with _quiet():
            make = self._estimator_class()
            rows = _Rows.read(dataset, estimand, names)
            deadline = time.monotonic() + self.seconds
            found = _Found.empty(len(dataset.items), rows)
            for code in context.track(self._chosen(dataset, found), "dowhy, item by item"):
                name = str(dataset.items.index[code])
                self._item(int(code), name, rows, make, estimand, found, deadline, context)
        table = item_table(
            dataset.items.index,
            raw=found.effect,
            raw_stderr=found.stderr,
            df=np.maximum(np.minimum(np.minimum(found.treated, found.control), self.resamples) - 1, 1),
            treated=found.treated,
            control=found.control,
            ess=(found.treated + found.control).astype(float),
            baseline=found.baseline,
            reason=found.reason,
        )
        self.effects_ = Effects(table, assumptions=self._assumptions(estimand))
        return self

    def _estimator_class(self) -> Any:
        module, _, name = _METHODS[self.method].partition(":")
        made = getattr(importlib.import_module(f"dowhy.causal_estimators.{module}"), name)
        known = [p for p in inspect.signature(made.__init__).parameters if p not in ("self", "kwargs")]
        unknown = [
            Problem(f"options.{o}", f": DoWhy has none{nearest(o, known)}") for o in self.options if o not in known
        ]
        if unknown:
            raise InvalidParameter("dowhy", unknown, f"{name} takes {', '.join(known[1:])}.")
        return made

    def _chosen(self, dataset: Dataset, found: _Found) -> Ints:
        """Codes of the items to fit; all others get their reason."""
        if self.items is not None:
            ids = dataset.items.index.astype(str)
            missing = [item for item in self.items if item not in ids]
            if missing:
                raise DataError(f"there is no item {missing[0]!r}{nearest(missing[0], ids)}", "See the item table.")
            chosen, why = ids.get_indexer(pd.Index(self.items)), "not among the items that dowhy was given"
        else:
            smaller = np.minimum(found.treated, found.control)
            chosen = np.lexsort((ranks(dataset.items.index), -smaller))[: self.max_items]
            why = f"not among the {self.max_items} items with most units, which dowhy was held to"
        found.reason[:] = why
        found.reason[chosen] = ""
        return np.asarray(chosen, np.int64)

    def _item(
        self,
        code: int,
        name: str,
        rows: _Rows,
        make: Any,
        estimand: Estimand,
        found: _Found,
        deadline: float,
        context: Context,
    ) -> None:
        if min(found.treated[code], found.control[code]) < self.min_units:
            found.reason[code] = (
                f"{found.treated[code]} exposed and {found.control[code]} unexposed units; needs {self.min_units}"
            )
            return
        table, unit = rows.table(code, self.max_rows)
        if np.ptp(table["y"]) == 0:
            found.reason[code] = "the outcome never varies"
            return
        target = "att" if estimand.target == "att" else "ate"
        causes = [column for column in table.columns if column[0] == "x"]
        if not causes and self.method != "linear-regression":
            found.reason[code] = "every column to adjust for is constant within the item"
            return
        estimand_of_dowhy = _identified(table, causes)
        draws: list[float] = []
        for draw in range(self.resamples + 1):
            if time.monotonic() > deadline:
                found.reason[code] = f"the time limit of {self.seconds:g} s was reached"
                return
            context.check()
            sample = table if draw == 0 else _redrawn(table, unit, context.rng(f"dowhy {name} {draw}"))
            value = self._value(make, estimand_of_dowhy, sample, target)
            if draw == 0 and not abs(value) <= np.ptp(table["y"]) * (1 + 1e-9):
                found.reason[code] = f"DoWhy gave {value:.3g}, which is no change of the outcome"
                return
            draws.append(value)
        later = np.array(draws[1:])[np.isfinite(draws[1:])]
        if len(later) < 0.8 * self.resamples:
            found.reason[code] = f"DoWhy failed in {self.resamples - len(later)} of {self.resamples} redrawn samples"
            return
        found.effect[code], found.stderr[code] = draws[0], later.std(ddof=1)

    def _value(self, make: Any, identified: Any, table: pd.DataFrame, target: str) -> float:
        """DoWhy's answer; NaN where it gave none or raised."""
        if table["t"].nunique() < 2:
            return float("nan")
        try:
            data = table.copy()
            estimator = make(identified, **self.options).fit(data)
            made = estimator.estimate_effect(data, treatment_value=1, control_value=0, target_units=target)
        except Exception:  # DoWhy raises whatever its models raise; an item without an answer says so
            return float("nan")
        return float("nan") if made is None or made.value is None else float(made.value)

    def _assumptions(self, estimand: Estimand) -> tuple[str, ...]:
        said = [f"Given {', '.join(estimand.adjustment) or 'nothing'}, exposure is as good as random within an item."]
        if self.method == "linear-regression":
            said.append("One effect for all rows of an item, and a linear outcome, whatever the target.")
        elif self.method == "propensity-weighting":
            low, high = self.options.get("min_ps_score", 0.05), self.options.get("max_ps_score", 0.95)
            said.append(f"Propensities are held within [{low:g}, {high:g}].")
        elif self.method == "propensity-matching":
            said.append("Errors of matching by redrawn samples are approximate (Abadie & Imbens 2008).")
        return tuple(said)


@dataclass(frozen=True)
class _Rows:
    item: Ints
    unit: Ints
    w: Floats
    t: Floats
    y: Floats
    x: Floats
    clustered: bool

    @classmethod
    def read(cls, dataset: Dataset, estimand: Estimand, names: tuple[str, ...]) -> _Rows:
        units = dataset.unit_within_item
        columns = needed_columns(dataset, estimand, *units, *names)
        rows = sound_rows(dataset.interactions.frame(columns), dataset, estimand)
        item = codes_of(rows[dataset.item], dataset.items.index)
        rows, item = rows[item >= 0], item[item >= 0]
        unit = unit_codes(rows, units)[0] if dataset.unit else np.arange(len(rows))
        t, y = (rows[name].to_numpy(float) for name in (estimand.treatment, estimand.outcome))
        return cls(item, unit, dataset.weights(rows), t, y, design(dataset, rows, names), bool(dataset.unit))

    def table(self, code: int, most: int) -> tuple[pd.DataFrame, Ints]:
        """One item's rows, repeated by weight, columns t, y, x0 …; and each row's unit."""
        here = np.flatnonzero(self.item == code)
        w = self.w[here]
        if not np.array_equal(w, np.rint(w)):
            raise DataError("dowhy repeats rows by their weight, and weights are not whole numbers", "Use aipw.")
        if w.sum() > most:
            raise DataError(
                f"one item has {int(w.sum())} rows after repeating them by weight; dowhy was held to {most}",
                "Raise max_rows, name smaller items, or use aipw or panel, which take weights as they are.",
            )
        here = np.repeat(here, w.astype(np.int64))
        x = self.x[here]
        keep = np.ptp(x, axis=0) > 0 if len(here) else np.zeros(x.shape[1], bool)
        columns = {"t": self.t[here].astype(np.int64), "y": self.y[here]}
        columns |= {f"x{k}": column for k, column in enumerate(x[:, keep].T)}
        return pd.DataFrame(columns), self.unit[here] if self.clustered else np.arange(len(here))


@dataclass(frozen=True)
class _Found:
    effect: Floats
    stderr: Floats
    baseline: Floats
    treated: Ints
    control: Ints
    reason: Any

    @classmethod
    def empty(cls, items: int, rows: _Rows) -> _Found:
        group, first = np.unique(rows.item * (int(rows.unit.max(initial=0)) + 1) + rows.unit, return_inverse=True)
        owner = group // (int(rows.unit.max(initial=0)) + 1)
        exposed = np.bincount(first, rows.w * (2 * rows.t - 1), len(group)) > 0
        times = np.ones(len(group)) if rows.clustered else np.bincount(first, rows.w, len(group))
        n0 = np.bincount(rows.item, rows.w * (1 - rows.t), items)
        y0 = np.bincount(rows.item, rows.w * (1 - rows.t) * rows.y, items)
        return cls(
            np.full(items, np.nan),
            np.full(items, np.nan),
            np.where(n0 > 0, y0 / np.maximum(n0, 1e-300), np.nan),
            *(np.rint(np.bincount(owner[at], times[at], items)).astype(np.int64) for at in (exposed, ~exposed)),
            np.full(items, "", object),
        )


def _identified(table: pd.DataFrame, causes: list[str]) -> Any:
    from dowhy import CausalModel

    model = CausalModel(table, treatment="t", outcome="y", common_causes=causes)
    found = model.identify_effect(proceed_when_unidentifiable=True)
    # DoWhy lists them as a set gives them, which differs from process to process, and with it the last bits
    found.backdoor_variables = {
        key: [name for name in causes if name in names] for key, names in (found.backdoor_variables or {}).items()
    }
    return found


def _redrawn(table: pd.DataFrame, unit: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """Whole units drawn with replacement."""
    codes, units = pd.factorize(unit, sort=True)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    drawn = rng.integers(0, len(units), len(units))
    return table.iloc[np.concatenate([parts[k] for k in drawn])].reset_index(drop=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No prints, log records or warnings from DoWhy and what it uses."""
    logger = logging.getLogger("dowhy")
    level = logger.level
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        importlib.import_module("dowhy")
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
