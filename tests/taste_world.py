"""A log by users whose taste no column holds: it decides what they are shown and what they buy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from causalkit_plugins.estimators.regression import Regression

from causalkit.types import Column, Dataset, EmbeddingTable, Estimand, Schema, Table

SCHEMA = Schema(
    (
        Column("user", "user", "categorical", 0),
        Column("item", "item", "categorical", 0),
        Column("week", "time", "time", 0),
        Column("shown", "treatment", "binary", 1),
        Column("clicked", "signal", "binary", 2),
        Column("bought", "outcome", "binary", 3),
    ),
    ("user", "item", "week"),
)


@dataclass(frozen=True)
class TasteWorld:
    """The log; vectors of its items; each user's taste `[users, 2]`; each item's planted effect `[items]`."""

    dataset: Dataset
    items: EmbeddingTable
    tastes: npt.NDArray[np.float64]
    effects: npt.NDArray[np.float64]


def taste_world(
    seed: int = 0, users: int = 600, items: int = 12, weeks: int = 8, pull: float = 1.2, effect: float = 0.3
) -> TasteWorld:
    """Draw a world; `pull` is how strongly taste decides what is shown (0: shown at random)."""
    rng = np.random.default_rng(seed)
    tastes, vectors = rng.normal(size=(users, 2)), rng.normal(size=(items, 2))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    liking = tastes @ vectors.T
    unprompted = _logistic(1.2 * liking - 1.5)
    user, item = np.nonzero(np.ones(liking.shape, bool))
    parts = []
    for week in range(weeks):
        shown = rng.random(liking.shape) < _logistic(pull * liking - 0.8)
        bought = rng.random(liking.shape) < unprompted + effect * (1 - unprompted) * shown
        clicked = bought | (rng.random(liking.shape) < 0.1)
        rows = {"shown": shown, "clicked": clicked, "bought": bought}
        part = pd.DataFrame({"user": user, "item": item, "week": week} | {n: v.ravel() for n, v in rows.items()})
        parts.append(part[rng.random(len(part)) < 0.4])
    log = pd.concat(parts, ignore_index=True).astype({"shown": np.int8, "clicked": np.int8, "bought": np.int8})
    user_ids, item_ids = (
        pd.Index([f"{letter}{k:04d}" for k in range(count)]) for letter, count in (("u", users), ("i", items))
    )
    log["user"] = pd.Categorical.from_codes(log["user"], user_ids)
    log["item"] = pd.Categorical.from_codes(log["item"], item_ids)
    dataset = Dataset(Table(log), SCHEMA, pd.DataFrame(index=item_ids), pd.DataFrame(index=user_ids))
    table = EmbeddingTable(item_ids, vectors.astype(np.float32), "planted")
    return TasteWorld(dataset, table, tastes, (effect * (1 - unprompted)).mean(0))


def bias(world: TasteWorld, rows: Dataset, users: EmbeddingTable | None) -> float:
    """Mean error of items' effects, adjusted for the users' vectors where there are any."""
    names = [] if users is None else ["taste_0", "taste_1"]
    if users is not None:
        vectors = users.at(pd.Index(rows.interactions.frame()["user"].astype(object)))
        columns = [Column(name, "covariate", "continuous", 0) for name in names]
        rows = rows.with_columns(columns, **dict(zip(names, vectors.T, strict=True)))
    estimand = Estimand("shown", "bought", adjustment=tuple(names))
    found = Regression().fit(rows, estimand).effects_.item["effect"]
    return float((found.reindex(world.items.ids).to_numpy() - world.effects).mean())


def _logistic(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))
