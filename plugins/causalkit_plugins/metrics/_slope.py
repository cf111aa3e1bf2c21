"""The slope of held-out effects on claimed ones, with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.statistics import t_interval
from causalkit.types import Measurement, Outputs

from ._held_out import HeldOut, spread

Floats = npt.NDArray[np.float64]


def measured_slope(
    name: str, details: pd.DataFrame, draws: Floats | None, found: HeldOut, least: int, what: str = "ranked items"
) -> Measurement:
    """The slope over the rows of `details` (claimed, held_out, stderr) that have both effects.

    `draws` holds held-out effects `[draws, rows]` under redrawn periods: the interval is Student's with
    their spread. Without, the error is robust over rows. NaN with a note where fewer than `least` rows
    can be compared.
    """
    known = details[["held_out", "stderr"]].notna().all(axis=1).to_numpy()
    n = int(known.sum())
    if n < least:
        note = f"{n} {what} have both a claimed and a held-out effect; {least} are needed"
        return Measurement(name, float("nan"), n=n, note=note, details=details)
    x, y = details["claimed"].to_numpy(float)[known], details["held_out"].to_numpy(float)[known]
    weight = 1 / details["stderr"].to_numpy(float)[known] ** 2
    if np.ptp(x) <= 1e-12 * max(np.abs(x).max(), 1e-300):
        return Measurement(name, float("nan"), n=n, note=f"all {what} claim the same effect", details=details)
    value = _slope(x, y, weight)
    if draws is None:
        stderr, df = _robust_stderr(x, y, weight, value), n - 2
    else:
        slopes = np.array([_slope(x, draw, weight) for draw in draws[:, known]])
        stderr, df = spread(slopes, found.periods), found.periods - 1
    lower, upper = t_interval(value, stderr, df)
    note = f"{n} of {len(details)} {what} estimable on held-out rows; {found.how}"
    return Measurement(name, value, float(lower), float(upper), n, note=note, details=details)


def listable(outputs: Outputs, items: pd.Index[Any]) -> npt.NDArray[np.bool_]:
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
