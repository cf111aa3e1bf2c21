"""Small logs whose effects are planted, for tests of estimators, rankers and metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from causalkit.types import Column, Dataset, Estimand, PairTruth, Schema, Table, Truth


@dataclass(frozen=True)
class World:
    """A log, what to read from it, and the planted effects (item; user × item)."""

    dataset: Dataset
    estimand: Estimand
    item: pd.Series
    pair: np.ndarray


def personal_world(
    seed: int = 0,
    users: int = 300,
    items: int = 20,
    weeks: int = 4,
    confounding: float = 1.0,
    effect: float = 0.1,
    spread: float = 0.05,
    pair_spread: float = 0.0,
    binary: bool = True,
) -> World:
    """Users × items × weeks; exposure and outcome both rise with a user covariate `x` and the item."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=users)
    season = np.sin(np.arange(weeks))
    popularity = rng.normal(size=items)
    item_effect = effect + spread * rng.normal(size=items)
    pair = np.clip(item_effect[None, :] + pair_spread * rng.normal(size=(users, items)), -0.2, 0.45)
    u, i, t = (a.ravel() for a in np.meshgrid(np.arange(users), np.arange(items), np.arange(weeks), indexing="ij"))
    logit = -0.3 + confounding * (0.8 * x[u] + 0.4 * season[t] + 0.5 * popularity[i])
    exposed = (rng.random(len(u)) < 1 / (1 + np.exp(-logit))).astype(np.int8)
    base = 0.3 + confounding * (0.06 * np.clip(x[u], -2, 2) + 0.03 * season[t] + 0.03 * np.clip(popularity[i], -2, 2))
    mean = base + exposed * pair[u, i]
    outcome = (rng.random(len(u)) < mean).astype(np.int8) if binary else mean + 0.3 * rng.normal(size=len(u))
    user_ids, item_ids = pd.Index([f"u{k:04d}" for k in range(users)]), pd.Index([f"i{k:03d}" for k in range(items)])
    rows = pd.DataFrame(
        {
            "user": pd.Categorical.from_codes(u, user_ids),
            "item": pd.Categorical.from_codes(i, item_ids),
            "week": t,
            "exposed": exposed,
            "bought": outcome,
            "x": x[u],
            "season": season[t],
        }
    )
    schema = Schema(
        (
            Column("user", "user", "categorical"),
            Column("item", "item", "categorical"),
            Column("week", "time", "time"),
            Column("exposed", "treatment", "binary"),
            Column("bought", "outcome", "binary"),
            Column("x", "covariate"),
            Column("season", "covariate"),
        ),
        assignment=("user", "item"),
    )
    item_truth = pd.Series(pair.mean(0), item_ids)
    truth = Truth(item=item_truth, pair=PairTruth(user_ids, item_ids, pair.astype(np.float32)))
    dataset = Dataset(
        Table(rows), schema, pd.DataFrame(index=item_ids), pd.DataFrame({"x": x}, index=user_ids), truth=truth
    )
    estimand = Estimand("exposed", "bought", unit=("user", "item"), adjustment=("x", "season"))
    return World(dataset, estimand, item_truth, pair)


def chain_world(
    seed: int = 0, items: int = 40, weeks: int = 24, segments: int = 2, households: int = 200, effect: float = 0.0
) -> World:
    """Exposure decided per item and week for everyone; rows are segment counts with a weight."""
    rng = np.random.default_rng(seed)
    item_effect = effect * (1 + 0.5 * rng.normal(size=items))
    mailed = rng.random((items, weeks)) < 0.4
    shock = 0.03 * rng.normal(size=(items, weeks))
    rows = []
    names = [f"s{k}" for k in range(segments)]
    for i in range(items):
        for t in range(weeks):
            p = np.clip(0.2 + shock[i, t] + mailed[i, t] * item_effect[i], 0.001, 0.999)
            for s in names:
                bought = rng.binomial(households, p)
                rows.append((f"i{i:03d}", t, s, int(mailed[i, t]), 1, bought))
                rows.append((f"i{i:03d}", t, s, int(mailed[i, t]), 0, households - bought))
    frame = pd.DataFrame(rows, columns=["item", "week", "segment", "exposed", "bought", "households"])
    frame[["item", "segment"]] = frame[["item", "segment"]].astype("category")
    schema = Schema(
        (
            Column("item", "item", "categorical"),
            Column("week", "time", "time"),
            Column("segment", "segment", "categorical"),
            Column("exposed", "treatment", "binary"),
            Column("bought", "outcome", "binary"),
            Column("households", "weight", "count"),
        ),
        assignment=("item", "week"),
    )
    item_ids = pd.Index([f"i{k:03d}" for k in range(items)])
    users = pd.DataFrame({"segment": names * 3}, index=[f"h{k}" for k in range(3 * segments)])
    truth = pd.Series(item_effect, item_ids)
    dataset = Dataset(Table(frame), schema, pd.DataFrame(index=item_ids), users)
    return World(dataset, Estimand("exposed", "bought", "att", ("item", "week")), truth, item_effect[None, :])
