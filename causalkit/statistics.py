"""Small statistics that several rooms share: multiple testing, intervals, E-values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["benjamini_hochberg", "e_value", "t_interval", "two_sided_p"]

Floats = npt.NDArray[np.float64]


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """Adjusted p-values (Benjamini & Hochberg 1995) over the finite entries; NaN stays NaN.

    >>> benjamini_hochberg([0.01, 0.04, float("nan")]).tolist()
    [0.02, 0.04, nan]
    """
    values = np.asarray(p, float)
    adjusted = np.full_like(values, np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    if len(order):
        scaled = values[order] * len(order) / np.arange(1, len(order) + 1)
        adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def two_sided_p(estimate: npt.ArrayLike, stderr: npt.ArrayLike, df: npt.ArrayLike = np.inf) -> Floats:
    """P(|T| > |estimate / stderr|) for Student's t with `df`; NaN where stderr is not positive."""
    from scipy.special import stdtr

    stderr = np.asarray(stderr, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(stderr > 0, np.abs(np.asarray(estimate, float)) / stderr, np.nan)
    return np.asarray(2 * stdtr(np.minimum(np.asarray(df, float), 1e9), -t))


def t_interval(
    estimate: npt.ArrayLike, stderr: npt.ArrayLike, df: npt.ArrayLike = np.inf, coverage: float = 0.95
) -> tuple[Any, Any]:
    """Lower and upper limits of a two-sided Student's t interval."""
    from scipy.special import stdtrit

    reach = stdtrit(np.minimum(np.asarray(df, float), 1e9), 0.5 + coverage / 2) * np.asarray(stderr, float)
    estimate = np.asarray(estimate, float)
    return estimate - reach, estimate + reach


def e_value(effect: npt.ArrayLike, baseline: npt.ArrayLike) -> Floats:
    """How strong hidden confounding, on the risk-ratio scale, would explain the effect away.

    Of whatever is given as `effect`: of a point estimate, it says nothing of what noise would explain.
    `RR + sqrt(RR (RR - 1))` with RR = (baseline + effect) / baseline, or its inverse below 1
    (VanderWeele & Ding 2017, Ann. Intern. Med. 167). 1 where the effect is 0; NaN without a
    positive baseline and exposed rate.
    """
    baseline = np.asarray(baseline, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        exposed = baseline + np.asarray(effect, float)
        ratio = np.where((baseline > 0) & (exposed > 0), exposed / baseline, np.nan)
        ratio = np.where(ratio < 1, 1 / ratio, ratio)
        return np.asarray(ratio + np.sqrt(ratio * (ratio - 1)))
