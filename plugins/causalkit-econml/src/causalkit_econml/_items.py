"""What the estimators share: their parameters, and one fit per item with guards before and after."""

from __future__ import annotations

import time
import warnings
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from causalkit import Context, Dataset, Effects, Estimand, component
from causalkit.estimation import item_table, plain_reason, pooled_of
from causalkit.types import Embeddings, Pooled

from ._average import Average
from ._parts import Floats, Part, counts, parts_of

__all__ = ["ItemByItem"]


@component
class ItemByItem:
    """One effect per item: a model of EconML fitted to each item's rows, in cross-fitted parts."""

    level: ClassVar[Literal["item"]] = "item"

    nuisance: Literal["linear", "forest"] = "linear"
    "Models of exposure and outcome: ridge regressions, or random forests of 100 trees."
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    "Folds of cross-fitting; rows of one assignment unit are never on both sides."
    clip: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    "Propensities within [clip, 1 - clip] are taken as they are; items with more than 1 % of rows outside say so."
    min_units: Annotated[int, Field(ge=2)] = 8
    "Fewer exposed or unexposed assignment units than this: no estimate."
    max_rows: Annotated[int, Field(ge=100)] = 50_000
    "An item with more rows is left without an estimate, which says so: EconML works in memory."
    seconds: Annotated[float, Field(gt=0)] = 600.0
    "Time limit, looked at before each item; items not reached are left without an estimate, which says so."

    def average(self, part: Part, *, att: bool) -> Average:
        """The average effect of one item; every estimator has its own."""
        raise NotImplementedError

    def said(self) -> tuple[str, ...]:
        """Assumptions in words, beyond what all of them rest on."""
        return ()

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Any:
        """Fill `effects_`. Raises `DataError` for rows that cannot be read, or none at all."""
        parts, unit = parts_of(dataset, estimand, context, self.max_rows)
        treated, control = counts(parts, len(dataset.items))
        reason = plain_reason(treated, control, unit)
        work = partial(_one, self, estimand.target == "att", unit, time.time() + self.seconds)
        made = context.map(work, parts, f"{type(self).__name__}, item by item")
        effect, stderr, baseline, ess = (np.full(len(dataset.items), np.nan) for _ in range(4))
        for part, (average, why) in zip(parts, made, strict=True):
            reason[part.code] = reason[part.code] or why
            if average is not None:
                effect[part.code], baseline[part.code] = average.effect, average.baseline
                stderr[part.code], ess[part.code] = average.stderr(part), _ess(part, average)
        table = item_table(
            dataset.items.index,
            raw=effect,
            raw_stderr=stderr,
            df=np.maximum(2 * np.minimum(treated, control) - 2, 1),
            treated=treated,
            control=control,
            ess=ess,
            baseline=baseline,
            reason=reason,
        )
        pooled = _pooled([(part, average) for part, (average, _) in zip(parts, made, strict=True) if average])
        self.effects_ = Effects(table, pooled=pooled, assumptions=self._assumptions(dataset, estimand))
        return self

    def _assumptions(self, dataset: Dataset, estimand: Estimand) -> tuple[str, ...]:
        named = ", ".join(estimand.adjustment) or "nothing"
        told = (f"Given {named}, exposure is as good as random within an item.", *self.said())
        return told if dataset.unit else (*told, "Assumes independent rows: the log declares no assignment unit.")

    def regressor(self, seed: int) -> Any:
        """What predicts outcomes."""
        if self.nuisance == "linear":
            from sklearn.linear_model import Ridge

            return Ridge()
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(min_samples_leaf=10, random_state=seed)

    def classifier(self, seed: int) -> Any:
        """What predicts exposure."""
        if self.nuisance == "linear":
            from sklearn.linear_model import LogisticRegression

            return LogisticRegression(solver="newton-cholesky", max_iter=1000)
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(min_samples_leaf=10, random_state=seed)


def _one(estimator: ItemByItem, att: bool, unit: str, deadline: float, part: Part) -> tuple[Average | None, str]:
    """An item's average, or why there is none; beside an average, what a reader must know."""
    why = _refused(estimator, unit, deadline, part)
    if why:
        return None, why
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that has not settled shows in errors and propensities
            average = estimator.average(part, att=att)
    except Exception as error:  # EconML raises whatever its models raise; an item without an answer says so
        return None, f"EconML failed: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"[:200]
    if not np.isfinite(average.effect) or abs(average.effect) > np.ptp(part.y) * (1 + 1e-9):
        return None, f"EconML gave {average.effect:.3g}, which is no change of the outcome"
    if average.outside > 0.01:
        return average, f"propensities beyond the limit in {average.outside:.0%} of rows"
    return average, ""


def _refused(estimator: ItemByItem, unit: str, deadline: float, part: Part) -> str:
    treated, control = part.units()
    if min(treated, control) < estimator.min_units:
        return f"{treated} exposed and {control} unexposed {unit}s; needs {estimator.min_units}"
    if np.ptp(part.y) == 0:
        return "the outcome never varies"
    if len(part.y) > estimator.max_rows:
        return f"{len(part.y):,} rows; {type(estimator).__name__} was held to {estimator.max_rows:,}"
    return f"the time limit of {estimator.seconds:g} s was reached" if time.time() > deadline else ""


def _ess(part: Part, average: Average) -> float:
    """Units that would give the same error, had each the same share in it (Kish)."""
    total = np.abs(np.bincount(part.unit, average.score))
    return float(total.sum() ** 2 / max((total**2).sum(), 1e-300))


def _pooled(found: list[tuple[Part, Average]]) -> Pooled | None:
    """The average over items by rows; errors add those of items to how effects spread around it."""
    if not found:
        return None
    mass = np.array([part.w.sum() for part, _ in found])
    weight = mass / mass.sum()
    effect: Floats = np.array([average.effect for _, average in found])
    error: Floats = np.array([average.stderr(part) for part, average in found])
    pooled = float(weight @ effect)
    spread = float(weight**2 @ (effect - pooled) ** 2) * len(found) / max(len(found) - 1, 1)
    return pooled_of(
        pooled,
        float(np.sqrt(weight**2 @ error**2 + spread)),
        baseline=float(weight @ np.array([average.baseline for _, average in found])),
        items=len(found),
        units=sum(len(np.unique(part.unit)) for part, _ in found),
        how=f"average over {len(found)} items by rows; items taken as independent of each other",
    )
