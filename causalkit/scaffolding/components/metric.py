"""How many users found something that they wanted."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from causalkit.components import Context, component
from causalkit.statistics import t_interval
from causalkit.types import Dataset, Measurement, Outputs, Truth


@component
class HitRate:
    """The share of users who had an outcome with any of their k best items.

    Users without an outcome are left out. The interval takes users as independent.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"scores"})

    k: Annotated[int, Field(ge=1)] = 10
    "Length of the lists."

    def measure(
        self, outputs: Outputs, test: Dataset, truth: Truth | None = None, *, context: Context = Context()
    ) -> Measurement:
        """The share with Student's 95 % interval over users; NaN with a note where there is none."""
        name, nothing = f"hit-rate@{self.k}", float("nan")
        if outputs.scores is None or test.user is None:
            return Measurement(name, nothing, note="needs a ranker, and held-out rows by user")
        rows = test.interactions.frame([test.user, test.item, test.outcome])
        rows, items = rows[rows[test.outcome] > 0], list(test.items.index)
        hits = []
        for user, liked in context.track(rows.groupby(test.user, observed=True)[test.item], "users"):
            scores = np.asarray(outputs.scores([user], items).values[0], float)
            best = [items[i] for i in np.argsort(-scores, kind="stable")[: self.k] if np.isfinite(scores[i])]
            hits.append(liked.isin(best).any())
        if len(hits) < 2:
            return Measurement(name, nothing, n=len(hits), note="fewer than two users have an outcome")
        lower, upper = t_interval(np.mean(hits), np.std(hits, ddof=1) / np.sqrt(len(hits)), len(hits) - 1)
        return Measurement(name, float(np.mean(hits)), float(lower), float(upper), len(hits))
