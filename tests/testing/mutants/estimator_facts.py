"""Estimators that fail the checks of `checks.estimator_facts`: the kit's own least squares, each with one fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from causalkit.components import component
from causalkit.estimation import item_table
from causalkit.testing.checks._reference import LeastSquares
from tests.testing.mutants import Make
from tests.testing.mutants.estimator import Spoilt, with_item


@component
class OneArm(Spoilt):
    """Raw errors of one arm alone; those of effects are right."""

    def of_effects(self, effects, dataset):
        return with_item(effects, raw_stderr=effects.item["raw_stderr"] * 0.7)


@component
class ExposedBaseline(Spoilt):
    """The outcome where exposed in the place of the baseline."""

    def of_effects(self, effects, dataset):
        return with_item(effects, baseline=effects.item["baseline"] + effects.item["effect"])


@component
class RowsForUnits(Spoilt):
    """Kish's effective number, of rows."""

    def of_effects(self, effects, dataset):
        return with_item(effects, ess=float(len(dataset.interactions)))


@component
class UnitsAcrossItems(LeastSquares):
    """Counts the week's rows of every item as one unit of an item."""

    def fit(self, dataset, estimand, embeddings=None, **context):
        super().fit(dataset, estimand, embeddings, **context)
        crossed = dataset.item in dataset.unit or not dataset.unit
        table = self.effects_.item
        self.effects_ = with_item(self.effects_, stderr=table["stderr"] * (1 if crossed else len(table) ** 0.5))
        return self


@component
class ByteCodes(Spoilt):
    """Holds an item's code in a byte."""

    def of_effects(self, effects, dataset):
        table = effects.item
        place = np.arange(len(table)).astype(np.int8).astype(int) % len(table)
        names = ("raw", "raw_stderr", "treated", "control", "baseline", "reason")
        moved = {name: table[name].to_numpy()[place] for name in names}
        return replace(effects, item=item_table(table.index, **moved))


def _of(mutant: type) -> Make:
    return lambda folder: mutant()


HEALTHY: list[Make] = []

MUTANTS: dict[str, Make] = {
    "estimator/raw-errors-are-large-enough": _of(OneArm),
    "estimator/baseline-is-of-the-unexposed": _of(ExposedBaseline),
    "estimator/effective-units-are-no-more-than-units": _of(RowsForUnits),
    "estimator/an-items-units-are-its-own": _of(UnitsAcrossItems),
    "estimator/items-without-rows-change-nothing": _of(ByteCodes),
}
