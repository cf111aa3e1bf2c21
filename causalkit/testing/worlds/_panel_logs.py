"""Planted logs of weeks × items × users: exposure is decided for an item and a week, and holds for all its users."""

from __future__ import annotations

import numpy as np

from causalkit.testing.worlds._effect_log import (
    Drawn,
    EffectWorld,
    Floats,
    Ints,
    coin,
    estimand_of,
    generator,
    grid,
    least_squares,
    sigmoid,
    spread,
    world,
)

ITEMS, WEEKS, USERS, NOISE = 8, 40, 10, 0.5
UNIT = ("item", "week")
FEW = 3
"""Items with one, two … exposed weeks, in the world that has some."""


def confounded_by_calendar(seed: int) -> EffectWorld:
    """Seasons move exposure and outcome."""
    rng = generator("confounded-by-calendar", seed)
    season = np.sin(2 * np.pi * np.arange(WEEKS) / 13)
    t = coin(rng, np.broadcast_to(sigmoid(1.5 * season), (ITEMS, WEEKS)))
    drawn = _spent(rng, t, season=season, swing=0.5, shock=0.0)
    return world(
        "confounded-by-calendar",
        "In high season items are shown more and bought more anyway; `season` is logged.",
        ("ignorability", "linearity", "independent-rows", "overlap", "enough-units"),
        drawn,
        estimand_of(("season",), UNIT),
    )


def clustered(seed: int) -> EffectWorld:
    """What an item's week shares outweighs what its rows have of their own."""
    rng = generator("clustered", seed)
    t = coin(rng, np.full((ITEMS, WEEKS), 0.5))
    drawn = _spent(rng, t, season=rng.normal(size=WEEKS), swing=0.1, shock=0.5)
    return world(
        "clustered",
        "A coin decides exposure of an item for a week, and rows of that week share a shock: ten rows are about one.",
        ("randomised", "ignorability", "linearity", "overlap", "enough-units"),
        drawn,
        estimand_of(("season",), UNIT),
    )


def few_units(seed: int) -> EffectWorld:
    """Some items were shown in one, two or three weeks."""
    rng = generator("few-units", seed)
    weeks = np.where(np.arange(ITEMS) < FEW, np.arange(ITEMS) + 1, WEEKS // 2)
    t = (rng.random((ITEMS, WEEKS)).argsort(1) < weeks[:, None]).astype(np.int64)
    drawn = _spent(rng, t, season=rng.normal(size=WEEKS), swing=0.1, shock=0.5)
    return world(
        "few-units",
        "Items 0 to 2 were shown in one, two and three weeks, to ten users each: too few units, however many rows.",
        ("randomised", "ignorability", "linearity", "overlap"),
        drawn,
        estimand_of(("season",), UNIT),
    )


def _spent(rng: np.random.Generator, t: Ints, *, season: Floats, swing: float, shock: float) -> Drawn:
    """Rows of every item, week and user; `shock` is what the rows of an item's week share."""
    effect = spread(rng, 0.6, 0.4, ITEMS)
    base = 3 + rng.uniform(-0.5, 0.5, (ITEMS, 1)) + swing * season + shock * rng.normal(size=t.shape)
    mean = base + effect[:, None] * t
    item, week, user = grid(ITEMS, WEEKS, USERS)
    y = mean[item, week] + NOISE * rng.normal(size=len(item))
    columns = {
        "user": user,
        "item": item,
        "week": week,
        "season": season[week],
        "exposed": t[item, week],
        "outcome": y,
    }
    cell_item, cell_week = grid(*t.shape)
    means = y.reshape(ITEMS, WEEKS, USERS).mean(2).ravel()
    reading = least_squares(cell_item, t.ravel().astype(float), means, (season[cell_week],), ITEMS)
    return Drawn(columns, effect, reading)
