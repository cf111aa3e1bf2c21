"""Estimators that pass, and that fail, the checks of `checks.estimator` and `checks.estimator_habits`.

Each mutant is the kit's own least squares with one fault. What it gives back is spoilt in `of_effects`, what it
reads in `of_log`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from causalkit.components import Context, component
from causalkit.errors import DataError, Interrupted
from causalkit.reduction import State, add_states, reduce_table
from causalkit.testing.checks._reference import LeastSquares
from causalkit.types import Dataset, Effects, Estimand, SegmentMap, Table
from tests.testing.mutants import Make


class Spoilt(LeastSquares):
    """Least squares, between two places to put a fault."""

    def fit(self, dataset, estimand, embeddings=None, *, context=Context()):
        data, asked = self.of_log(dataset, estimand, context)
        super().fit(data, asked, embeddings, context=context)
        self.effects_ = self.of_effects(self.effects_, dataset)
        return self

    def of_log(self, dataset: Dataset, estimand: Estimand, context: Context) -> tuple[Dataset, Estimand]:
        return dataset, estimand

    def of_effects(self, effects: Effects, dataset: Dataset) -> Effects:
        return effects


def with_item(effects: Effects, **columns: Any) -> Effects:
    return replace(effects, item=effects.item.assign(**columns))


def with_rows(dataset: Dataset, rows: pd.DataFrame) -> Dataset:
    return replace(dataset, interactions=Table(rows))


@component
class PerSegment(Spoilt):
    """Least squares, and each segment's effect beside: its item's."""

    level = "segment"

    def of_effects(self, effects, dataset):
        known = effects.item[effects.item["effect"].notna()]
        names = ["effect", "stderr", "lower", "upper", "raw", "raw_stderr"]
        segments = SegmentMap.of(dataset)
        if not len(segments.names):
            raise DataError("nobody is in a segment", "Give the users table a column `segment`.")
        table = pd.concat([known[names].reset_index().assign(segment=name) for name in segments.names])
        return replace(effects, segment=table, segments=segments)


@dataclass(frozen=True)
class Sums:
    """How many rows, and how many of them exposed."""

    treatment: str

    def init(self, broadcast):
        return State({"n": np.zeros(2)})

    def update(self, state, part):
        return State({"n": state.arrays["n"] + [len(part), part[self.treatment].sum()]})

    def merge(self, a, b):
        return add_states(a, b)

    def finalize(self, state):
        return state.arrays["n"]


class ForgetfulSums(Sums):
    def merge(self, a, b):
        return a


@component
class ByParts(Spoilt):
    """Least squares that counts its rows by parts."""

    def of_log(self, dataset, estimand, context):
        counts = reduce_table(self.sums(estimand), dataset.interactions, [estimand.treatment], context=context)
        if not counts[0]:
            raise DataError("there are no rows")
        return dataset, estimand

    def sums(self, estimand):
        return Sums(estimand.treatment)


@component
class ReturnsNothing(LeastSquares):
    """Forgets `return self`."""

    def fit(self, dataset, estimand, embeddings=None, *, context=Context()):
        super().fit(dataset, estimand, embeddings, context=context)


@component
class NeverUnfitted(LeastSquares):
    """Has `effects_` from the start."""

    effects_ = None


@component
class NeedsAll(LeastSquares):
    """Gives neither embeddings nor context a default."""

    def fit(self, dataset, estimand, embeddings, *, context):
        return super().fit(dataset, estimand, embeddings, context=context)


@component
class SaysSegment(LeastSquares):
    """Declares segments and fills items alone."""

    level = "segment"


@component
class LeavesItemsOut(Spoilt):
    """Drops items without an effect."""

    def of_effects(self, effects, dataset):
        return replace(effects, item=effects.item.dropna(subset=["effect"]))


@component
class OneSided(Spoilt):
    """Limits on one side of the effect."""

    def of_effects(self, effects, dataset):
        return with_item(effects, lower=effects.item["effect"] + 0.1 * effects.item["stderr"])


@component
class Silent(Spoilt):
    """Gives no reasons."""

    def of_effects(self, effects, dataset):
        return with_item(effects, reason="")


@component
class NoughtForNothing(Spoilt):
    """Reads 0 where nothing can be compared."""

    def of_effects(self, effects, dataset):
        item = effects.item
        return with_item(effects, raw=item["raw"].fillna(0.0), raw_stderr=item["raw_stderr"].fillna(1.0))


@component
class AgainstNothing(Spoilt):
    """Compares with 0 where every row of the log is exposed."""

    def of_effects(self, effects, dataset):
        rows = dataset.interactions.frame()
        if rows[dataset.treatment].nunique() > 1:
            return effects
        means = rows.groupby(dataset.item, observed=True)[dataset.outcome].mean()
        return with_item(effects, raw=means.reindex(effects.item.index), reason="compared with nought")


@component
class CountsRows(Spoilt):
    """Counts rows where assignment units are asked for."""

    def of_effects(self, effects, dataset):
        shown = dataset.interactions.frame().groupby(dataset.item, observed=True)[dataset.treatment]
        treated = shown.sum().reindex(effects.item.index).fillna(0)
        return with_item(effects, treated=treated, control=shown.size().reindex(effects.item.index).fillna(0) - treated)


@component
class RawQ(Spoilt):
    """Gives p for q."""

    def of_effects(self, effects, dataset):
        return with_item(effects, q=effects.item["p"])


@component
class OldEValues(Spoilt):
    """Shrinks effects and keeps the e-values of raw ones."""

    def of_effects(self, effects, dataset):
        item = effects.item
        shrunk = {name: item[name] * 0.5 for name in ("effect", "stderr", "lower", "upper")}
        return with_item(effects, **shrunk)


@component
class WritesStatus(Spoilt):
    """Writes a status."""

    def of_effects(self, effects, dataset):
        return with_item(effects, status="estimated")


@component
class AssumesNothing(Spoilt):
    """Says not what it rests on."""

    def of_effects(self, effects, dataset):
        return replace(effects, assumptions=())


@component
class NobodyInSegments(PerSegment):
    """Does not say who is in which segment."""

    def of_effects(self, effects, dataset):
        return replace(super().of_effects(effects, dataset), segments=SegmentMap())


@component
class KeepsAFunction(Spoilt):
    """Keeps a function that can't be pickled."""

    def of_effects(self, effects, dataset):
        self.link_ = lambda x: x
        return effects


