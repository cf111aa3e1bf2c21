"""Estimators with a fault and logs with a hidden cause: what a refuter may find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from causalkit.components import Context, component
from causalkit.estimation import item_table
from causalkit.testing.checks._logs import Case, log
from causalkit.testing.checks._reference import LeastSquares
from causalkit.types import Dataset, Effects, Embeddings, Estimand

__all__ = ["FAULTS", "Overconfident", "Unsteady"]


class _Altered(LeastSquares):
    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> _Altered:
        super().fit(dataset, estimand, embeddings, context=context)
        found = self.effects_.item.reindex(dataset.items.index)
        kept = ("raw", "raw_stderr", "treated", "control", "ess", "baseline", "reason")
        columns: dict[str, Any] = {name: found[name] for name in kept}
        columns |= self.altered(columns, estimand)
        self.effects_ = replace(self.effects_, item=item_table(dataset.items.index, **columns))
        return self

    def altered(self, columns: dict[str, Any], estimand: Estimand) -> dict[str, Any]:
        """Columns in place of those found."""
        raise NotImplementedError


@component
class Overconfident(_Altered):
    """Errors a quarter of what they are, as where rows are counted for units."""

    def altered(self, columns: dict[str, Any], estimand: Estimand) -> dict[str, Any]:
        """A smaller error."""
        return {"raw_stderr": columns["raw_stderr"] / 4}


@component
class Unsteady(_Altered):
    """An effect that moves with every column more that it is given."""

    def altered(self, columns: dict[str, Any], estimand: Estimand) -> dict[str, Any]:
        """Another effect."""
        return {"raw": columns["raw"] + 0.5 * len(estimand.adjustment)}


def _hidden(seed: int) -> tuple[Case, Effects, Any]:
    return _fitted(log(seed, demand=1.0), LeastSquares())


def _overconfident(seed: int) -> tuple[Case, Effects, Any]:
    return _fitted(log(seed), Overconfident())


def _unsteady(seed: int) -> tuple[Case, Effects, Any]:
    return _fitted(log(seed), Unsteady())


def _fitted(case: Case, estimator: Any) -> tuple[Case, Effects, Any]:
    return case, estimator.fit(case.dataset, case.estimand).effects_, estimator


FAULTS: dict[str, Callable[[int], tuple[Case, Effects, Any]]] = {
    "a hidden demand moves exposure and outcome": _hidden,
    "errors are a quarter of what they should be": _overconfident,
    "the effect moves with every column that is added": _unsteady,
}
"""What is wrong → a case, and the estimator fitted to it."""
