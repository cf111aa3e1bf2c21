"""The estimators as they are checked: with fewer folds and trees than by default, for there are many checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["causal_forest_dml", "dr_learner", "linear_dml"]


def linear_dml(folder: Path) -> Iterator[Any]:
    """One with two folds."""
    from .linear_dml import LinearDML

    yield LinearDML(folds=2)


def causal_forest_dml(folder: Path) -> Iterator[Any]:
    """One with two folds and 48 trees."""
    from .causal_forest import CausalForestDML

    yield CausalForestDML(folds=2, trees=48)


def dr_learner(folder: Path) -> Iterator[Any]:
    """One with two folds."""
    from .dr_learner import DRLearner

    yield DRLearner(folds=2)
