"""Logs whose effects are planted, each breaking or keeping what an estimator may assume.

Effects are the same for all rows of an item, so they are what any target asks for. In logs of users and items
every row is an assignment unit; in those with weeks, an item's week is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from causalkit.errors import UsageError, nearest
from causalkit.testing.worlds import _panel_logs, _text_logs, _user_logs
from causalkit.testing.worlds._effect_log import EffectWorld

__all__ = ["EFFECT_WORLDS", "EffectWorld", "effect_world"]

EFFECT_WORLDS: dict[str, Callable[[int], EffectWorld]] = {
    "randomised": _user_logs.randomised,
    "confounded-by-user": _user_logs.confounded_by_user,
    "confounded-by-item": _user_logs.confounded_by_item,
    "confounded-by-calendar": _panel_logs.confounded_by_calendar,
    "instrument": _user_logs.instrument,
    "hidden-confounder": _panel_logs.hidden_confounder,
    "nonlinear": _user_logs.nonlinear,
    "no-overlap": _panel_logs.no_overlap,
    "few-units": _panel_logs.few_units,
    "clustered": _panel_logs.clustered,
    "rare-outcomes": _user_logs.rare_outcomes,
    "weighted": _user_logs.weighted,
    "cold-items": _text_logs.cold_items,
    "text-matters": _text_logs.text_matters,
    "text-does-not": _text_logs.text_does_not,
}
"""World name → what draws it from a seed."""


@lru_cache(maxsize=64)
def effect_world(name: str, seed: int = 0) -> EffectWorld:
    """The planted world of that name; the same seed draws the same rows.

    Raises
    ------
    UsageError : there is no world of that name.
    """
    if name not in EFFECT_WORLDS:
        raise UsageError(
            f"there is no world {name!r}{nearest(name, EFFECT_WORLDS)}", f"Worlds: {', '.join(EFFECT_WORLDS)}."
        )
    return EFFECT_WORLDS[name](seed)
