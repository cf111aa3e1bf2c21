"""Held-out effects regressed on the claimed ones."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from causalkit.components import Context, Estimator, component
from causalkit.statistics import t_interval
from causalkit.types import EXCLUDED, Dataset, Measurement, Outputs, Truth

from ._held_out import HeldOut, held_out, spread

Floats = npt.NDArray[np.float64]


@component
class CalibrationSlope:
    """The slope, with an intercept, of raw held-out effects on claimed ones, by inverse variance.

    Over all items that the ranker may list, with a claimed effect and a status that is not excluded.
    1: a unit more claimed is a unit more had; below 1: claims are spread too far (the winner's curse);
    above 1: shrunk too far; 0: the order is noise. Where assignment units are periods, the interval
    is Student's with the spread over redrawn held-out periods; where exposure varies by user, its
    error is robust over items (HC1; White 1980). `details` has columns item, claimed, held_out, stderr.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"effects"})

    estimator: Estimator | None = None
    "Refitted on the held-out rows; absent, an unfitted clone of the run's own."
    resamples: Annotated[int, Field(ge=0)] = 200
    "Draws of held-out periods for the interval; 0: items' errors taken as independent."
    min_items: Annotated[int, Field(ge=3)] = 5
    "Fewer items than this with both effects: no slope."

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The slope with its interval; NaN with a note where too few items can be compared."""
        name = "calibration-slope"
        if outputs.effects is None:
            return Measurement(name, float("nan"), note="there are no effects")
        found = held_out(outputs, test, self.estimator, self.resamples, context)
        if found.problem:
            return Measurement(name, float("nan"), note=found.problem)
        details = _compared(outputs, found)
        return self._measurement(name, details, found)

    def _measurement(self, name: str, details: pd.DataFrame, found: HeldOut) -> Measurement:
        known = details.dropna(subset=["held_out", "stderr"])
        n = len(known)
        if n < self.min_items:
            note = f"{n} items have both a claimed and a held-out effect; {self.min_items} are needed"
            return Measurement(name, float("nan"), n=n, note=note, details=details)
        x, y = known["claimed"].to_numpy(float), known["held_out"].to_numpy(float)
        weight = 1 / known["stderr"].to_numpy(float) ** 2
        if np.ptp(x) <= 1e-12 * max(np.abs(x).max(), 1e-300):
            return Measurement(name, float("nan"), n=n, note="all items claim the same effect", details=details)
        value = _slope(x, y, weight)
        if found.draws is None:
            stderr, df = _robust_stderr(x, y, weight, value), n - 2
        else:
            place = found.raw.index.get_indexer(pd.Index(known["item"]))
            slopes = np.array([_slope(x, draw, weight) for draw in found.draws[:, place]])
            stderr, df = spread(slopes, found.periods), found.periods - 1
        lower, upper = t_interval(value, stderr, df)
        note = f"{n} of {len(details)} ranked items estimable on held-out rows; {found.how}"
        return Measurement(name, value, float(lower), float(upper), n, note=note, details=details)


def _compared(outputs: Outputs, found: HeldOut) -> pd.DataFrame:
    assert outputs.effects is not None
    item = outputs.effects.item
    claims = ~item["status"].isin(EXCLUDED) & np.isfinite(item["effect"].astype(float))
    ranked = item[claims & _listable(outputs, item.index)]
    return pd.DataFrame(
        {
            "item": ranked.index,
            "claimed": ranked["effect"].to_numpy(float),
            "held_out": found.raw.reindex(ranked.index).to_numpy(float),
            "stderr": found.stderr.reindex(ranked.index).to_numpy(float),
        }
    )


def _listable(outputs: Outputs, items: pd.Index) -> npt.NDArray[np.bool_]:
    """Items that the run's ranker may put on a list: those it gives a score for a user it knows nothing of."""
    if outputs.scores is None:
        return np.ones(len(items), bool)
    return np.isfinite(np.asarray(outputs.scores([""], list(items)).values, float)[0])


def _slope(x: Floats, y: Floats, weight: Floats) -> float:
    """Weighted least squares with an intercept, over the known `y`; NaN with fewer than three."""
    known = np.isfinite(y)
    if known.sum() < 3:
        return float("nan")
    x, y, w = x[known], y[known], weight[known] / weight[known].sum()
    centred = x - w @ x
    size = float(w @ centred**2)
    return float(w @ (centred * y)) / size if size > 0 else float("nan")


def _robust_stderr(x: Floats, y: Floats, weight: Floats, slope: float) -> float:
    w = weight / weight.sum()
    centred = x - w @ x
    residual = y - w @ y - slope * centred
    meat = float(((w * centred * residual) ** 2).sum())
    return float(np.sqrt(meat * len(x) / (len(x) - 2)) / (w @ centred**2))
