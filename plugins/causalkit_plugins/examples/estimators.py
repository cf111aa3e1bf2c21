"""Estimators to check whose defaults will not do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def shared(folder: Path) -> Iterable[Any]:
    """It needs an estimator whose effects it shares."""
    from causalkit_plugins.estimators.regression import Regression
    from causalkit_plugins.estimators.shared import Shared

    return [Shared(of=Regression())]


def dowhy(folder: Path) -> Iterable[Any]:
    """Its library takes a hundredth of a second and more per fit: few items, few redrawn samples."""
    from causalkit_plugins.estimators.dowhy import DoWhyEstimator

    return [DoWhyEstimator(max_items=4, resamples=10)]
