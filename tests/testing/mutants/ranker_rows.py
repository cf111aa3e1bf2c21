"""Rankers that fail the checks of `checks.ranker_rows`, and one that passes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from causalkit_plugins.rankers.uplift import Uplift

from causalkit.components import Context, component
from causalkit.estimation import codes_of
from causalkit.types import Dataset, Scores
from tests.testing.mutants import Make


@component
class Bought:
    """How much of an item was bought, a little more for who bought it."""

    def fit(
        self, dataset: Dataset, effects: Any = None, embeddings: Any = None, *, context: Context = Context()
    ) -> Any:
        """Count."""
        rows = dataset.interactions.frame()
        user, item = self.codes(dataset, rows)
        self.users_, self.items_ = dataset.users.index, dataset.items.index
        bought = dataset.weights(rows) * rows[dataset.outcome].to_numpy(float)
        self.sums_ = np.zeros((len(self.users_), len(self.items_)))
        np.add.at(self.sums_, (user, item), bought)
        return self

    def codes(self, dataset: Dataset, rows: pd.DataFrame) -> tuple[Any, Any]:
        """Each row's user and item, as places in the tables."""
        return tuple(codes_of(rows[name], table.index) for name, table in self._tables(dataset))

    def _tables(self, dataset: Dataset) -> list[tuple[str, pd.DataFrame]]:
        return [(str(dataset.user), dataset.users), (dataset.item, dataset.items)]

    def scores(self, users: Any, items: Any, *, context: Context = Context()) -> Scores:
        """Sums; a stranger has none of his own."""
        row, column = self.users_.get_indexer(pd.Index(users)), self.items_.get_indexer(pd.Index(items))
        own = self.sums_[np.ix_(row, column)] * (row >= 0)[:, None]
        return Scores(users, items, np.where(column >= 0, own + 0.01 * self.sums_.sum(0)[column], np.nan))


@component
class CategoryCodes(Bought):
    """Takes a category's code for a place in the table."""

    def codes(self, dataset, rows):
        return tuple(rows[name].cat.codes.to_numpy() for name, _ in self._tables(dataset))


@component
class EachRowOnce(Bought):
    """Never looks at weights."""

    def fit(self, dataset, effects=None, embeddings=None, *, context=Context()):
        rows = dataset.interactions.frame()
        if dataset.weight is not None:
            rows = rows.assign(**{dataset.weight: 1.0})
        return super().fit(dataset.with_columns((), **dict(rows.items())), effects, embeddings, context=context)


@component
class Downside(Uplift):
    """The best last."""

    def scores(self, users, items, *, context=Context()):
        found = super().scores(users, items, context=context)
        return Scores(users, items, -found.values)


HEALTHY: list[Make] = [lambda _: Bought()]

MUTANTS: dict[str, Make] = {
    "ranker/ids-go-by-name": lambda _: CategoryCodes(),
    "ranker/weights-are-frequencies": lambda _: EachRowOnce(),
    "ranker/a-larger-effect-does-not-lower-a-score": lambda _: Downside(),
}
