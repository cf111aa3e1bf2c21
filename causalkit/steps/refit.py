"""Once more on all rows that may be used, when everything has been measured."""

from __future__ import annotations

from causalkit.steps.estimate import estimate
from causalkit.steps.rank import rank
from causalkit.steps.refute import refute
from causalkit.steps.work import Work

__all__ = ["refit"]


def refit(work: Work) -> Work:
    """Effects, verdicts and ranking once more on training and test rows, with frozen settings."""
    assert work.split is not None
    if not work.split.values("test"):
        return work
    both = work.split.take(work.log, "training", "test")
    return rank(refute(estimate(work.with_outputs(training=both))))
