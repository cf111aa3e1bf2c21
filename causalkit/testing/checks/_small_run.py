"""All that a run on a small log has made, and its held-out rows: what rankers, explainers and metrics are given.

Forty-eight users in three segments and twelve items, over eight weeks, of which the last two are held out. A fair coin
decided what each user was shown in each week. One item was never shown, one hardly ever, and one is refuted.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from causalkit.components import Context
from causalkit.preparation import variables
from causalkit.ranking import make_ranking
from causalkit.statistics import t_interval
from causalkit.statuses import write_statuses
from causalkit.testing.checks._reference import LeastSquares
from causalkit.types import (
    EXCLUDED,
    CausalGraph,
    Column,
    Dataset,
    Edge,
    Effects,
    Embeddings,
    EmbeddingTable,
    Estimand,
    Evidence,
    Outputs,
    PairTruth,
    Schema,
    Scores,
    SegmentMap,
    Split,
    Table,
    Truth,
    Verdicts,
)

__all__ = ["NEVER", "RARELY", "REFUTED", "ByEffect", "SmallRun", "small_run"]

USERS, ITEMS, WEEKS, TRAINING = 48, 12, 8, 6
REFUTED, NEVER, RARELY = 9, 10, 11
"""Places of odd items in the items table."""
SEGMENTS = ("heavy", "light", "middle")
TITLES = "Rye bread, Butter, Dish soap, Green tea, Apples, Oat milk, Candles, Rice, Batteries, Socks, Umbrella, Lamp"


@dataclass(frozen=True)
class SmallRun:
    """Outputs of a run, the held-out rows, and what was planted."""

    outputs: Outputs
    test: Dataset
    truth: Truth | None

    @property
    def effects(self) -> Effects:
        """The outputs' effects, which are there."""
        assert self.outputs.effects is not None
        return self.outputs.effects

    @property
    def items(self) -> list[Any]:
        """Every item, in the order of the items table."""
        return list(self.test.items.index)

    @property
    def users(self) -> list[Any]:
        """Every user."""
        return list(self.test.users.index)


