"""By outcome: what would often happen anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context, component
from causalkit.reduction import State, add_states, reduce_table
from causalkit.types import Dataset, Effects, Embeddings, Scores, Table


@component
class Popularity:
    """The same list for everybody, by how often the outcome happened, exposed or not.

    What most recommenders come down to when they learn from what happens, not from what showing
    changes. Items that the log never saw score 0.
    """

    by: Literal["rate", "count"] = "rate"
    "Outcomes per row (a user and period, weighted), or their sum."

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Popularity:
        """Sum rows and outcomes by item, by parts."""
        columns = [dataset.item, dataset.outcome, *([dataset.weight] if dataset.weight else [])]
        bare = replace(  # light to send to workers, with every part
            dataset, interactions=Table(pd.DataFrame()), users=pd.DataFrame(), pair_segment=None, truth=None
        )
        total = reduce_table(_Totals(bare), dataset.interactions, columns, context=context, label="popularity")
        rows, outcomes = total.arrays["rows"], total.arrays["outcomes"]
        values = outcomes / np.maximum(rows, 1e-300) if self.by == "rate" else outcomes
        self.popularity_ = pd.Series(values, dataset.items.index)
        return self

    def scores(self, users: Sequence[Any], items: Sequence[Any], *, context: Context = Context()) -> Scores:
        """The items' popularity, the same for every user."""
        values = self.popularity_.reindex(pd.Index(items)).fillna(0).to_numpy(float)
        return Scores(users, items, np.broadcast_to(values, (len(users), len(items))))

    def alike(self, users: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.int64]:
        """The same number for each user, as all have the same scores."""
        return np.zeros(len(users), np.int64)


@dataclass(frozen=True)
class _Totals:
    """Weighted rows and outcomes per item, as a reduction."""

    dataset: Dataset

    def init(self, broadcast: State) -> State:
        return State({name: np.zeros(len(self.dataset.items)) for name in ("rows", "outcomes")})

    def update(self, state: State, part: pd.DataFrame) -> State:
        code = self.dataset.items.index.get_indexer(pd.Index(part[self.dataset.item]))
        outcome = part[self.dataset.outcome].to_numpy(float, na_value=np.nan)
        known = (code >= 0) & np.isfinite(outcome)
        w, n = self.dataset.weights(part)[known], len(self.dataset.items)
        rows = np.bincount(code[known], w, n)
        return add_states(state, State({"rows": rows, "outcomes": np.bincount(code[known], w * outcome[known], n)}))

    def merge(self, a: State, b: State) -> State:
        return add_states(a, b)

    def finalize(self, state: State) -> State:
        return state