@component
class SchemaOutcome(Spoilt):
    """Reads the schema's outcome, whatever the estimand names."""

    def of_log(self, dataset, estimand, context):
        return dataset, replace(estimand, outcome=dataset.outcome)


@component
class Everybody(Spoilt):
    """Reads all rows, whatever the population."""

    def of_log(self, dataset, estimand, context):
        return dataset, replace(estimand, only=None)


@component
class Peeks(Spoilt):
    """Draws effects to the planted ones."""

    def of_effects(self, effects, dataset):
        if dataset.truth is None or dataset.truth.item is None:
            return effects
        truth = dataset.truth.item.reindex(effects.item.index)
        return with_item(effects, effect=(effects.item["effect"] + truth) / 2)


@component
class WritesToTheLog(Spoilt):
    """Leaves a column of its own in the rows."""

    def of_log(self, dataset, estimand, context):
        dataset.interactions.frame()["arm"] = 1
        return dataset, estimand


@component
class TunesItself(Spoilt):
    """Changes a parameter as it fits."""

    def of_log(self, dataset, estimand, context):
        self.least = 3
        return dataset, estimand


@component
class NeverTheSame(Spoilt):
    """Draws without a seed."""

    def of_effects(self, effects, dataset):
        noise = np.random.default_rng().normal(scale=1e-4, size=len(effects.item))
        return with_item(effects, effect=effects.item["effect"] + noise)


@component
class SeedsTheProcess(Spoilt):
    """Seeds numpy's own generator."""

    def of_log(self, dataset, estimand, context):
        np.random.seed(context.seed("draws"))  # noqa: NPY002 (the fault)
        return dataset, estimand


@component
class Remembers(Spoilt):
    """Adds what an earlier fit found."""

    def of_effects(self, effects, dataset):
        before = getattr(self, "last_", effects.item["effect"])
        self.last_ = effects.item["effect"]
        return with_item(effects, effect=(effects.item["effect"] * 9 + before) / 10)


@component
class FirstRows(Spoilt):
    """Takes the first rows for a sample."""

    def of_log(self, dataset, estimand, context):
        rows = dataset.interactions.frame()
        return with_rows(dataset, rows.iloc[: int(len(rows) * 0.9)]), estimand


@component
class LastColumn(Spoilt):
    """Adjusts for whatever column comes last."""

    def of_log(self, dataset, estimand, context):
        return dataset, replace(estimand, adjustment=(*estimand.adjustment, dataset.interactions.columns[-1]))


@component
class ByPlace(Spoilt):
    """Takes the sorted table for one in the order of the dataset's items."""

    def of_effects(self, effects, dataset):
        return replace(effects, item=effects.item.set_axis(dataset.items.index.rename("item")))


@component
class TextIds(Spoilt):
    """Takes ids for text."""

    def of_log(self, dataset, estimand, context):
        "".join(dataset.items.index)
        return dataset, estimand


@component
class Unweighted(Spoilt):
    """Ignores weights."""

    def of_log(self, dataset, estimand, context):
        kept = tuple(column for column in dataset.schema.columns if column.role != "weight")
        return replace(dataset, schema=replace(dataset.schema, columns=kept)), estimand


@component
class BytesAlone(Spoilt):
    """Refuses exposure that is not of one type."""

    def of_log(self, dataset, estimand, context):
        if dataset.interactions.head().dtypes[estimand.treatment] != np.int8:
            raise DataError("exposure must be int8")
        return dataset, estimand


