"""Whether the probabilities of a propensity model are those with which new rows are exposed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.testing.checks._logs import log
from causalkit.testing.checks.propensity import fitted_to, predicted
from causalkit.testing.kit import Subject, check

_TOLD_APART = 4.0
"""Standard errors beyond which a difference is no chance."""

Floats = npt.NDArray[np.float64]


@check("propensity")
def is_calibrated(subject: Subject) -> None:
    """Where exposure is a coin, the mean probability is near the share of new rows that were exposed."""
    for rare in (False, True):
        case = log(follow=0.0)
        made = fitted_to(subject, case.with_rows(_rarer(case.rows)) if rare else case)
        found, shown, decisions = _new(made, follow=0.0, rare=rare)
        error = (0.25 / decisions + 0.25 / 160) ** 0.5
        off, told = abs(found.mean() - shown.mean()), f"{found.mean():.1%} of new rows exposed"
        assert off < _TOLD_APART * error, (
            f"it expects {told}, and {shown.mean():.1%} were; a model fitted to balanced classes must be set back"
        )


def _rarer(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without three quarters of exposed weeks of items, by a draw of their own."""
    out = np.random.default_rng(6).random((len(rows["item"].cat.categories), 20)) < 0.75
    return rows[~(out[rows["item"].cat.codes, rows["week"]] & rows["shown"].eq(1).to_numpy())]


@check("propensity")
def no_worse_than_one_number(subject: Subject) -> None:
    """On new rows it is not clearly worse than one probability for all, be exposure by price or a coin."""
    for follow in (0.0, 1.5):
        case = log(follow=follow)
        found, shown, decisions = _new(fitted_to(subject, case), follow=follow)
        one = float(case.rows["shown"].mean())
        loss, plain = _loss(found, shown), _loss(np.full(len(shown), one), shown)
        noise = float((loss - plain).std()) / decisions**0.5
        worse = float((loss - plain).mean())
        assert worse < _TOLD_APART * noise + 0.05, (
            f"its log loss on new rows is {loss.mean():.3f}, where one probability for all has {plain.mean():.3f}"
        )


def _new(made: Any, follow: float, rare: bool = False) -> tuple[Floats, Floats, int]:
    """Probabilities and exposure of new rows of the items that can be compared, and how many decisions these are."""
    found, shown = [], []
    for seed in (11, 12, 13):
        rows = log(seed, follow=follow).rows
        rows = _rarer(rows) if rare else rows
        rows = rows[~rows["item"].isin(["item-6", "item-7"])]
        found.append(predicted(made, rows))
        shown.append(rows["shown"].to_numpy(float))
    return np.concatenate(found), np.concatenate(shown), 3 * 6 * 20


def _loss(p: Floats, shown: Floats) -> Floats:
    return np.asarray(-np.where(shown == 1, np.log(p), np.log1p(-p)))
