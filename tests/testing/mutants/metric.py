"""Components that pass, and that fail, the checks in `causalkit.testing.checks.metric`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from causalkit_plugins.metrics.calibration_slope import CalibrationSlope
from causalkit_plugins.metrics.cp import CausalPrecision
from causalkit_plugins.metrics.held_out_effect import HeldOutEffect
from causalkit_plugins.metrics.ndcg import NDCG

from causalkit.components import Context, component
from causalkit.types import Dataset, Measurement, Outputs, Truth
from tests.testing.mutants import Make


@component
class Edges:
    """How many pairs the graph joins, of those that could be."""

    needs: ClassVar[frozenset[str]] = frozenset({"graph"})

    def measure(
        self, outputs: Outputs, test: Dataset, truth: Truth | None = None, *, context: Context = Context()
    ) -> Measurement:
        if outputs.graph is None:
            return Measurement("edges", float("nan"), note="there is no graph")
        pairs = len(outputs.graph.nodes) * (len(outputs.graph.nodes) - 1) // 2
        return Measurement("edges", len(outputs.graph.edges) / pairs, n=pairs)


HEALTHY: list[Make] = [
    lambda _: Edges(),
    lambda _: NDCG(),
    lambda _: CausalPrecision(k=3),
    lambda _: HeldOutEffect(),
    lambda _: CalibrationSlope(),
]


def _with(change: Callable[[Measurement, Outputs, Dataset, Truth | None], Any], base: Any = NDCG) -> Make:
    """A metric, and something done to what it measured."""

    @component
    class Mutant(base):  # type: ignore[misc]
        def measure(
            self, outputs: Outputs, test: Dataset, truth: Truth | None = None, *, context: Context = Context()
        ) -> Any:
            return change(super().measure(outputs, test, truth, context=context), outputs, test, truth)

    return lambda _: Mutant()


def _plus(value: Callable[[Outputs, Dataset, Truth | None], float], base: Any = NDCG) -> Make:
    """A metric, and something that it should not look at."""

    def change(found: Measurement, outputs: Outputs, test: Dataset, truth: Truth | None) -> Measurement:
        more = value(outputs, test, truth)
        return replace(found, value=found.value + more, lower=found.lower + more, upper=found.upper + more)

    return _with(change, base)


def _spoil(found: Measurement, outputs: Outputs, test: Dataset, _: Truth | None) -> Measurement:
    rows = test.interactions.frame()
    rows["bought"] = rows["bought"].astype(float)
    return found


def _unweighted(found: Measurement, outputs: Outputs, test: Dataset, _: Truth | None) -> Measurement:
    """The outcome rate, of rows whatever they weigh."""
    rows = test.interactions.frame()
    if not len(rows):
        return Measurement("rate", float("nan"), note="no held-out rows")
    return Measurement("rate", float(rows["bought"].mean()), n=len(rows), note="a rate")


def _sure_of_scores(found: Measurement, outputs: Outputs, test: Dataset, _: Truth | None) -> Measurement:
    scores = outputs.scores(list(test.users.index), list(test.items.index)).values
    assert np.nanstd(scores) > 0, "scores must differ"
    return found


def _best(found: Measurement, outputs: Outputs, test: Dataset, _: Truth | None) -> Measurement:
    outputs.ranking.overall.iloc[0]["effect"]
    return found


@component
class Sloppy(NDCG):
    """Says that it needs what no run has."""

    needs: ClassVar[frozenset[str]] = frozenset({"scores", "verdicts"})


@component
class Pretending(NDCG):
    """Has a value where there are no scores."""

    def measure(
        self, outputs: Outputs, test: Dataset, truth: Truth | None = None, *, context: Context = Context()
    ) -> Measurement:
        if outputs.scores is None:
            return Measurement("ndcg@10", 0.0, note="no ranker")
        return super().measure(outputs, test, truth, context=context)


@component
class Restless(NDCG):
    """Measures a little less each time."""

    def measure(
        self, outputs: Outputs, test: Dataset, truth: Truth | None = None, *, context: Context = Context()
    ) -> Measurement:
        self.asked = getattr(self, "asked", 0) + 1
        found = super().measure(outputs, test, truth, context=context)
        return replace(found, note=f"measured {self.asked} times")


def _outcomes(data: Dataset) -> Any:
    return data.interactions.frame()["bought"]


MUTANTS: dict[str, Make] = {
    "metric/needs-are-known": lambda _: Sloppy(),
    "metric/gives-a-measurement": _with(lambda found, *_: replace(found, n=0)),
    "metric/its-interval-holds-the-value": _with(lambda found, *_: replace(found, upper=found.value - 0.01)),
    "metric/reads-what-it-says-it-needs": _plus(lambda outputs, test, truth: 0.0 if truth is None else 0.1),
    "metric/says-what-is-missing": lambda _: Pretending(),
    "metric/stands-rows-that-say-nothing": _plus(lambda outputs, test, _: 0.0 * _outcomes(test).tolist()[0]),
    "metric/stands-odd-scores": _with(_sure_of_scores),
    "metric/stands-an-empty-ranking": _with(_best, HeldOutEffect),
    "metric/rows-permuted-give-the-same-value": _plus(lambda outputs, test, _: float(_outcomes(test).head(20).mean())),
    "metric/ids-do-not-matter": _plus(lambda outputs, test, _: float(str(test.users.index[0]).startswith("user"))),
    "metric/weights-are-frequencies": _with(_unweighted),
    "metric/leaves-the-run-alone": _with(_spoil),
    "metric/repeats-under-one-seed": lambda _: Restless(),
    "metric/training-rows-are-not-what-is-measured": _plus(
        lambda outputs, test, _: float(_outcomes(outputs.training).mean())
    ),
}
