"""Planted logs of weeks × items × users: exposure is decided for an item and a week, and holds for all its users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from causalkit.testing.worlds._effect_log import (
    SOUND,
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
    t = coin(rng, np.broadcast_to(sigmoid(1.5 * _YEAR), (ITEMS, WEEKS)))
    drawn = spent(rng, t, season=_YEAR, level=0.5 * _YEAR)
    return world_of_weeks(
        "confounded-by-calendar",
        "In high season items are shown more and bought more anyway; `season` is logged.",
        SOUND,
        drawn,
    )


def clustered(seed: int) -> EffectWorld:
    """What an item's week shares outweighs what its rows have of their own."""
    rng = generator("clustered", seed)
    t = coin(rng, np.full((ITEMS, WEEKS), 0.5))
    drawn = _shaken(rng, t)
    return world_of_weeks(
        "clustered",
        "A coin decides exposure of an item for a week, and rows of that week share a shock: ten rows are about one.",
        ("randomised", "ignorability", "linearity", "overlap", "enough-units"),
        drawn,
    )


def few_units(seed: int) -> EffectWorld:
    """Some items were shown in one, two or three weeks."""
    rng = generator("few-units", seed)
    weeks = np.where(np.arange(ITEMS) < FEW, np.arange(ITEMS) + 1, WEEKS // 2)
    t = (rng.random((ITEMS, WEEKS)).argsort(1) < weeks[:, None]).astype(np.int64)
    drawn = _shaken(rng, t)
    return world_of_weeks(
        "few-units",
        "Items 0 to 2 were shown in one, two and three weeks, to ten users each: too few units, however many rows.",
        ("randomised", "ignorability", "linearity", "overlap"),
        drawn,
    )


def hidden_confounder(seed: int) -> EffectWorld:
    """A hidden demand moves exposure and outcome."""
    rng = generator("hidden-confounder", seed)
    season, demand = rng.normal(size=WEEKS), rng.normal(size=(ITEMS, WEEKS))
    t = coin(rng, sigmoid(1.5 * demand + 0.3 * season))
    drawn = spent(rng, t, season=season, level=0.2 * season + 0.6 * demand, hidden=(demand,))
    return world_of_weeks(
        "hidden-confounder",
        "A demand that no column holds moves exposure and spending: no method can be right, and it must be said.",
        ("linearity", "overlap", "enough-units"),
        drawn,
    )


def no_overlap(seed: int) -> EffectWorld:
    """Some items are shown always, never, or when the season says so."""
    rng = generator("no-overlap", seed)
    t = coin(rng, np.broadcast_to(sigmoid(_YEAR), (ITEMS, WEEKS)))
    t[:2], t[2] = 1, 0
    t[3:5] = _YEAR > 0.2
    level = np.broadcast_to(0.4 * _YEAR, t.shape).copy()
    level[3:5] += 1.0 * (_YEAR > 0.2)
    drawn = spent(rng, t, season=_YEAR, level=level)
    reading = drawn.reference.copy()
    reading[3:5] = np.nan
    return world_of_weeks(
        "no-overlap",
        "Items 0 and 1 are always shown, 2 never, 3 and 4 in high season alone, when more is spent; "
        "only 5 to 7 can be read.",
        ("ignorability", "independent-rows", "enough-units"),
        Drawn(drawn.columns, drawn.effect, reading),
    )


def world_of_weeks(name: str, summary: str, holds: Sequence[str], drawn: Drawn) -> EffectWorld:
    """A world in which an item's week is the unit, and `season` is to be adjusted for."""
    return world(name, summary, holds, drawn, estimand_of(("season",), UNIT))


_YEAR = np.sin(2 * np.pi * np.arange(WEEKS) / 13)


def _shaken(rng: np.random.Generator, t: Ints) -> Drawn:
    """What the rows of an item's week share is as large as what they have of their own."""
    season = rng.normal(size=WEEKS)
    return spent(rng, t, season=season, level=0.1 * season + 0.5 * rng.normal(size=t.shape))


def spent(
    rng: np.random.Generator,
    t: Ints,
    *,
    season: Floats,
    level: Floats,
    hidden: tuple[Floats, ...] = (),
    effect: Floats | None = None,
    vectors: Floats | None = None,
    users: int = USERS,
) -> Drawn:
    """Rows of every item, week and user.

    `t` `[items, weeks]` is the exposure; `level`, which broadcasts to it, what is spent but for the item's own
    level, the effect and noise. The reference reads weeks, and is told `hidden` (of the shape of `t`).
    """
    items, weeks = t.shape
    effect = spread(rng, 0.6, 0.4, items) if effect is None else effect
    mean = 3 + rng.uniform(-0.5, 0.5, (items, 1)) + level + effect[:, None] * t
    item, week, user = grid(items, weeks, users)
    y = mean[item, week] + NOISE * rng.normal(size=len(item))
    columns = {
        "user": user,
        "item": item,
        "week": week,
        "season": season[week],
        "exposed": t[item, week],
        "outcome": y,
    }
    cell_item, cell_week = grid(items, weeks)
    means = y.reshape(items, weeks, users).mean(2).ravel()
    beside = (season[cell_week], *(column.ravel() for column in hidden))
    reading = least_squares(cell_item, t.ravel().astype(float), means, beside, items)
    return Drawn(columns, effect, reading, vectors)
