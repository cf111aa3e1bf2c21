"""What ranking metrics share: who is ranked for, what was right, and averages with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context
from causalkit.statistics import t_interval
from causalkit.types import Dataset, Measurement, Outputs

Floats = npt.NDArray[np.float64]
BLOCK = 1024


@dataclass(frozen=True)
class Relevance:
    """Who is measured, how much each counts `[users]`, and the relevance of items to some of them."""

    users: list[Any]
    weights: Floats
    who: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    value: Floats
    items: list[Any]
    noun: str

    @classmethod
    def of(cls, test: Dataset) -> Relevance:
        """Read the held-out rows; user × item, or segment × item."""
        column = test.user or test.schema.need("segment", "a ranking metric (or a user column)")
        names = [column, test.item, test.outcome, *([test.weight] if test.weight else [])]
        rows = test.interactions.frame(names)
        rows = rows[rows[test.outcome].notna()]
        who, found = pd.factorize(rows[column])
        at = test.items.index.get_indexer(pd.Index(rows[test.item]))
        rows, who, at = rows[(at >= 0) & (who >= 0)], who[(at >= 0) & (who >= 0)], at[(at >= 0) & (who >= 0)]
        w, y = test.weights(rows), rows[test.outcome].to_numpy(float)
        items = len(test.items)
        keys, place = np.unique(who * items + at, return_inverse=True)
        mass, good = np.bincount(place, w, len(keys)), np.bincount(place, w * y, len(keys))
        by_user = test.user is not None
        value = (good > 0).astype(float) if by_user else good / np.maximum(mass, 1e-300)
        ids = list(found) if by_user else [f"segment:{name}" for name in found]
        weights = np.ones(len(ids)) if by_user else np.bincount(who, w, len(ids))
        noun = "users" if by_user else "segments"
        return cls(ids, weights, keys // items, keys % items, value, list(test.items.index), noun)

    def blocks(self, outputs: Outputs, context: Context) -> Iterator[tuple[slice, Floats, Floats]]:
        """Slices of `users` with scores and relevance, each `[users, items]`."""
        assert outputs.scores is not None
        order = np.argsort(self.who, kind="stable")
        who, item, value = self.who[order], self.item[order], self.value[order]
        for start in context.track(range(0, len(self.users), BLOCK), "measuring lists"):
            part = slice(start, min(start + BLOCK, len(self.users)))
            relevant = np.zeros((part.stop - start, len(self.items)))
            here = slice(*np.searchsorted(who, [start, part.stop]))
            relevant[who[here] - start, item[here]] = value[here]
            scores = np.asarray(outputs.scores(self.users[part], self.items).values, float)
            yield part, scores, relevant


def top(scores: Floats, values: Floats, k: int | None) -> Floats:
    """`values` of each row's k best scores, best first, `[users, k]`; 0 beyond the finite scores."""
    order = np.argsort(np.where(np.isfinite(scores), -scores, np.inf), axis=1, kind="stable")[:, :k]
    listed = np.take_along_axis(np.isfinite(scores), order, 1)
    return np.where(listed, np.take_along_axis(values, order, 1), 0.0)


def discounts(count: int) -> Floats:
    """1 / log2(rank + 1) for ranks 1 … count."""
    return np.asarray(1 / np.log2(np.arange(2, count + 2)))


def measured_lists(
    name: str,
    outputs: Outputs,
    test: Dataset,
    score: Callable[[Floats, Floats], Floats],
    context: Context,
    *,
    note: str = "",
) -> Measurement:
    """The average of `score(scores, relevance)` over users, those where it is NaN left out and counted."""
    if outputs.scores is None:
        return Measurement(name, float("nan"), note="there is no ranker")
    relevance = Relevance.of(test)
    values = np.full(len(relevance.users), np.nan)
    for part, scores, relevant in relevance.blocks(outputs, context):
        values[part] = score(scores, relevant)
    skipped = int(np.isnan(values).sum())
    told = [note, f"{skipped} of {len(values)} {relevance.noun} left out: no outcome to find" if skipped else ""]
    if relevance.noun == "segments":
        told.append("over segments by weight, relevance being their outcome rate")
    return average(name, values, relevance.weights, "; ".join(part for part in told if part))


def average(name: str, values: Floats, weights: Floats | None = None, note: str = "") -> Measurement:
    """The weighted mean of the known values with its t interval over them; NaN with a note if none is."""
    known = np.isfinite(values)
    if not known.any():
        return Measurement(name, float("nan"), note=note or "nobody could be measured")
    w = np.ones(int(known.sum())) if weights is None else weights[known]
    w, x = w / w.sum(), values[known]
    mean, n = float(w @ x), len(x)
    if n < 2:
        return Measurement(name, mean, n=n, note=note)
    stderr = float(np.sqrt((w**2 @ (x - mean) ** 2) * n / (n - 1)))
    lower, upper = t_interval(mean, stderr, n - 1)
    return Measurement(name, mean, float(lower), float(upper), n, note=note)
