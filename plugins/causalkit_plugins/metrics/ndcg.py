"""Normalised discounted cumulative gain at k."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import Dataset, Measurement, Outputs, Truth

from ._lists import Floats, discounts, measured_lists, top


@component
class NDCG:
    """Discounted relevance of a user's k best items, over that of the best order (Järvelin & Kekäläinen 2002).

    The discount is 1 / log2(rank + 1). Each user of the held-out rows counts once; an item is relevant (1)
    if the user had the outcome with it, else 0. Where rows are segments, a segment stands for its users:
    relevance is its outcome rate, and segments count by their weight. Ties go to the earlier item of the
    item table; items scored NaN are never listed, and empty places count as misses. `empty` says what
    users without an outcome count. The interval is Student's over users.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"scores"})

    k: Annotated[int, Field(ge=1)] = 10
    "Length of the lists."
    empty: Literal["skip", "zero", "one"] = "skip"
    """Users without an outcome: left out and counted; or 0; or 1, as some published tables have it, which
    lifts every ranker, a random one too."""

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The mean over users; NaN with a note where nobody can be measured."""
        return measured_lists(f"ndcg@{self.k}", outputs, test, self._score, context)

    def _score(self, scores: Floats, relevant: Floats) -> Floats:
        gains = discounts(min(self.k, scores.shape[1]))
        found = top(scores, relevant, self.k) @ gains
        best = -np.sort(-relevant, axis=1)[:, : self.k] @ gains
        nothing = {"skip": np.nan, "zero": 0.0, "one": 1.0}[self.empty]
        return np.asarray(np.where(best > 0, found / np.maximum(best, 1e-300), nothing))
