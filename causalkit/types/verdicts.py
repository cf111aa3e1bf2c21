"""What a refuter tried, and what it read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

__all__ = ["Verdicts"]


@dataclass(frozen=True)
class Verdicts:
    """One refuter's reading of one set of effects.

    Parameters
    ----------
    refuter : its name.
    sort : a `software-check` (catches bugs, cannot see confounding) or a `falsification` (can).
    tried : what was done, one sentence.
    item : indexed by item: `estimate`, `stderr`, `p` (of "no effect here", two-sided); NaN where it
        could not be tried; `df`, the degrees of freedom of `p`, where that is Student's. Empty where
        only the pooled reading makes sense.
    estimate, lower, upper : the pooled reading, in the effect's units, with a 95 % interval.
    rejected, tested : how many items read p < .05, of how many.
    read : what it says, one sentence; never that the effect is proven.
    """

    refuter: str
    sort: Literal["software-check", "falsification"]
    tried: str
    item: pd.DataFrame
    estimate: float
    lower: float
    upper: float
    rejected: float
    tested: float
    discoveries: float
    read: str
