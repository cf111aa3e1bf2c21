"""The behaviour of the simulated shop: who is shown what, who visits, who buys, and what showing causes.

Per user u, item i and week t, with every covariate observed:

    logit P(exposed)      = a_i + confounding * (activity + affinity + popularity + season + promo) + hidden * h
    logit P(visit | e=0)  = activity + season + promo
    P(visit | e=1)        = P(visit | e=0) + NUDGE * (1 - P(visit | e=0))
    logit P(buy | visit, e=0) = demand = popularity + affinity + activity + season + promo + hidden * h
    P(buy | visit, e=1)   = q + m (1 - q) for m >= 0, q (1 + m) for m < 0, with q = P(buy | visit, e=0)

`m`, how persuasive showing item i to user u is, is planted as item + segment × department + taste.
The effect P(buy | e=1) - P(buy | e=0) follows in closed form: nothing is clipped or simulated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.types import CausalGraph, Edge, PairTruth, Truth
from causalkit_plugins.datasets._catalogue import DEPARTMENTS, SEGMENTS, Catalogue, Text, draw_catalogue

__all__ = ["World", "draw_world", "graph", "potential_rates", "propensity", "truth"]

Floats = npt.NDArray[np.float64]

TOPICS = 4
NUDGE = 0.05
TASTE = 0.04
PERSUASION_LIMITS = (-0.15, 0.5)
PAIR_CELLS = 20_000_000
"""Largest users × items for which the effect of every pair is kept."""
_EXPOSED = {"activity": 0.6, "affinity": 0.8, "popularity": 0.6, "season": 0.4, "promo": 0.9}
_VISIT = {"activity": 0.7, "season": 0.3, "promo": 0.4}
_BUY = {"activity": 0.4, "affinity": 0.8, "popularity": 0.9, "season": 0.3, "promo": 0.4}


@dataclass(frozen=True)
class World:
    """Everything that was drawn before anybody was shown anything.

    `activity` is `[users, weeks]`, `popularity` `[items, weeks]`, `season` and `promo` `[weeks]`,
    `user_tastes` `[users, topics]`, `segment` `[users]` codes; `moderation` `[segments, departments]`.
    """

    users: pd.DataFrame
    catalogue: Catalogue
    segment: npt.NDArray[np.int64]
    user_tastes: Floats
    activity: Floats
    popularity: Floats
    season: Floats
    promo: Floats
    moderation: Floats
    base: Floats

    def affinity(self, users: npt.NDArray[np.int64]) -> Floats:
        """The recommender's own score of `users` × every item, about standard normal."""
        return np.sqrt(TOPICS) * (self.user_tastes[users] @ self.catalogue.tastes.T)

    def persuasion(self, users: npt.NDArray[np.int64], affinity: Floats) -> Floats:
        """`m` of `users` × every item."""
        by_segment = self.moderation[self.segment[users]][:, self.catalogue.department]
        return np.clip(self.catalogue.persuasion + by_segment + TASTE * affinity, *PERSUASION_LIMITS)


