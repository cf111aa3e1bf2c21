"""Planted logs whose items have vectors, which tell of their effects or do not; exposure is decided week by week."""

from __future__ import annotations

import numpy as np

from causalkit.testing.worlds._effect_log import SOUND, EffectWorld, Floats, generator
from causalkit.testing.worlds._panel_logs import spent, world_of_weeks

ITEMS, WEEKS, USERS, WIDTH = 24, 20, 8, 6
COLD = 6
"""Items without exposed rows, in the world that has some."""


def text_matters(seed: int) -> EffectWorld:
    """Vectors tell most of the effects."""
    return _log(
        "text-matters",
        "A coin decides exposure; vectors of items tell nine tenths of how effects vary.",
        ("randomised", *SOUND),
        told=0.9,
        seed=seed,
    )


def text_does_not(seed: int) -> EffectWorld:
    """Vectors tell nothing of the effects."""
    return _log(
        "text-does-not",
        "A coin decides exposure; vectors of items have nothing to do with their effects.",
        ("randomised", *SOUND),
        told=0.0,
        seed=seed,
    )


def cold_items(seed: int) -> EffectWorld:
    """Some items were never shown."""
    return _log(
        "cold-items",
        f"The last {COLD} items were never shown; vectors tell nine tenths of how effects vary.",
        ("randomised", "ignorability", "linearity", "independent-rows"),
        told=0.9,
        seed=seed,
        cold=COLD,
    )


def _log(name: str, summary: str, holds: tuple[str, ...], *, told: float, seed: int, cold: int = 0) -> EffectWorld:
    rng = generator(name, seed)
    season = rng.normal(size=WEEKS)
    warm = np.arange(ITEMS)[:, None] < ITEMS - cold
    t = (rng.random((ITEMS, WEEKS)).argsort(1) < WEEKS // 2) * warm
    vectors, effect = _effects(rng, told)
    drawn = spent(
        rng, t.astype(np.int64), season=season, level=0.2 * season, effect=effect, vectors=vectors, users=USERS
    )
    return world_of_weeks(name, summary, holds, drawn)


def _effects(rng: np.random.Generator, told: float) -> tuple[Floats, Floats]:
    """Vectors `[items, WIDTH]` and effects around 0.4, sd 0.2, of which the vectors tell a share of the variance."""
    vectors = rng.normal(size=(ITEMS, WIDTH))
    of_text, own = vectors[:, 0] + vectors[:, 1], rng.normal(size=ITEMS)
    parts = [(part - part.mean()) / part.std() for part in (of_text, own)]
    return vectors, 0.4 + 0.2 * (np.sqrt(told) * parts[0] + np.sqrt(1 - told) * parts[1])
