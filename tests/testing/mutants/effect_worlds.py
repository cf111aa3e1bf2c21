"""Components that pass, and that fail, the checks in `causalkit.testing.checks.effect_worlds`."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.regression import Regression
from causalkit_plugins.estimators.shared import Shared

from causalkit.components import Context, Level, component
from causalkit.errors import DataError
from causalkit.estimation import (
    adjusted,
    codes_of,
    design,
    item_table,
    needed_columns,
    plain_reason,
    sound_rows,
    unit_codes,
)
from causalkit.types import Dataset, Effects, Embeddings, Estimand
from tests.testing.mutants import Make

BOUNDS = ["effect", "stderr", "lower", "upper"]


def with_items(effects, **columns):
    """The effects with columns of the item table replaced."""
    return replace(effects, item=effects.item.assign(**columns))


def stretched(effects, times, where=True):
    """The effects with intervals and errors `times` as wide, where it says."""
    table, at = effects.item, np.broadcast_to(where, len(effects.item))
    scale = np.where(at, times, 1.0)
    sides = {side: table["effect"] + scale * (table[side] - table["effect"]) for side in ("lower", "upper")}
    return with_items(effects, stderr=table["stderr"] * scale, **sides)


def filled(effects, where, value=0.1):
    """The effects with a made-up estimate in some items."""
    table = effects.item
    made = {"effect": value, "raw": value, "stderr": 0.1, "raw_stderr": 0.1, "lower": value - 0.2, "upper": value + 0.2}
    return with_items(effects, **{name: table[name].mask(where, number) for name, number in made.items()})


class Altered:
    """A healthy estimator whose effects are altered afterwards, by `alter`."""

    def fit(self, dataset, estimand, embeddings=None, *, context=Context()):
        super().fit(dataset, estimand, embeddings, context=context)
        self.effects_ = self.alter(self.effects_, dataset, estimand, embeddings)
        return self


@component
class TwoStages:
    """Two-stage least squares of every item, rows independent: what a declared instrument tells."""

    level: ClassVar[Level] = "item"
    assumes: ClassVar[frozenset[str]] = frozenset(
        {"instrument", "linearity", "independent-rows", "overlap", "enough-units"}
    )

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> TwoStages:
        """Fill `effects_`; raises `DataError` where the log declares no instrument."""
        if not estimand.instruments:
            raise DataError("two stages need an instrument, and the log declares none", "Give a column that role.")
        names = adjusted(dataset, estimand)
        wanted = (*names, *estimand.instruments, *dataset.unit_within_item)
        rows = dataset.interactions.frame(needed_columns(dataset, estimand, *wanted))
        rows = sound_rows(rows, dataset, estimand)
        item = codes_of(rows[dataset.item], dataset.items.index)
        t, y = (rows[name].to_numpy(float) for name in (estimand.treatment, estimand.outcome))
        w = dataset.weights(rows)
        beside = np.c_[np.ones(len(rows)), design(dataset, rows, names)]
        z = np.c_[rows[list(estimand.instruments)].to_numpy(float), beside]
        found = np.array([_two_stages(z[i], np.c_[t, beside][i], y[i], w[i]) for i in _by_item(item, dataset)])
        counts = [_units_of(dataset, rows[side], item[side]) for side in (t == 1, t == 0)]
        table = item_table(
            dataset.items.index,
            raw=found[:, 0],
            raw_stderr=found[:, 1],
            treated=counts[0],
            control=counts[1],
            baseline=np.nan,
            reason=plain_reason(*counts, "row"),
        )
        self.effects_ = Effects(table, assumptions=("The instrument moves the outcome through exposure alone.",))
        return self


def _units_of(dataset, rows, item):
    """Assignment units of each item; rows, each as often as its weight says, where the log declares none."""
    if not dataset.unit:
        return np.bincount(item, dataset.weights(rows), len(dataset.items))
    pairs = pd.DataFrame({"item": item, "unit": unit_codes(rows, dataset.unit_within_item)[0]}).drop_duplicates()
    return np.bincount(pairs["item"], minlength=len(dataset.items))


def _by_item(item, dataset):
    return [item == code for code in range(len(dataset.items))]


def _two_stages(z, x, y, w):
    """Effect and stderr of the first column of `x`, by instruments `z`; NaN where they tell nothing."""
    if len(y) <= x.shape[1] or np.ptp(x[:, 0]) == 0:
        return np.nan, np.nan
    inverse = np.linalg.pinv((z * w[:, None]).T @ x)
    beta = inverse @ (z * w[:, None]).T @ y
    noise = w @ (y - x @ beta) ** 2 / w.sum()
    return beta[0], np.sqrt((inverse @ (z * w[:, None]).T @ z @ inverse.T)[0, 0] * noise)


@component
class MisspeltAssumption(DifferenceInMeans):
    """Names an assumption that is in no list."""

    assumes: ClassVar[frozenset[str]] = frozenset({"randomized", "overlap", "enough-units"})


@component
class RaisesForColdItems(DifferenceInMeans):
    """Breaks on an item that was never exposed."""

    def fit(self, dataset, estimand, embeddings=None, *, context=Context()):
        exposed = dataset.interactions.frame().groupby(dataset.item, observed=False)[estimand.treatment].sum()
        [1 / int(count) for count in exposed]
        return super().fit(dataset, estimand, embeddings, context=context)


@component
class AnswersLittle(Altered, DifferenceInMeans):
    """Gives one item an effect, and leaves the others out."""

    def alter(self, effects, dataset, estimand, embeddings):
        out = np.arange(len(effects.item)) > 0
        nothing = {name: effects.item[name].mask(out) for name in (*BOUNDS, "raw", "raw_stderr")}
        return with_items(effects, **nothing, reason="left out")


@component
class ClaimsTooMuch(DifferenceInMeans):
    """Exposed minus unexposed, which does not say that exposure must have been a coin's."""

    assumes: ClassVar[frozenset[str]] = frozenset({"overlap", "enough-units"})


