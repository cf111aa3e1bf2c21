"""Planted logs of users × items: exposure is decided row by row, there is no time."""

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
    two_stages,
    world,
)

ITEMS, USERS, NOISE = 8, 400, 0.5
UNIT = ("user", "item")


def randomised(seed: int) -> EffectWorld:
    """A coin decides exposure."""
    rng, item, user, x = _people("randomised", seed)
    t = coin(rng, np.linspace(0.3, 0.6, ITEMS)[item])
    drawn = _spent(rng, item, user, x, t, level=1 + 0.5 * x)
    return _world(
        "randomised",
        "A coin decides exposure; exposed minus unexposed is right.",
        ("randomised", *SOUND),
        drawn,
    )


def confounded_by_user(seed: int) -> EffectWorld:
    """Those who spend much see more."""
    rng, item, user, x = _people("confounded-by-user", seed)
    t = coin(rng, sigmoid(x))
    drawn = _spent(rng, item, user, x, t, level=1 + 0.5 * x)
    return _world(
        "confounded-by-user",
        "Users with a high `x` are shown more and spend more anyway; `x` is logged.",
        SOUND,
        drawn,
    )


def confounded_by_item(seed: int) -> EffectWorld:
    """Popular items are shown more."""
    rng, item, user, x = _people("confounded-by-item", seed)
    popular = np.linspace(-1, 1, ITEMS)[item]
    t = coin(rng, 0.45 + 0.3 * popular)
    drawn = _spent(rng, item, user, x, t, level=5 + 3 * popular + 0.3 * x)
    return _world(
        "confounded-by-item",
        "Popular items are shown more and bought more anyway: right within an item, wrong across items.",
        SOUND,
        drawn,
    )


def instrument(seed: int) -> EffectWorld:
    """A coin nudges exposure; a hidden want moves both."""
    rng, item, user, x = _people("instrument", seed)
    want, nudge = rng.normal(size=len(item)), coin(rng, np.full(len(item), 0.5))
    t = coin(rng, sigmoid(4 * (nudge - 0.5) + want + 0.3 * x))
    drawn = _spent(rng, item, user, x, t, level=1 + 0.3 * x + 0.6 * want, nudge=nudge)
    reading = two_stages(item, nudge.astype(float), t.astype(float), drawn.columns["outcome"].astype(float), x, ITEMS)
    return world(
        "instrument",
        "What no column holds moves exposure and spending; `nudge`, a coin, moves spending through exposure alone.",
        ("instrument", "linearity", "independent-rows", "overlap", "enough-units"),
        Drawn(drawn.columns, drawn.effect, reading),
        estimand_of(("x",), UNIT, ("nudge",)),
    )


def nonlinear(seed: int) -> EffectWorld:
    """Outcome is curved in what is adjusted for."""
    rng, item, user, x = _people("nonlinear", seed)
    t = coin(rng, sigmoid(1.2 * x - 0.8))
    drawn = _spent(rng, item, user, x, t, level=1 + 0.7 * x**2, hidden=(x**2,))
    return _world(
        "nonlinear",
        "Exposure is logistic in `x`, spending is quadratic in it: a straight line leaves some of it behind.",
        ("ignorability", "independent-rows", "overlap", "enough-units"),
        drawn,
    )


def rare_outcomes(seed: int) -> EffectWorld:
    """One row in a hundred has the outcome."""
    rng = generator("rare-outcomes", seed)
    item, user = grid(6, 1500)
    x = rng.uniform(-1.7, 1.7, 1500)[user]
    t = coin(rng, np.full(len(item), 0.5))
    effect = spread(rng, 0.015, 0.008, 6)
    y = coin(rng, 0.01 + 0.002 * x + effect[item] * t).astype(float)
    columns = {"user": user, "item": item, "x": x, "exposed": t, "outcome": y}
    return _world(
        "rare-outcomes",
        "One unexposed row in a hundred has the outcome; a coin decides exposure.",
        ("randomised", *SOUND),
        Drawn(columns, effect, least_squares(item, t.astype(float), y, (x,), 6)),
    )


def weighted(seed: int) -> EffectWorld:
    """Each row stands for many people."""
    rng = generator("weighted", seed)
    item, _ = grid(ITEMS, 1000)
    x = rng.integers(-1, 2, len(item)).astype(float)
    t = coin(rng, sigmoid(x))
    effect = spread(rng, 0.15, 0.1, ITEMS)
    y = coin(rng, 0.3 + 0.15 * x + effect[item] * t)
    cells, people = np.unique(np.stack([item, x.astype(np.int64), t, y], 1), axis=0, return_counts=True)
    columns = {
        "item": cells[:, 0],
        "people": people,
        "x": cells[:, 1].astype(float),
        "exposed": cells[:, 2],
        "outcome": cells[:, 3].astype(float),
    }
    return world(
        "weighted",
        "A row stands for as many people as its weight says; `x` is logged and moves exposure and outcome.",
        SOUND,
        Drawn(columns, effect, least_squares(item, t.astype(float), y.astype(float), (x,), ITEMS)),
        estimand_of(("x",), ()),
    )


def _world(name: str, summary: str, holds: Sequence[str], drawn: Drawn) -> EffectWorld:
    """A world in which every row is a unit, and `x` is to be adjusted for."""
    return world(name, summary, holds, drawn, estimand_of(("x",), UNIT))


def _people(name: str, seed: int) -> tuple[np.random.Generator, Ints, Ints, Floats]:
    rng = generator(name, seed)
    item, user = grid(ITEMS, USERS)
    return rng, item, user, rng.uniform(-1.7, 1.7, USERS)[user]


def _spent(
    rng: np.random.Generator,
    item: Ints,
    user: Ints,
    x: Floats,
    t: Ints,
    *,
    level: Floats,
    hidden: tuple[Floats, ...] = (),
    **more: Ints,
) -> Drawn:
    """Rows with an outcome of `level`, effects around 0.4, and noise; the reference is told `hidden`."""
    effect = spread(rng, 0.4, 0.25, ITEMS)
    y = level + effect[item] * t + NOISE * rng.normal(size=len(item))
    columns = {"user": user, "item": item, "x": x, **more, "exposed": t, "outcome": y}
    return Drawn(columns, effect, least_squares(item, t.astype(float), y, (x, *hidden), ITEMS))