def draw_world(
    users: int,
    items: int,
    weeks: int,
    cold: float,
    exposure_rate: float,
    rng: np.random.Generator,
    text: Text = "tells",
) -> World:
    """Draw users, items and calendar."""
    catalogue = draw_catalogue(items, cold, TOPICS, rng, text)
    segment = rng.choice(len(SEGMENTS), users, p=[0.35, 0.2, 0.25, 0.2])
    tastes = 0.6 * rng.normal(0, 1, (len(SEGMENTS), TOPICS))[segment] + 0.8 * rng.normal(0, 1, (users, TOPICS))
    usual = np.array([0.5, -0.5, 0.0, 0.2])[segment] + rng.normal(0, 0.8, users)
    season = np.sqrt(2) * np.sin(2 * np.pi * np.arange(weeks) / 13)
    promo = np.zeros(weeks)
    promo[rng.choice(weeks, max(1, weeks // 4), replace=False)] = 1
    width = max(4, len(str(users)))
    table = pd.DataFrame(
        {"segment": pd.Categorical.from_codes(segment, SEGMENTS)},
        index=pd.Index([f"user-{u + 1:0{width}d}" for u in range(users)], name="user"),
    )
    logit = np.log(exposure_rate / (1 - exposure_rate))
    return World(
        table,
        catalogue,
        segment,
        tastes / np.sqrt(TOPICS),
        usual[:, None] + rng.normal(0, 0.4, (users, weeks)),
        catalogue.demand[:, None] + rng.normal(0, 0.2, (items, weeks)),
        season,
        promo,
        rng.normal(0, 0.05, (len(SEGMENTS), len(DEPARTMENTS))),
        logit + rng.normal(0, 0.3, items),
    )


def _index(weights: dict[str, float], covariates: dict[str, Floats]) -> Floats:
    return np.asarray(sum(weight * covariates[name] for name, weight in weights.items()), float)


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def propensity(base: Floats, covariates: dict[str, Floats], confounding: float, hidden: Floats | float) -> Floats:
    """P(exposed) given the logged covariates and the hidden term; within [.03, .97]."""
    logit = base - 0.2 + confounding * _index(_EXPOSED, covariates) + hidden
    return _logistic(np.clip(logit, -3.5, 3.5))


def potential_rates(
    covariates: dict[str, Floats], persuasion: Floats, hidden: Floats | float
) -> tuple[Floats, Floats, Floats, Floats]:
    """P(visit) and P(buy | visit), each unexposed and exposed: v0, v1, q0, q1."""
    v0 = _logistic(0.4 + _index(_VISIT, covariates))
    q0 = _logistic(-2.6 + _index(_BUY, covariates) + hidden)
    q1 = np.where(persuasion >= 0, q0 + persuasion * (1 - q0), q0 * (1 + persuasion))
    return v0, v0 + NUDGE * (1 - v0), q0, q1


def truth(world: World, hidden: float) -> Truth:
    """The planted effects, averaged over weeks (and over the hidden term): exact, no draws."""
    users, items = len(world.users), len(world.catalogue.table)
    keep = users * items <= PAIR_CELLS
    pairs = np.empty((users, items), np.float32) if keep else None
    by_segment = np.zeros((len(SEGMENTS), items))
    for block in _blocks(users, max(1, 2_000_000 // items)):
        effects = _effects_of(world, block, hidden)
        np.add.at(by_segment, world.segment[block], effects)
        if pairs is not None:
            pairs[block] = effects
    count = np.bincount(world.segment, minlength=len(SEGMENTS))
    ids = world.catalogue.table.index
    item = pd.Series(by_segment.sum(0) / users, ids, name="effect")
    index = pd.MultiIndex.from_product([ids, SEGMENTS], names=["item", "segment"])
    with np.errstate(invalid="ignore"):
        segment = pd.Series((by_segment / count[:, None]).T.ravel(), index, name="effect")
    pair = PairTruth(world.users.index, ids, pairs) if pairs is not None else None
    return Truth(graph(hidden), item, segment.dropna(), pair)


def _blocks(users: int, size: int) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, users, size):
        yield np.arange(start, min(start + size, users))


def _effects_of(world: World, block: npt.NDArray[np.int64], hidden: float) -> Floats:
    """Effects `[block, items]`, averaged over weeks; Gauss–Hermite quadrature over the hidden term."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(7) if hidden else (np.zeros(1), np.ones(1))
    affinity = world.affinity(block)
    persuasion = world.persuasion(block, affinity)
    total = np.zeros_like(affinity)
    for week in range(len(world.season)):
        covariates = {
            "activity": world.activity[block, week][:, None],
            "affinity": affinity,
            "popularity": world.popularity[:, week][None, :],
            "season": world.season[week : week + 1],
            "promo": world.promo[week : week + 1],
        }
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            v0, v1, q0, q1 = potential_rates(covariates, persuasion, hidden * float(node))
            total += weight * (v1 * q1 - v0 * q0)
    return total / len(world.season)


_EDGES = (
    ("segment", "user_activity"),
    ("segment", "affinity"),
    ("department", "affinity"),
    ("department", "item_popularity"),
    *((cause, "exposed") for cause in ("season", "promo_week", "user_activity", "item_popularity", "affinity")),
    *((cause, "visited") for cause in ("season", "promo_week", "user_activity", "exposed")),
    *((cause, "bought") for cause in ("season", "promo_week", "user_activity", "item_popularity", "affinity")),
    ("segment", "bought"),
    ("department", "bought"),
    ("exposed", "bought"),
    ("visited", "bought"),
)


def graph(hidden: float = 0.0) -> CausalGraph:
    """The planted graph over the logged columns."""
    nodes = tuple(dict.fromkeys(name for edge in _EDGES for name in edge))
    notes = ("a hidden cause of exposed and bought is planted, and no column holds it",) if hidden else ()
    return CausalGraph(nodes, tuple(Edge(a, b) for a, b in _EDGES), notes=notes)
