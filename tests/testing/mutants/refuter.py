"""Refuters that pass, and that fail, the checks of `checks.refuter`.

Each mutant is a plain placebo test with one fault: what it reads is spoilt in `of_verdict`, what it does in `before`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from causalkit.components import Context, clone, component
from causalkit.errors import Interrupted
from causalkit.statistics import benjamini_hochberg, t_interval
from causalkit.types import Dataset, Effects, Estimand, Table, Verdicts
from tests.testing.mutants import Make

TRIED = "An outcome from before exposure was put in the place of the outcome"


@component
class OutcomeBefore:
    """Refits to an outcome from before exposure, which exposure cannot have moved."""

    sort: ClassVar[Literal["software-check", "falsification"]] = "falsification"

    def check(self, dataset, estimand, estimator, *, context=Context()):
        """Refit a clone; a log without such an outcome gets a verdict that says so."""
        self.before(dataset, estimand, estimator, context)
        named = [n for n in dataset.schema.named("negative-outcome") if n in dataset.interactions.columns]
        if not named:
            return self.of_verdict(untried("the log has no outcome from before exposure"), dataset, context)
        own = estimator.effects_.item["raw"]
        altered = replace(estimand, outcome=named[0])
        context.check()
        table = self.refitted(dataset, altered, estimator, context).item.loc[own.index[own.notna()]]
        return self.of_verdict(verdict(table), dataset, context)

    def refitted(self, dataset: Dataset, estimand: Estimand, estimator: Any, context: Context) -> Effects:
        return clone(estimator).fit(dataset, estimand, context=context).effects_

    def before(self, dataset: Dataset, estimand: Estimand, estimator: Any, context: Context) -> None:
        pass

    def of_verdict(self, found: Verdicts, dataset: Dataset, context: Context) -> Verdicts:
        return found


def untried(why: str) -> Verdicts:
    none, blank = float("nan"), pd.DataFrame({"estimate": [], "stderr": [], "p": []}, dtype=float)
    return Verdicts("outcome-before", "falsification", TRIED, blank, none, none, none, 0, 0, 0, f"Not tried: {why}.")


def verdict(effects: pd.DataFrame) -> Verdicts:
    table = pd.DataFrame({"estimate": effects["raw"], "stderr": effects["raw_stderr"], "p": effects["p"]})
    known = table.dropna()
    if not len(known):
        return untried("no item has an estimate")
    weight = known["stderr"] ** -2.0
    estimate, error = float(weight @ known["estimate"] / weight.sum()), float(weight.sum() ** -0.5)
    lower, upper = t_interval(estimate, error)
    rejected = int((known["p"] < 0.05).sum())
    many = int((benjamini_hochberg(known["p"]) < 0.05).sum())
    said = f"Outcomes before exposure read {estimate:+.3f} ({lower:+.3f} to {upper:+.3f})."
    return Verdicts(
        "outcome-before", "falsification", TRIED, table, estimate, lower, upper, rejected, len(known), many, said
    )


def numbers(found: Verdicts, change: float) -> Verdicts:
    """The same, its pooled reading moved."""
    moved = {name: getattr(found, name) + change for name in ("estimate", "lower", "upper")}
    return replace(found, **moved)


@component
class NoSort(OutcomeBefore):
    """Is of no sort that there is."""

    sort = "sanity-check"


@component
class Mute(OutcomeBefore):
    """Says nothing."""

    def of_verdict(self, found, dataset, context):
        return replace(found, tried="")


@component
class ByNumber(OutcomeBefore):
    """Calls items by their place."""

    def of_verdict(self, found, dataset, context):
        return replace(found, item=found.item.reset_index(drop=True))


@component
class PercentP(OutcomeBefore):
    """Gives p in per cent."""

    def of_verdict(self, found, dataset, context):
        return replace(found, item=found.item.assign(p=100 * found.item["p"]), tested=len(found.item), rejected=0)


@component
class Miscounts(OutcomeBefore):
    """Counts every item of the log as tested."""

    def of_verdict(self, found, dataset, context):
        return replace(found, tested=len(dataset.items)) if found.tested else found


@component
class HalfOpen(OutcomeBefore):
    """Has both limits on one side."""

    def of_verdict(self, found, dataset, context):
        return replace(found, lower=found.estimate + 1e-3)


@component
class WritesToTheLog(OutcomeBefore):
    """Puts the placebo into the log itself."""

    def before(self, dataset, estimand, estimator, context):
        rows = dataset.interactions.frame()
        rows["placebo"] = 0


@component
class RefitsItself(OutcomeBefore):
    """Fits the estimator that it was given again."""

    def refitted(self, dataset, estimand, estimator, context):
        return estimator.fit(dataset, estimand, context=context).effects_


@component
class NeverTheSame(OutcomeBefore):
    """Draws without a seed."""

    def of_verdict(self, found, dataset, context):
        return numbers(found, np.random.default_rng().normal(scale=1e-4))


@component
class SeedsTheProcess(OutcomeBefore):
    """Seeds numpy's own generator."""

    def before(self, dataset, estimand, estimator, context):
        np.random.seed(context.seed("draws"))  # noqa: NPY002 (the fault)


