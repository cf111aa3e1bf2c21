"""The steps of a run, a file each, from what stands so far to a bit more.

`Work` flows down; a step returns a new one and never looks ahead.
The step `rank` is the function `rank` of `rank.py`, and so on. `report` has no file: it is `Run.write_report`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalkit.config import Config

__all__ = ["STEPS", "plan"]

STEPS: tuple[str, ...] = (
    "load",
    "encode",
    "discover",
    "identify",
    "estimate",
    "refute",
    "rank",
    "evaluate",
    "refit",
    "explain",
    "report",
)
"""The steps of a run, in order."""


def plan(config: Config) -> list[tuple[str, str]]:
    """Each step with the components it will use; an empty text means that it is left out."""
    estimators = ", ".join(f"{level}: {s.use}" for level, s in config.estimate.items() if s)
    encoders = ", ".join(f"{side}: {s.use}" for side, s in config.encode.items() if s)
    used = {
        "load": config.data.use,
        "encode": encoders,
        "discover": config.discover.use if config.discover else "",
        "identify": f"target {config.identify.target}",
        "estimate": estimators,
        "refute": ", ".join(s.use for s in config.refute),
        "rank": config.rank.use,
        "evaluate": ", ".join(s.use for s in config.evaluate),
        "refit": "on training and test rows",
        "explain": config.explain.use if config.explain else "",
        "report": "report.html",
    }
    return [(step, used[step]) for step in STEPS]
