"""Cross-fitted doubly robust effects of every item at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from causalkit.components import Context, Level, PropensityModel, component
from causalkit.estimation import item_table, plain_reason, pooled_of
from causalkit.types import Dataset, Effects, Embeddings, Estimand, Pooled

from ._aipw_rows import Rows
from ._batched import (
    Batch,
    Floats,
    Ints,
    batches,
    dealt_folds,
    logistic,
    predicted,
    ridge,
    sigmoid,
    standardised,
)
from ._held_propensity import cross_fitted
from ._overlap import MOST_ALONE, alone
from ._unit_groups import mixed


@component
class AIPW:
    """Augmented inverse propensity weighting with cross-fitting, one effect per item, batched.

    For each item: logistic propensities (or those of a component) and ridge outcomes of both arms on the
    adjustment columns, fitted on the other folds; the doubly robust score averaged over all rows (`ate`, `cate`) or the
    exposed ones (`att`); errors from the influence function (Robins, Rotnitzky & Zhao 1994;
    Chernozhukov et al. 2018, eq. 5.3 and 5.4), summed within assignment units. Folds never split a
    unit. Ridge penalties count assignment units, so rows that repeat one decision weigh as one.
    Columns that are constant within an item drop out of its fit. An item has no estimate where nine tenths of
    its rows have no counterpart: where propensities of exposed rows lie above those of unexposed ones. Rows
    are held in memory.
    """

    level: ClassVar[Level] = "item"
    assumes: ClassVar[frozenset[str]] = frozenset({"ignorability", "overlap", "enough-units"})

    folds: Annotated[int, Field(ge=2, le=50)] = 5
    "Folds of cross-fitting."
    clip: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    "Propensities are held within [clip, 1 - clip]; the share of rows where that bites is reported."
    propensity: Literal["logged", "estimated"] | PropensityModel = "logged"
    """`logged`: the log's own propensities where its schema has that role (else estimated); `estimated`: always by the
    logistic regression of each item; or a propensity component, fitted to the rows of the other folds."""
    penalty: Annotated[float, Field(ge=0)] = 1.0
    "Ridge penalty on standardised columns, in assignment units, of propensity and outcome fits."
    min_units: Annotated[int, Field(ge=2)] = 4
    "Fewer exposed or unexposed assignment units than this: no estimate."

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> AIPW:
        """Fill `effects_`. Raises `DataError` for rows that cannot be read, or none at all."""
        rows = Rows.read(dataset, estimand, whole=not isinstance(self.propensity, str))
        lots = mixed(rows.lots ^ np.uint64(context.seed("aipw folds")))
        fold = dealt_folds(rows.group, rows.t, rows.w, rows.item, self.folds, lots)
        e, m1, m0 = (np.full(len(rows.t), np.nan) for _ in range(3))
        for batch in context.track(
            list(batches(rows.item, len(dataset.items), 4 * (rows.x.shape[1] + 1))), "doubly robust effects"
        ):
            self._nuisances(rows, batch, fold, (e, m1, m0))
        how = "logistic"
        if not isinstance(self.propensity, str):
            by = cross_fitted(self.propensity, dataset, estimand, rows.frame, fold, context)
            e, how = by.values, by.how
        elif rows.logged is not None and self.propensity == "logged":
            e = rows.logged
        effects = self._effects(dataset, estimand, rows, (e, m1, m0))
        self.effects_ = replace(effects, assumptions=_assumptions(dataset, estimand, self, how))
        return self

    def _nuisances(self, rows: Rows, batch: Batch, fold: Ints, out: tuple[Floats, Floats, Floats]) -> None:
        """Out-of-fold propensity and outcome means of the rows of a batch of items."""
        w = batch.take(rows.w)
        w /= np.maximum(w.sum(1, keepdims=True), 1e-300) / rows.units[batch.items][:, None]
        x, _ = standardised(batch.take(rows.x), w)
        t, y, k = batch.take(rows.t), batch.take(rows.y), batch.take(fold, -1)
        found = [np.zeros_like(t) for _ in out]
        for held_out in range(self.folds):
            here = k == held_out
            train = np.where(here, 0.0, w)
            beta, _ = logistic(x, t, train, self.penalty)
            fits = [
                sigmoid(predicted(x, beta)),
                predicted(x, ridge(x, y, train * t, self.penalty)),
                predicted(x, ridge(x, y, train * (1 - t), self.penalty)),
            ]
            for total, fit in zip(found, fits, strict=True):
                total[here] = fit[here]
        for flat, values in zip(out, found, strict=True):
            batch.put(flat, values)

    def _effects(
        self, dataset: Dataset, estimand: Estimand, rows: Rows, nuisances: tuple[Floats, Floats, Floats]
    ) -> Effects:
        raw_e, m1, m0 = nuisances
        e = np.clip(raw_e, self.clip, 1 - self.clip)
        clipped = (e != raw_e).astype(float)
        w, t, y = rows.w, rows.t, rows.y
        if estimand.target == "att":
            share, weight1, weight0 = t, t, (1 - t) * e / (1 - e)
            gain, unexposed = (t - weight0) * (y - m0), t * m0 + weight0 * (y - m0)
        else:
            share, weight1, weight0 = np.ones_like(t), t / e, (1 - t) / (1 - e)
            unexposed = m0 + weight0 * (y - m0)
            gain = m1 + weight1 * (y - m1) - unexposed
        items = len(dataset.items)
        count = _Arms.count(rows, weight1, weight0, items)
        with np.errstate(divide="ignore", invalid="ignore"):
            mass = np.bincount(rows.item, w * share, items)
            effect = np.bincount(rows.item, w * gain, items) / mass
            baseline = np.bincount(rows.item, w * unexposed, items) / mass
            score = w * (gain - share * effect[rows.item]) / mass[rows.item]
            stderr = _clustered_stderr(rows, score, items)
            clip_share = np.bincount(rows.item, w * clipped, items) / np.bincount(rows.item, w, items)
        few = (count.treated < self.min_units) | (count.control < self.min_units)
        lonely = alone(rows.item, t, raw_e, w, items)
        effect[few | (lonely > MOST_ALONE)] = np.nan
        reason = self._reasons(count, few, lonely, clip_share, stderr, rows.unit_name)
        table = item_table(
            dataset.items.index,
            raw=effect,
            raw_stderr=stderr,
            df=np.maximum(np.minimum(count.treated, count.control) * 2 - 2, 1),
            treated=count.treated,
            control=count.control,
            ess=count.ess,
            baseline=np.where(few, np.nan, baseline),
            reason=reason,
        )
        pooled = _pooled(rows, score, mass, effect, baseline)
        return Effects(table, pooled=pooled)

    def _reasons(
        self, count: _Arms, few: np.ndarray, lonely: Floats, clip_share: Floats, stderr: Floats, unit: str
    ) -> np.ndarray:
        reason = plain_reason(count.treated, count.control, unit)
        for k in np.flatnonzero(few & (reason == "")):
            reason[k] = f"{count.treated[k]} exposed and {count.control[k]} unexposed {unit}s; needs {self.min_units}"
        for k in np.flatnonzero((reason == "") & (lonely > MOST_ALONE)):
            reason[k] = f"{lonely[k]:.0%} of rows have no row of the other arm with a propensity like theirs"
        reason[(reason == "") & ~(stderr > 0)] = "the outcome never varies"
        for k in np.flatnonzero((reason == "") & (clip_share > 0.01)):
            reason[k] = f"propensities held at the limit in {clip_share[k]:.0%} of rows"
        return reason


@dataclass(frozen=True)
class _Arms:
    """Assignment units mostly exposed and mostly not, and the effective number of units, per item.

    `ess` is all units times the worse arm's Kish share `(Σa)² / (n Σa²)` of balancing weights `a`.
    """

    treated: Ints
    control: Ints
    ess: Floats

    @classmethod
    def count(cls, rows: Rows, weight1: Floats, weight0: Floats, items: int) -> _Arms:
        owner = rows.owner
        exposed = np.bincount(rows.group, rows.w * (2 * rows.t - 1)) > 0
        treated = np.bincount(owner, exposed, items).astype(np.int64)
        control = np.bincount(owner, ~exposed, items).astype(np.int64)
        shares = []
        for weight in (weight1, weight0):
            a = np.bincount(rows.group, rows.w * weight)
            with np.errstate(divide="ignore", invalid="ignore"):
                kish = np.bincount(owner, a, items) ** 2 / np.bincount(owner, a * a, items)
                shares.append(kish / np.bincount(owner, a > 0, items))
        ess = np.nan_to_num((treated + control) * np.minimum(*shares))
        return cls(treated, control, ess)


def _clustered_stderr(rows: Rows, score: Floats, items: int) -> Floats:
    units = np.bincount(rows.owner, minlength=items)
    squares = np.bincount(rows.owner, np.bincount(rows.group, np.nan_to_num(score)) ** 2, items)
    return np.sqrt(squares * units / np.maximum(units - 1, 1))


def _pooled(rows: Rows, score: Floats, mass: Floats, effect: Floats, baseline: Floats) -> Pooled | None:
    """The average over estimated items, weighted by how many rows each speaks for.

    Scores of an item sum to 0, so what clustering by item adds is the spread of effects around their mean.
    """
    known = np.isfinite(effect)
    if not known.any():
        return None
    weight = np.where(known, mass, 0) / mass[known].sum()
    part = np.where(known[rows.item], np.nan_to_num(score) * weight[rows.item], 0)
    by_group = np.bincount(rows.group, part)
    count, theta = int(known.sum()), float(weight @ np.where(known, effect, 0))
    between = float((weight[known] ** 2 @ (effect[known] - theta) ** 2) * count / max(count - 1, 1))
    by_unit = np.bincount(rows.unit, part)
    units = int((by_unit != 0).sum())
    cell, unit = float((by_group**2).sum()), float((by_unit**2).sum()) * units / max(units - 1, 1)
    variance = max(between + unit - cell, between, unit)
    how = f"average over {count} items by rows; errors clustered by item and assignment unit"
    return pooled_of(
        theta,
        variance**0.5,
        baseline=float(weight @ np.where(known, baseline, 0)),
        items=count,
        units=len(rows.owner),
        how=how,
    )


def _assumptions(dataset: Dataset, estimand: Estimand, used: AIPW, how: str) -> tuple[str, ...]:
    named = ", ".join(estimand.adjustment) or "nothing"
    if used.propensity == "logged" and dataset.schema.find("propensity"):
        design = ("The logged propensities are those by which exposure was decided.",)
    else:
        design = (
            f"Given {named}, exposure is as good as random within an item.",
            f"Either the propensity ({how}) or the outcome (linear) model is right.",
        )
    said = (*design, f"Propensities are held within [{used.clip:g}, {1 - used.clip:g}].")
    return said if dataset.unit else (*said, "Assumes independent rows.")
