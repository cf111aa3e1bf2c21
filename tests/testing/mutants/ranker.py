"""Components that pass, and that fail, the checks in `causalkit.testing.checks.ranker`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from causalkit_plugins.rankers.popularity import Popularity
from causalkit_plugins.rankers.random import Random
from causalkit_plugins.rankers.uplift import Uplift

from causalkit.components import Context, component
from causalkit.types import EXCLUDED, Dataset, Effects, Embeddings, Scores, Table
from tests.testing.mutants import Make


@component
class ByTaste:
    """Popularity, and what the user's vector says of the item's; needs neither effects nor, at a pinch, vectors."""

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> ByTaste:
        self.popular_ = Popularity().fit(dataset, context=context)
        self.vectors_ = embeddings
        return self

    def scores(self, users: Sequence[Any], items: Sequence[Any], *, context: Context = Context()) -> Scores:
        values = np.array(self.popular_.scores(users, items).values)
        if self.vectors_ is not None and self.vectors_.item is not None and self.vectors_.user is not None:
            own = self.vectors_.user.at(pd.Index(users)) @ self.vectors_.item.at(pd.Index(items)).T
            values = values + np.nan_to_num(own)
        return Scores(users, items, values)


HEALTHY: list[Make] = [
    lambda _: ByTaste(),
    lambda _: Random(),
    lambda _: Popularity(),
    lambda _: Uplift(),
    lambda _: Uplift(confidence=0.9),
]


def _scored(change: Callable[[Scores, Any], Scores], base: Any = Uplift) -> Make:
    """A ranker, and something done to its scores."""

    @component
    class Mutant(base):  # type: ignore[misc]
        def scores(self, users: Sequence[Any], items: Sequence[Any], *, context: Context = Context()) -> Scores:
            return change(super().scores(users, items), self)

    return lambda _: Mutant()


def _fitted(do: Callable[[Any, Dataset, Effects | None], Any], base: Any = ByTaste) -> Make:
    """A ranker that does something in `fit` as well, and gives that back where it is something."""

    @component
    class Mutant(base):  # type: ignore[misc]
        def fit(
            self,
            dataset: Dataset,
            effects: Effects | None = None,
            embeddings: Embeddings | None = None,
            *,
            context: Context = Context(),
        ) -> Any:
            told = do(self, dataset, effects)
            super().fit(dataset, effects, embeddings, context=context)
            return self if told is None else told

    return lambda _: Mutant()


def _centred(scores: Scores, _: Any) -> Scores:
    return replace(scores, values=scores.values - np.nanmean(scores.values) if scores.values.size else scores.values)


def _by_label(scores: Scores, ranker: Any) -> Scores:
    ranker.popular_.popularity_.loc[list(scores.items)]
    return scores


def _reduced(scores: Scores, _: Any) -> Scores:
    return replace(scores, values=scores.values - scores.values.max() * 0)


@component
class Jittered(ByTaste):
    """Breaks ties by the generator of the process."""

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Jittered:
        super().fit(dataset, effects, embeddings, context=context)
        own = self.popular_.popularity_
        self.popular_.popularity_ = own + 1e-3 * np.random.rand(len(own))  # noqa: NPY002 (what is wrong with it)
        return self


@component
class Accumulating(ByTaste):
    """Goes on from what it learned before."""

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Accumulating:
        before = vars(self).get("popular_")
        super().fit(dataset, effects, embeddings, context=context)
        if before is not None:
            self.popular_.popularity_ = self.popular_.popularity_ + before.popularity_
        return self


@component
class Latest(ByTaste):
    """Learns from the first hundred rows that it is given."""

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Latest:
        few = replace(dataset, interactions=Table(dataset.interactions.frame().head(100)))
        super().fit(few, effects, embeddings, context=context)
        return self


@component
class Boastful(Popularity):
    """Says that it needs no rows."""

    needs_rows: ClassVar[bool] = False


@component
class Trusting(Uplift):
    """Ranks by any number that it is given."""

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Trusting:
        if effects is not None:
            status = effects.item["status"]
            effects = replace(effects, item=effects.item.assign(status=status.mask(status.isin(EXCLUDED), "estimated")))
        super().fit(dataset, effects, embeddings, context=context)
        return self


@component
class Lumping(Uplift):
    """Takes all users for alike."""

    def alike(self, users: Sequence[Any], *, context: Context = Context()) -> Any:
        return np.zeros(len(users), np.int64)


@component
class Rounding(Uplift):
    """Vectors that give what pairs and segments say away."""

    def vectors(self, users: Sequence[Any], items: Sequence[Any], *, context: Context = Context()) -> Any:
        own = self.source_.item["effect"].reindex(pd.Index(items)).to_numpy(np.float32)
        return np.ones((len(users), 1), np.float32), own[:, None]


def _needy(ranker: Any, dataset: Dataset, effects: Effects | None) -> None:
    if effects is None:
        raise AttributeError("'NoneType' object has no attribute 'item'")


def _spoil(ranker: Any, dataset: Dataset, effects: Effects | None) -> None:
    if effects is not None:
        effects.item.loc[effects.item["effect"].isna(), "effect"] = 0.0


MUTANTS: dict[str, Make] = {
    "ranker/fit-returns-itself": _fitted(lambda self, dataset, effects: dataset),
    "ranker/scores-are-users-by-items": _scored(
        lambda found, _: replace(found, values=np.nan_to_num(found.values, nan=-np.inf))
    ),
    "ranker/a-score-is-the-pairs-own": _scored(_centred, ByTaste),
    "ranker/strangers-are-stood": _scored(_by_label, ByTaste),
    "ranker/nobody-is-stood": _scored(_reduced, ByTaste),
    "ranker/fit-and-scores-leave-the-input-alone": _fitted(_spoil),
    "ranker/repeats-under-one-seed": lambda _: Jittered(),
    "ranker/a-second-fit-forgets-the-first": lambda _: Accumulating(),
    "ranker/rows-in-any-order-and-parts-score-alike": lambda _: Latest(),
    "ranker/rows-are-not-needed-where-it-says-so": lambda _: Boastful(),
    "ranker/works-or-says-what-it-lacks": _fitted(_needy),
    "ranker/what-cannot-be-read-moves-no-score": lambda _: Trusting(),
    "ranker/alike-users-score-alike": lambda _: Lumping(),
    "ranker/vectors-multiply-to-the-scores": lambda _: Rounding(),
}
