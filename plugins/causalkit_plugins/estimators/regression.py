"""The linear adjusted effect of every item at once, in two passes over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from causalkit.components import Context, Level, component
from causalkit.estimation import adjusted, bare, item_table, needed_columns, plain_reason, pooled_of
from causalkit.reduction import reduce_table
from causalkit.statistics import t_interval
from causalkit.types import LADDER_COLUMNS, Dataset, Effects, Embeddings, Estimand, Pooled

from ._gram import TOLERANCE, Partial
from ._least_squares import Found, LeastSquares, Sums
from ._terms import terms_of
from ._unit_groups import UnitHash

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.object_]
ELSEWHERE = 0.05
"""Share of the variance that adjustment leaves of exposure which must stand without any one group: below it the
jackknife, which holds adjustment, leaves out what adjustment itself would owe to that group."""


@component
class Regression:
    """Least squares of outcome on exposure and adjustment columns, for each item on its own rows.

    For each item, all at once and weighted by frequency,

        outcome = effect × exposure + constant + adjustment · g + noise

    from cross products of the columns (first pass) and scores of the residuals (second pass), so that
    memory grows with items and columns and never with rows or units. Columns that are constant or
    collinear within an item drop out of its fit. Categorical columns enter as 0/1 per level.

    Errors are clustered by the schema's assignment unit, with t(G - 1) intervals: the jackknife that
    leaves out one unit at a time, adjustment held (CV3: MacKinnon, Nielsen & Webb 2023, J. Appl. Econom.
    38), or CR1 (Liang & Zeger 1986), which is too small where few units are exposed. G - 1 overstates what
    few units tell: of simulated items with 12 of 52 weeks exposed, the jackknife's intervals held 95 % of
    the effects, with 4 of 52 they held 91 %. An effect that hangs on one unit or row alone is not read.

    Where units are more than `groups`, a hash of their ids deals them to that many groups, which are
    independent where units are, and those are the G clusters; `treated`, `control` and `ess` count groups
    then, and so never more than `groups`. Where the log declares no unit, rows are independent and errors
    are HC3 (MacKinnon & White 1985), a weight being that many rows. `treated` and `control` count units
    with any exposed, and with any unexposed, row.

    One number per item: where the effect differs between its rows, their average weighted by how much
    adjustment leaves open whether they were exposed (Angrist 1998, Econometrica 66), for `ate` and `att`
    alike. The target decides how items are weighed in the pooled effect, and whose baseline is told.
    """

    level: ClassVar[Level] = "item"
    assumes: ClassVar[frozenset[str]] = frozenset({"ignorability", "linearity", "overlap", "enough-units"})

    groups: Annotated[int, Field(ge=8, le=4096)] = 128
    "Most clusters that an item's error is made of; more assignment units are dealt to this many groups."
    errors: Literal["jackknife", "cr1"] = "jackknife"
    "How errors are clustered; `cr1` is what other tools call cluster-robust."
    min_units: Annotated[int, Field(ge=1)] = 4
    "Fewer exposed or unexposed assignment units than this: no estimate."

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Regression:
        """Fill `effects_`; `embeddings` are not used. Raises `DataError` for rows that cannot be read."""
        table, units = dataset.interactions, dataset.unit_within_item
        terms = []
        for name in adjusted(dataset, estimand):
            declared = name in dataset.schema and dataset.schema[name].kind == "categorical"
            terms += terms_of(dataset, name, "regression", levelled=declared)
        columns = needed_columns(dataset, estimand, *(term.column for term in terms), *units)
        reduction = LeastSquares(
            bare(dataset),
            estimand,
            dataset.items.index,
            tuple(terms),
            UnitHash.of(table, units) if dataset.unit else None,
            self.groups,
        )
        found = reduce_table(reduction, table, columns, context=context, label="regressing outcomes")
        how = self.errors if dataset.unit else "hc3"
        read = _Read.of(found, how, least=self.min_units, unit=_unit_name(dataset))
        self.effects_ = Effects(
            _item_table(dataset, estimand, found, read),
            pooled=_pooled(estimand, found, read),
            ladder=_ladder(estimand, found, read),
            assumptions=_assumptions(dataset, estimand, found),
        )
        return self


@dataclass(frozen=True)
class _Read:
    """What can be read of each item: counts of units, degrees of freedom, and why nothing can.

    `influence` `[I, G]` are the parts of the error by group, adjusted and not; their squares sum to the variance.
    """

    treated: npt.NDArray[np.int64]
    control: npt.NDArray[np.int64]
    df: Floats
    reason: Words
    influence: Floats
    bare_influence: Floats
    clustered: bool

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.reason == "")

    @classmethod
    def of(cls, found: Found, how: str, *, least: int, unit: str) -> _Read:
        sides = (found.exposed, found.unexposed)
        if how == "hc3":
            treated, control = (np.rint(side[:, 0]).astype(np.int64) for side in sides)
            df = found.moments.n - found.partial.rank - 2
        else:
            treated, control = ((side > 0).sum(1) for side in sides)
            df = ((found.exposed + found.unexposed) > 0).sum(1) - 1.0
        reason = _reasons(found, treated, control, least, unit)
        fits = ((found.partial, found.adjusted), (_bare(found), found.bare))
        parts = [_influence(found, fit, sums, df, how) for fit, sums in fits]
        reason[(reason == "") & ~np.isfinite(parts).all((0, 2))] = f"the effect rests on one {unit}"
        known = (reason == "")[:, None]
        return cls(
            treated, control, df, reason, *(np.where(known, part, 0.0) for part in parts), clustered=how != "hc3"
        )


def _influence(found: Found, fit: Partial, sums: Sums, df: Floats, how: str) -> Floats:
    """Parts `[I, G]` of the error whose squares sum to the variance; NaN where the effect rests on one group."""
    n, left = found.moments.n[:, None], fit.left[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        if how == "hc3":
            return np.asarray(np.sqrt(sums.score) / left)
        if how == "cr1":
            small = (df + 1) / df * (n[:, 0] - 1) / (n[:, 0] - fit.rank - 2)
            return np.asarray(np.sqrt(small)[:, None] * sums.score / left)
        others = n - found.exposed - found.unexposed
        determinant = others * (left - sums.mass) - sums.left**2
        moved = (others * sums.score + sums.left * sums.residual) / determinant
        return np.where(determinant > ELSEWHERE * n * left, moved, np.nan) * np.sqrt(df / (df + 1))[:, None]


def _bare(found: Found) -> Partial:
    return Partial.of(found.moments.without_adjustment())


def _reasons(
    found: Found, treated: npt.NDArray[np.int64], control: npt.NDArray[np.int64], least: int, unit: str
) -> Words:
    moments, fit = found.moments, found.partial
    reason = plain_reason(treated, control, unit)
    few = (treated < least) | (control < least)
    for i in np.flatnonzero(few & (reason == "")):
        reason[i] = f"{treated[i]} exposed and {control[i]} unexposed {unit}s; needs {least}"
    spread = moments.cross[:, -1, -1]
    left = spread - np.einsum("ik,ik->i", fit.on_outcome, moments.cross[:, 1:-1, -1])
    left = left - np.nan_to_num(fit.effect) ** 2 * fit.left
    tests = (
        (moments.n <= fit.rank + 2, "no more rows than columns"),
        (fit.left <= 0, "exposure follows from what is adjusted for"),
        (spread <= moments.n * (TOLERANCE * moments.mean[:, -1]) ** 2, "the outcome never varies"),
        (left <= TOLERANCE * spread, "the outcome follows from exposure and what is adjusted for"),
    )
    for holds, why in tests:
        reason[holds & (reason == "")] = why
    return reason


def _item_table(dataset: Dataset, estimand: Estimand, found: Found, read: _Read) -> pd.DataFrame:
    known, fit = read.known, found.partial
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = (found.adjusted.mass**2).sum(1) if read.clustered else found.adjusted.mass[:, 0]
        ess = np.nan_to_num(fit.left**2 / mass)
    return item_table(
        dataset.items.index,
        raw=np.where(known, fit.effect, np.nan),
        raw_stderr=np.sqrt((read.influence**2).sum(1)),
        df=np.where(known, read.df, np.inf),
        treated=read.treated,
        control=read.control,
        ess=ess,
        baseline=np.where(known, _without_exposure(estimand, found, fit), np.nan),
        reason=read.reason,
    )


def _without_exposure(estimand: Estimand, found: Found, fit: Partial) -> Floats:
    """Outcome `[I]` of the rows that the target speaks of, had they not been exposed."""
    share, outcome = found.moments.mean[:, 0], found.moments.mean[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        if estimand.target == "att":
            return np.asarray(outcome + found.moments.cross[:, 0, -1] / (found.moments.n * share) - fit.effect)
        return np.asarray(outcome - fit.effect * share)


def _average(estimand: Estimand, found: Found, read: _Read, fit: Partial, influence: Floats) -> tuple[float, ...]:
    """Effect, stderr and baseline over items, by the target's rows.

    Scores of an item sum to 0, so what clustering by item adds is the spread of effects around their mean
    (two-way errors of Cameron, Gelbach & Miller 2011).
    """
    known = read.known
    rows = found.exposed.sum(1) if estimand.target == "att" else found.moments.n
    share = np.where(known, rows, 0) / rows[known].sum()
    effect = np.where(known, fit.effect, 0)
    theta, count = float(share @ effect), int(known.sum())
    between = float((share[known] ** 2 @ (effect[known] - theta) ** 2) * count / max(count - 1, 1))
    part = share[:, None] * influence
    cell = float((part**2).sum())
    unit = float((part.sum(0) ** 2).sum()) if read.clustered else cell
    baseline = np.where(known, _without_exposure(estimand, found, fit), 0)
    return theta, max(between + unit - cell, between, unit) ** 0.5, float(share @ baseline)


def _pooled(estimand: Estimand, found: Found, read: _Read) -> Pooled | None:
    if not read.known.any():
        return None
    effect, stderr, baseline = _average(estimand, found, read, found.partial, read.influence)
    over = "exposed rows" if estimand.target == "att" else "rows"
    by = "item and assignment unit" if read.clustered else "item; assumes independent rows"
    return pooled_of(
        effect,
        stderr,
        df=_pooled_df(read),
        baseline=baseline,
        items=int(read.known.sum()),
        units=int((read.treated + read.control)[read.known].sum()),
        how=f"average over {int(read.known.sum())} items by {over}; errors clustered by {by}",
    )


def _pooled_df(read: _Read) -> float:
    groups = read.influence.shape[1] if read.clustered else np.inf
    return float(max(min(int(read.known.sum()), groups) - 1, 1))


def _ladder(estimand: Estimand, found: Found, read: _Read) -> pd.DataFrame:
    """From exposed minus unexposed within items to what is reported; the same items in both."""
    steps = [("each item on its own: exposed minus unexposed", _bare(found), read.bare_influence)]
    if found.partial.on_treatment.shape[1]:
        steps.append(("each item on its own, adjusted", found.partial, read.influence))
    rows = [(name, *_average(estimand, found, read, *step)) for name, *step in steps] if read.known.any() else []
    table = pd.DataFrame(rows, columns=["specification", "effect", "stderr", "baseline"])
    table["lower"], table["upper"] = t_interval(table["effect"], table["stderr"], _pooled_df(read))
    return table.assign(population=estimand.population)[list(LADDER_COLUMNS)]


def _unit_name(dataset: Dataset) -> str:
    return " × ".join(dataset.unit_within_item) or ("item" if dataset.unit else "row")


def _assumptions(dataset: Dataset, estimand: Estimand, found: Found) -> tuple[str, ...]:
    named = ", ".join(estimand.adjustment) or "nothing"
    said = [
        f"Given {named}, exposure is as good as random within an item.",
        "Within an item, the outcome is linear in what is adjusted for, exposed and unexposed alike; where effects "
        "differ between rows, the effect is their average weighted by how open exposure was.",
    ]
    if not dataset.unit:
        said.append("Assumes independent rows: the log declares no assignment unit.")
    elif not found.exact:
        groups = found.exposed.shape[1]
        said.append(f"Errors come from {groups} random groups of assignment units ({_unit_name(dataset)}).")
    return tuple(said)
