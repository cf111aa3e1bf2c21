"""What is to be read from the log, and under which assumptions it can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Estimand", "Target"]

Target = Literal["ate", "att", "cate"]


@dataclass(frozen=True)
class Estimand:
    """The effect asked for, what must be adjusted for, and whether it is identified.

    Parameters
    ----------
    treatment, outcome : column names.
    target : `ate` over all rows, `att` over exposed rows, `cate` per segment or pair.
    unit : the assignment unit, column names.
    adjustment : columns to adjust for.
    instruments : declared instruments, never adjusted for.
    mediators : columns on the way from treatment to outcome, left alone.
    bundle : what was treated together with the treatment (such as its price cut), never adjusted for.
    identified : whether an observed adjustment set or a declared instrument exists.
    reason : why, or why not.
    population : which rows, in words; `only` restricts them: (column, value) that must hold.
    arms : a bundle column to cross with the treatment (treatment only, column only, both), or empty.
    name : `primary`, or the secondary estimand's name.
    warnings : what an untrusted graph says against adjusting.
    """

    treatment: str
    outcome: str
    target: Target = "ate"
    unit: tuple[str, ...] = ()
    adjustment: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()
    bundle: tuple[str, ...] = ()
    identified: bool = True
    reason: str = ""
    no_path: bool = False
    population: str = "all rows"
    only: tuple[str, object] | None = None
    arms: str = ""
    name: str = "primary"
    warnings: tuple[str, ...] = ()
    alternatives: tuple[tuple[str, ...], ...] = ()
    """Adjustment sets under the graph's other consistent orientations, where they differ."""
    graph_added: tuple[str, ...] = ()
    """What a discovered graph added to the design's adjustment set."""
    graph_dropped: tuple[str, ...] = ()
    """What a trusted graph took out of it."""
