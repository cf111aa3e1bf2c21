"""A simulated shop in which every effect is known."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import Column, Dataset, Schema, Table, Words
from causalkit_plugins.datasets import _shop

__all__ = ["Simulated"]

Count = Annotated[int, Field(ge=2)]
Share = Annotated[float, Field(ge=0, lt=1)]


@component
class Simulated:
    """A shop whose recommender shows items to users week by week, with everything planted.

    A row is a user, an item that could have been shown, and a week: whether it was `exposed`,
    whether the user visited and `bought`. The recommender favours active users, popular items,
    items that suit the user, high season and promotion weeks, all of which also raise purchases: so
    exposed rows buy more, shown or not. By default every such column is logged.

    Items' `description` predicts their effects; with `text: silent` it is drawn without regard to them, and
    all else is the same, draw for draw. A share of items is cold: never exposed, with an
    effect all the same. As in real shops, staples are bought a lot anyway and gain little from being
    shown, so that popularity and effect are weakly, mostly negatively, related: by these items'
    nature, not by a rule that makes popularity fail.

    `user_activity` and `item_popularity` stand for last weeks' behaviour; they are drawn, not counted
    from these rows, so that the planted graph holds exactly. `truth` holds graph, item, segment and
    pair effects: the probability of buying when shown minus when not, averaged over weeks. It leaves
    pairs out above 20 million of them.
    """

    users: Count = 1000
    "How many users."
    items: Count = 100
    "How many items."
    weeks: Count = 24
    "How many weeks."
    candidates: Annotated[int, Field(ge=1)] = 12
    "Items per user and week that could have been shown, at most; each is a row."
    exposure_rate: Annotated[float, Field(gt=0, lt=1)] = 0.3
    "Share of rows that an average week would expose."
    cold: Share = 0.08
    "Share of items that are never exposed."
    confounding: Annotated[float, Field(ge=0)] = 1.0
    "How strongly the logged covariates drive exposure; 0 shows items at random."
    hidden: Annotated[float, Field(ge=0)] = 0.0
    "Strength of a cause of both exposure and purchase that no column holds; 0 is none."
    text: Literal["tells", "silent"] = "tells"
    "Whether descriptions tell of what decides the effects, or tell no more than the department."
    log_propensity: bool = False
    "Whether the log holds each row's probability of exposure (given the hidden cause, if any)."
    seed: int = 0
    "Seed of the drawn shop; the run's own seed does not change the data."

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Nothing is read: the parameters say it all."""
        return "drawn"

    def load(self, *, context: Context = Context()) -> Dataset:
        """Draw the shop and its log, by blocks of weeks."""
        rng = np.random.default_rng(self.seed)
        world = _shop.draw_world(self.users, self.items, self.weeks, self.cold, self.exposure_rate, rng, self.text)
        parts = [self._week(world, week, rng) for week in context.track(range(self.weeks), "drawing weeks", self.weeks)]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        rows = _with_ids(world, columns)
        return Dataset(
            Table(rows),
            _schema(self.log_propensity),
            world.catalogue.table,
            world.users,
            truth=_shop.truth(world, self.hidden),
            name="simulated shop",
        )

    def _week(self, world: _shop.World, week: int, rng: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
        user, item = _draw_candidates(self.users, self.items, self.candidates, rng)
        affinity = np.sqrt(_shop.TOPICS) * np.einsum("rk,rk->r", world.user_tastes[user], world.catalogue.tastes[item])
        persuasion = _persuasion(world, user, item, affinity)
        covariates = {
            "activity": world.activity[user, week],
            "affinity": affinity,
            "popularity": world.popularity[item, week],
            "season": np.full(len(user), world.season[week]),
            "promo": np.full(len(user), world.promo[week]),
        }
        unseen = self.hidden * rng.normal(0, 1, len(user)) if self.hidden else 0.0
        chance = _shop.propensity(world.base[item], covariates, self.confounding, unseen)
        chance = np.where(world.catalogue.cold[item], 0.0, chance)
        exposed = rng.random(len(user)) < chance
        v0, v1, q0, q1 = _shop.potential_rates(covariates, persuasion, unseen)
        visited = rng.random(len(user)) < np.where(exposed, v1, v0)
        bought = visited & (rng.random(len(user)) < np.where(exposed, q1, q0))
        logged = {"propensity": chance} if self.log_propensity else {}
        return {
            "user": user,
            "item": item,
            "week": np.full(len(user), week + 1, np.int16),
            "season": covariates["season"].astype(np.float32),
            "promo_week": covariates["promo"].astype(np.int8),
            "user_activity": covariates["activity"].astype(np.float32),
            "item_popularity": covariates["popularity"].astype(np.float32),
            "affinity": affinity.astype(np.float32),
            "exposed": exposed.astype(np.int8),
            "visited": visited.astype(np.int8),
            "bought": bought.astype(np.int8),
            **logged,
        }


def _draw_candidates(
    users: int, items: int, count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Up to `count` different items for each user, drawn evenly; no user × item matrix is held."""
    if count >= items:
        drawn = np.broadcast_to(np.arange(items), (users, items))
        fresh = np.ones(drawn.shape, bool)
    else:
        drawn = np.sort(rng.integers(0, items, (users, count)), axis=1)
        fresh = np.diff(drawn, axis=1, prepend=-1) > 0
    return np.nonzero(fresh)[0], drawn[fresh]


def _persuasion(
    world: _shop.World,
    user: npt.NDArray[np.int64],
    item: npt.NDArray[np.int64],
    affinity: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """`World.persuasion` at single pairs."""
    by_segment = world.moderation[world.segment[user], world.catalogue.department[item]]
    return np.clip(world.catalogue.persuasion[item] + by_segment + _shop.TASTE * affinity, *_shop.PERSUASION_LIMITS)


def _with_ids(world: _shop.World, columns: dict[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """The rows, codes of users and items replaced by categoricals of external ids."""
    segment = pd.Categorical.from_codes(world.segment[columns["user"]], _shop.SEGMENTS)
    ids = {
        "user": pd.Categorical.from_codes(columns.pop("user"), world.users.index),
        "segment": segment,
        "item": pd.Categorical.from_codes(columns.pop("item"), world.catalogue.table.index),
    }
    return pd.DataFrame(ids | columns)


def _schema(propensity: bool) -> Schema:
    columns = [
        Column("user", "user", "categorical", 0, "user"),
        Column("segment", "segment", "categorical", 0, "kind of household the user belongs to"),
        Column("item", "item", "categorical", 0, "item"),
        Column("department", "group", "categorical", 0, "department of the item"),
        Column("description", "covariate", "text", 0, "what the item's label says"),
        Column("week", "time", "time", 0, "week"),
        Column("season", "covariate", "continuous", 0, "how high demand is at this time of the year"),
        Column("promo_week", "covariate", "binary", 0, "whether it is a promotion week in the whole shop"),
        Column("user_activity", "covariate", "continuous", 1, "how much the user bought in the weeks before"),
        Column("item_popularity", "covariate", "continuous", 1, "how much the item was bought in the weeks before"),
        Column("affinity", "covariate", "continuous", 1, "the recommender's score of user and item"),
        Column("exposed", "treatment", "binary", 2, "whether the item was shown to the user that week"),
        Column("visited", "signal", "binary", 3, "whether the user visited that week"),
        Column("bought", "outcome", "binary", 4, "whether the user bought the item that week"),
    ]
    if propensity:
        columns.append(Column("propensity", "propensity", "continuous", 2, "logged probability of exposure"))
    tiers = {
        0: "attributes and calendar",
        1: "lagged behaviour",
        2: "promotion decision",
        3: "visit",
        4: "outcome",
    }
    words = Words(
        units="users",
        rows="user-weeks",
        items="items",
        question="Which items do users buy because they were shown, and who should see what?",
        period="week",
        outcome="bought",
        everyone="This is the effect of showing it",
    )
    return Schema(tuple(columns), ("user", "item", "week"), tiers, words)