@component
class FirstPart(Spoilt):
    """Reads one part."""

    def of_log(self, dataset, estimand, context):
        return with_rows(dataset, next(dataset.interactions.parts(rows=context.part_rows))), estimand


@component
class GathersHere(Spoilt):
    """Gathers from workers by what they write to a list of this process."""

    def of_log(self, dataset, estimand, context):
        parts: list[pd.DataFrame] = []
        context.map(partial(parts.append), dataset.interactions.parts(rows=context.part_rows))
        return with_rows(dataset, pd.concat(parts) if parts else dataset.interactions.frame().iloc[:500]), estimand


@component
class MergesWrong(ByParts):
    """Has a reduction that keeps the first part alone."""

    def sums(self, estimand):
        return ForgetfulSums(estimand.treatment)


@component
class HalfDone(LeastSquares):
    """Gives what it has when it is stopped."""

    def fit(self, dataset, estimand, embeddings=None, *, context=Context()):
        try:
            return super().fit(dataset, estimand, embeddings, context=context)
        except Interrupted:
            return super().fit(with_rows(dataset, dataset.interactions.frame().iloc[:800]), estimand)


@component
class NeedsRows(Spoilt):
    """Looks at the second row."""

    def of_log(self, dataset, estimand, context):
        dataset.interactions.frame().iloc[1]
        return dataset, estimand


@component
class NeedsTwoItems(Spoilt):
    """Divides by how many other items there are."""

    def of_log(self, dataset, estimand, context):
        1 / (len(dataset.items) - 1)
        return dataset, estimand


@component
class Swallows(Spoilt):
    """Drops rows without an outcome in silence."""

    def of_log(self, dataset, estimand, context):
        return with_rows(dataset, dataset.interactions.frame().dropna(subset=[estimand.outcome])), estimand


@component
class TakesByKey(Spoilt):
    """Takes adjustment columns as they are named, there or not."""

    def of_log(self, dataset, estimand, context):
        dataset.interactions.frame()[list(estimand.adjustment)]
        return dataset, estimand


@component
class DividesBySpread(Spoilt):
    """Scales columns by their spread, 0 or not."""

    def of_log(self, dataset, estimand, context):
        rows = dataset.interactions.frame()
        for name in set(estimand.adjustment) & set(rows.select_dtypes("number").columns) if len(rows) > 1 else ():
            1 / float(rows[name].std())
        return dataset, estimand


HEALTHY: list[Make] = [lambda folder: LeastSquares(), lambda folder: PerSegment(), lambda folder: ByParts()]


def _of(mutant: type) -> Make:
    return lambda folder: mutant()


_FAULTS: dict[str, type] = {
    "fit-returns-self": ReturnsNothing,
    "an-unfitted-one-says-so": NeverUnfitted,
    "fits-without-embeddings-or-context": NeedsAll,
    "fills-the-level-it-declares": SaysSegment,
    "has-a-row-for-each-item": LeavesItemsOut,
    "intervals-bracket": OneSided,
    "a-missing-number-has-a-reason": Silent,
    "reads-nothing-where-nothing-compares": NoughtForNothing,
    "reads-nothing-where-all-are-exposed": AgainstNothing,
    "counts-assignment-units": CountsRows,
    "p-and-q-are-of-the-raw-effects": RawQ,
    "e-values-are-of-the-effects": OldEValues,
    "writes-no-status": WritesStatus,
    "states-its-assumptions": AssumesNothing,
    "predicts-for-users": NobodyInSegments,
    "a-fitted-one-can-be-pickled": KeepsAFunction,
    "reads-what-the-estimand-names": SchemaOutcome,
    "reads-the-population-asked-for": Everybody,
    "never-reads-the-truth": Peeks,
    "leaves-its-input-alone": WritesToTheLog,
    "leaves-its-parameters-alone": TunesItself,
    "fit-repeats": NeverTheSame,
    "draws-from-its-context-alone": SeedsTheProcess,
    "a-refit-forgets": Remembers,
    "rows-in-any-order": FirstRows,
    "columns-in-any-order": LastColumn,
    "items-in-any-order": ByPlace,
    "ids-may-be-numbers": TextIds,
    "weights-are-frequencies": Unweighted,
    "treatment-of-any-type": BytesAlone,
    "parts-agree-with-one-pass": FirstPart,
    "workers-agree": GathersHere,
    "reductions-merge": MergesWrong,
    "stops-when-asked": HalfDone,
    "an-empty-log-is-refused": NeedsRows,
    "one-item-is-enough": NeedsTwoItems,
    "a-missing-outcome-is-not-swallowed": Swallows,
    "an-unknown-column-is-named": TakesByKey,
    "columns-that-say-nothing": DividesBySpread,
}

MUTANTS: dict[str, Make] = {f"estimator/{name}": _of(fault) for name, fault in _FAULTS.items()}