@component
class TooSure(Altered, Regression):
    """Errors a third of what they are."""

    def alter(self, effects, dataset, estimand, embeddings):
        return stretched(effects, 1 / 3)


@component
class TooVague(Altered, Regression):
    """Errors ten times what they are."""

    def alter(self, effects, dataset, estimand, embeddings):
        return stretched(effects, 10)


@component
class PooledOverItems(Altered, Regression):
    """Items adjusted; the pooled effect is exposed minus unexposed rows, items mixed."""

    def alter(self, effects, dataset, estimand, embeddings):
        rows = dataset.interactions.frame()
        means = rows.groupby(estimand.treatment)[estimand.outcome].mean()
        pooled = replace(effects.pooled, effect=float(means[1] - means[0]), stderr=0.05)
        return replace(effects, pooled=pooled)


@component
class SaysNothing(Altered, Regression):
    """Does not say in words what it rests on."""

    def alter(self, effects, dataset, estimand, embeddings):
        return replace(effects, assumptions=())


@component
class AnswersAnyway(Altered, AIPW):
    """Where exposed and unexposed rows cannot be compared, gives their difference."""

    def alter(self, effects, dataset, estimand, embeddings):
        plain = DifferenceInMeans().fit(dataset, estimand).effects_.item
        missing = effects.item["raw"].isna()
        taken = {name: effects.item[name].mask(missing, plain[name]) for name in (*BOUNDS, "raw", "raw_stderr")}
        return with_items(effects, **taken, reason=effects.item["reason"].mask(missing & plain["raw"].notna(), ""))


@component
class FillsAlwaysShown(Altered, DifferenceInMeans):
    """Makes up an estimate where all rows are exposed."""

    def alter(self, effects, dataset, estimand, embeddings):
        return filled(effects, (effects.item["control"] == 0) & (effects.item["treated"] > 0))


@component
class FillsNeverShown(Altered, DifferenceInMeans):
    """Makes up an estimate where no row is exposed."""

    def alter(self, effects, dataset, estimand, embeddings):
        return filled(effects, (effects.item["treated"] == 0) & (effects.item["control"] > 0))


@component
class CountsRows(Altered, DifferenceInMeans):
    """Counts rows where it should count assignment units."""

    def alter(self, effects, dataset, estimand, embeddings):
        rows = dataset.interactions.frame().groupby(dataset.item, observed=False)[estimand.treatment]
        treated = rows.sum().reindex(effects.item.index)
        return with_items(effects, treated=treated, control=rows.size().reindex(effects.item.index) - treated)


@component
class SureOfColdItems(Altered, Shared):
    """Predicted effects whose intervals are a tenth of what they are."""

    def alter(self, effects, dataset, estimand, embeddings):
        return stretched(effects, 0.1, effects.item["raw"].isna())


@component
class TrustsText(Altered, Regression):
    """Effects are what the items' vectors tell, whether they tell anything or not."""

    def alter(self, effects, dataset, estimand, embeddings):
        table = effects.item
        if embeddings is None or table["raw"].isna().any():
            return effects
        x = np.c_[np.ones(len(table)), embeddings.item.at(table.index).astype(float)]
        told = pd.Series(x @ np.linalg.lstsq(x, table["raw"].to_numpy(float), rcond=None)[0], table.index)
        stderr = np.hypot(table["stderr"], 0.2)
        return with_items(effects, effect=told, stderr=stderr, lower=told - 2 * stderr, upper=told + 2 * stderr)


HEALTHY: list[Make] = [
    lambda folder: TwoStages(),
    lambda folder: Shared(of=DifferenceInMeans()),
]

MUTANTS: dict[str, Make] = {
    "estimator/says-what-it-assumes": lambda folder: MisspeltAssumption(),
    "estimator/answers-a-log-or-refuses-it": lambda folder: RaisesForColdItems(),
    "estimator/answers-where-it-claims": lambda folder: AnswersLittle(),
    "estimator/right-where-it-claims": lambda folder: ClaimsTooMuch(),
    "estimator/intervals-cover": lambda folder: TooSure(),
    "estimator/intervals-are-no-wider-than-needed": lambda folder: TooVague(),
    "estimator/pooled-lies-among-items": lambda folder: PooledOverItems(),
    "estimator/what-rows-cannot-show-is-stated": lambda folder: SaysNothing(),
    "estimator/what-rows-show-is-marked": lambda folder: AnswersAnyway(),
    "estimator/no-overlap-is-withheld": lambda folder: FillsAlwaysShown(),
    "estimator/never-exposed-items-have-no-raw-effect": lambda folder: FillsNeverShown(),
    "estimator/too-few-units-are-marked": lambda folder: CountsRows(),
    "estimator/predicted-effects-lie-in-their-intervals": lambda folder: SureOfColdItems(of=Regression()),
    "estimator/text-that-says-nothing-does-no-harm": lambda folder: TrustsText(),
}