@component
class FirstRows(OutcomeBefore):
    """Takes the first rows for a sample."""

    def refitted(self, dataset, estimand, estimator, context):
        some = Table(dataset.interactions.frame().iloc[:800])
        return super().refitted(replace(dataset, interactions=some), estimand, estimator, context)


@component
class GathersHere(OutcomeBefore):
    """Gathers from workers by what they write to a list of this process."""

    def refitted(self, dataset, estimand, estimator, context):
        parts: list[pd.DataFrame] = []
        context.map(partial(parts.append), dataset.interactions.parts(rows=context.part_rows))
        rows = pd.concat(parts) if parts else dataset.interactions.frame().iloc[:800]
        return super().refitted(replace(dataset, interactions=Table(rows)), estimand, estimator, context)


@component
class HalfDone(OutcomeBefore):
    """Gives what it has when it is stopped."""

    def check(self, dataset, estimand, estimator, *, context=Context()):
        try:
            return super().check(dataset, estimand, estimator, context=context)
        except Interrupted:
            return untried("it was stopped")


@component
class NeedsItsColumn(OutcomeBefore):
    """Raises where its column is missing."""

    def before(self, dataset, estimand, estimator, context):
        dataset.schema.need("negative-outcome", "outcome-before")


@component
class Boasts(OutcomeBefore):
    """Says that it proves something."""

    def of_verdict(self, found, dataset, context):
        return replace(found, read=f"{found.read} The effect is proven.")


@component
class Alarmist(OutcomeBefore):
    """Has errors that are too small, so that it sees something everywhere."""

    def of_verdict(self, found, dataset, context):
        return replace(found, lower=found.estimate - 1e-6, upper=found.estimate + 1e-6)


@component
class Blind(OutcomeBefore):
    """Never reads anything."""

    def of_verdict(self, found, dataset, context):
        if not found.tested:
            return found
        table = found.item.assign(p=found.item["p"].where(found.item["p"].isna(), 1.0))
        return replace(found, item=table, estimate=0.0, lower=-1.0, upper=1.0, rejected=0, discoveries=0)


HEALTHY: list[Make] = [lambda folder: OutcomeBefore()]


def _of(mutant: type) -> Make:
    return lambda folder: mutant()


_FAULTS: dict[str, type] = {
    "declares-its-sort": NoSort,
    "says-what-it-tried-and-read": Mute,
    "reads-items-of-the-log": ByNumber,
    "p-values-are-probabilities": PercentP,
    "counts-agree": Miscounts,
    "the-interval-brackets": HalfOpen,
    "leaves-its-input-alone": WritesToTheLog,
    "refits-clones": RefitsItself,
    "it-repeats": NeverTheSame,
    "draws-from-its-context-alone": SeedsTheProcess,
    "rows-in-any-order": FirstRows,
    "workers-agree": GathersHere,
    "stops-when-asked": HalfDone,
    "says-so-where-it-cannot-be-tried": NeedsItsColumn,
    "it-claims-no-proof": Boasts,
    "few-false-alarms": Alarmist,
    "finds-a-planted-fault": Blind,
}

MUTANTS: dict[str, Make] = {f"refuter/{name}": _of(fault) for name, fault in _FAULTS.items()}