class ByEffect:
    """Ranks by effect and leaves out what cannot be read."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects

    def scores(self, users: Sequence[Any], items: Sequence[Any], *, context: Context = Context()) -> Scores:
        """Effects, `[users, items]`."""
        status = self.effects.item["status"]
        out = pd.Index(items).isin(status.index[status.isin(EXCLUDED)])
        return Scores(users, items, np.where(out, np.nan, self.effects.matrix(users, items)[0]))


def small_run(user: str = "user", item: str = "item") -> SmallRun:
    """The run, a copy: a component may change what it is given. Ids are `user-00` …, `item-00` …."""
    return deepcopy(_made(user, item))


@lru_cache(maxsize=4)
def _made(user: str, item: str) -> SmallRun:
    users = pd.Index([f"{user}-{k:02d}" for k in range(USERS)])
    items = pd.Index([f"{item}-{k:02d}" for k in range(ITEMS)])
    log, truth = _log(users, items)
    split = Split("the last two weeks", "week", {"training": tuple(range(TRAINING)), "test": (6, 7)})
    training = replace(split.take(log, "training"), truth=None)
    estimand = Estimand("shown", "bought", unit=("user", "week"), adjustment=("taste",), reason="exposure was random")
    estimator = LeastSquares().fit(training, estimand)
    verdicts = (_verdict(items),)
    effects = write_statuses(_told(estimator.effects_, training), estimand, verdicts)
    ranker = ByEffect(effects)
    outputs = Outputs(
        training=training,
        split=split,
        variables=variables(training),
        embeddings=_embeddings(users, items),
        graph=_graph(),
        estimand=estimand,
        estimator=estimator,
        effects=effects,
        verdicts=verdicts,
        ranker="by-effect",
        scores=ranker.scores,
        ranking=make_ranking(ranker, "by-effect", effects, training, 5, Context()),  # type: ignore[arg-type]
    )
    return SmallRun(outputs, replace(split.take(log, "test"), truth=truth), truth)


def _log(users: pd.Index[Any], items: pd.Index[Any]) -> tuple[Dataset, Truth]:
    rng = np.random.default_rng(41)
    kept = rng.random((USERS, ITEMS, WEEKS)) < 0.7
    u, i, week = np.nonzero(kept)
    shown = rng.random(len(u)) < 0.5
    shown &= i != NEVER
    shown[i == RARELY] = np.arange((i == RARELY).sum()) == 0
    taste, own = rng.normal(size=USERS), np.linspace(0.45, 0.0, ITEMS)
    pair = (own[None, :] * (1 + 0.2 * np.sign(taste)[:, None])).astype(np.float32)
    bought = rng.random(len(u)) < 0.25 + 0.03 * np.clip(taste, -2, 2)[u] + pair[u, i] * shown
    rows = pd.DataFrame(
        {
            "user": pd.Categorical.from_codes(u, users),
            "segment": pd.Categorical.from_codes(u % 3, pd.Index(SEGMENTS)),
            "item": pd.Categorical.from_codes(i, items),
            "week": week,
            "shown": shown.astype(np.int8),
            "bought": bought.astype(np.int8),
            "taste": taste[u],
            "chance": 0.5,
        }
    )
    about = pd.DataFrame({"title": TITLES.split(", ")}, index=items)
    of_user = pd.DataFrame({"segment": [SEGMENTS[k % 3] for k in range(USERS)], "taste": taste}, index=users)
    means = np.stack([pair[k::3].mean(axis=0) for k in range(3)], axis=1)
    by_segment = pd.Series(means.ravel(), pd.MultiIndex.from_product([items, SEGMENTS]))
    truth = Truth(_graph(), pd.Series(pair.mean(0), items), by_segment, PairTruth(users, items, pair))
    return Dataset(Table(rows), _schema(), about, of_user, truth=truth, name="a small log"), truth


def _schema() -> Schema:
    return Schema(
        (
            Column("user", "user", "categorical", description="the customer"),
            Column("segment", "segment", "categorical", description="the customer's segment"),
            Column("item", "item", "categorical", description="the product"),
            Column("week", "time", "time", description="the week"),
            Column("shown", "treatment", "binary", description="shown that week"),
            Column("bought", "outcome", "binary", description="bought that week"),
            Column("taste", "covariate", description="how much the customer buys"),
            Column("chance", "propensity", description="the probability with which it was shown"),
            Column("title", "covariate", "text", description="the product's name"),
        ),
        assignment=("user", "week"),
    )


def _graph() -> CausalGraph:
    evidence = (Evidence("data", "largest p-value of its tests", 0.001),)
    edges = (Edge("shown", "bought", "->", 0.99, evidence), Edge("taste", "bought", "->", 0.9, evidence))
    return CausalGraph(("shown", "bought", "taste"), edges)


def _verdict(items: pd.Index[Any]) -> Verdicts:
    """A falsification that finds an effect of one item before it was shown."""
    table = pd.DataFrame({"estimate": 0.01, "stderr": 0.04, "p": 0.8}, index=items)
    table.iloc[REFUTED] = [0.3, 0.04, 1e-9]
    said = ("Exposure was moved two weeks ahead.", table, 0.01, -0.02, 0.04, 1.0, float(len(items)), 1.0)
    return Verdicts("future-exposure", "falsification", *said, "one item reads an effect")


def _told(effects: Effects, training: Dataset) -> Effects:
    """The effects with one predicted for the item that was never shown, and those of segments."""
    item = effects.item.copy()
    known = item["raw"].dropna()
    never = item.index[NEVER]
    item.loc[never, ["effect", "stderr", "treated"]] = [known.mean(), known.std(), 0]
    item.loc[never, ["lower", "upper"]] = t_interval(known.mean(), known.std())
    item.loc[never, "reason"] = ""
    rows = training.interactions.frame()
    arms = [rows[rows["shown"] == arm].groupby(["item", "segment"], observed=True)["bought"] for arm in (0, 1)]
    effect = arms[1].mean() - arms[0].mean()
    stderr = np.sqrt(arms[0].sem() ** 2 + arms[1].sem() ** 2)
    table = pd.DataFrame({"effect": effect, "stderr": stderr}).dropna().query("stderr > 0").reset_index()
    table["lower"], table["upper"] = t_interval(table["effect"], table["stderr"])
    table = table.assign(raw=table["effect"], raw_stderr=table["stderr"])
    pseudo = pd.Series(SEGMENTS, [f"segment:{name}" for name in SEGMENTS])
    return replace(
        effects, item=item, segment=table, segments=SegmentMap(pd.concat([training.users["segment"], pseudo]))
    )


def _embeddings(users: pd.Index[Any], items: pd.Index[Any]) -> Embeddings:
    rng = np.random.default_rng(42)
    tables = (EmbeddingTable(ids, rng.normal(size=(len(ids), 4)).astype(np.float32), "kit") for ids in (items, users))
    return Embeddings(*tables)
