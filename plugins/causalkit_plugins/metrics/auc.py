"""Area under the ROC curve of scores against outcomes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from causalkit.components import Context, component
from causalkit.types import Dataset, Measurement, Outputs, Truth

from ._lists import Floats, measured_lists


@component
class AUC:
    """The chance that a relevant item outscores an irrelevant one of the same user, ties counting half.

    All items take part; those scored NaN share the last place. An item is relevant (1) if the user had
    the outcome with it in the held-out rows, else 0. Where rows are segments, an item counts as
    relevant by the segment's outcome rate and as irrelevant by the rest, and segments count by their
    weight. Users without both sorts are left out and counted. The interval is Student's over users.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"scores"})

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The mean over users; NaN with a note where nobody can be measured."""
        return measured_lists("auc", outputs, test, _areas, context)


def _areas(scores: Floats, relevant: Floats) -> Floats:
    """The area of each row, `[users]`; NaN without relevant or irrelevant items."""
    scores = np.where(np.isfinite(scores), scores, -np.inf)
    order = np.argsort(scores, axis=1, kind="stable")
    ordered = np.take_along_axis(scores, order, 1)
    good = np.take_along_axis(relevant, order, 1)
    bad = 1 - good
    below = np.cumsum(bad, axis=1)
    new = np.ones_like(ordered, bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    last = np.concatenate([new[:, 1:], np.ones((len(new), 1), bool)], axis=1)
    columns = np.arange(scores.shape[1])
    first = np.maximum.accumulate(np.where(new, columns, 0), axis=1)
    end = np.minimum.accumulate(np.where(last, columns, columns[-1])[:, ::-1], axis=1)[:, ::-1]
    before = np.take_along_axis(np.concatenate([np.zeros((len(below), 1)), below], 1), first, 1)
    tied = np.take_along_axis(below, end, 1) - before
    pairs = good.sum(1) * bad.sum(1)
    won = (good * (before + tied / 2)).sum(1)
    return np.asarray(np.where(pairs > 0, won / np.maximum(pairs, 1e-300), np.nan))
