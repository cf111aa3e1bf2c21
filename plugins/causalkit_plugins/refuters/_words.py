"""Verdicts in words, with numbers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from causalkit.types import Dataset, Verdicts

Sort = Literal["software-check", "falsification"]
NOTHING_LEFT = "no item is left with an estimate of its own"


def blank(index: pd.Index | None = None) -> pd.DataFrame:
    """A verdict's item table without readings."""
    return pd.DataFrame({"estimate": [], "stderr": [], "p": []}, index=index, dtype=float)


def untried(refuter: str, sort: Sort, tried: str, why: str) -> Verdicts:
    """A verdict that could not be reached, and why."""
    none = float("nan")
    return Verdicts(refuter, sort, tried, blank(), none, none, none, 0.0, 0.0, 0.0, f"Not tried: {why}.")


def reading(dataset: Dataset, estimate: float, lower: float, upper: float) -> str:
    """`+0.012 of 100 users (95 % -0.004 to +0.028)`."""
    if not np.isfinite(estimate):
        return "no readable value"
    units = dataset.schema.words.units
    return f"{100 * estimate:+.3f} of 100 {units} (95 % {100 * lower:+.3f} to {100 * upper:+.3f})"


def share(rejected: float, tested: float) -> str:
    """`4.2 % of 285 items read p < .05`."""
    percent = 100 * rejected / tested if tested else 0.0
    return f"{percent:.1f} % of {tested:.0f} items read p < .05, where chance alone gives 5 %"


def against_zero(lower: float, upper: float, suspicion: str) -> str:
    """What an interval around a placebo says, never more."""
    if not (np.isfinite(lower) and np.isfinite(upper)):
        return "too little is left to say anything"
    if lower > 0 or upper < 0:
        return f"the interval leaves out 0: {suspicion}"
    return "the interval holds 0, as it would without that bias (which it cannot rule out)"


def period(dataset: Dataset, count: int = 1) -> str:
    """What the log calls a period."""
    time = dataset.schema.find("time") or "period"
    word = dataset.schema.words.period
    word = time if word == "period" else word
    return word if count == 1 else f"{word}s"
