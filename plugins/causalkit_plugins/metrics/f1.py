"""Harmonic mean of precision and recall at k."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import Dataset, Measurement, Outputs, Truth

from ._lists import Floats, measured_lists, top


@component
class F1:
    """The harmonic mean of a user's precision and recall at k, averaged over users: 2 found / (k + all).

    Each user of the held-out rows counts once; an item is relevant (1) if the user had the outcome
    with it, else 0. Where rows are segments, a segment stands for its users: relevance is its outcome
    rate, and segments count by their weight. Ties go to the earlier item of the item table; items
    scored NaN are never listed, and empty places count as misses. Users without an outcome are left out and counted.
    The interval is Student's over users.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"scores"})

    k: Annotated[int, Field(ge=1)] = 10
    "Length of the lists."

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The mean over users; NaN with a note where nobody can be measured."""
        return measured_lists(f"f1@{self.k}", outputs, test, self._score, context)

    def _score(self, scores: Floats, relevant: Floats) -> Floats:
        total = relevant.sum(1)
        found = top(scores, relevant, self.k).sum(1)
        return np.asarray(np.where(total > 0, 2 * found / (self.k + total), np.nan))
