"""What reading a graph gives: an adjustment set, and what the graph said."""

from __future__ import annotations

from dataclasses import dataclass

from causalkit.identification.design import Design

__all__ = ["Reading", "ordered"]


@dataclass(frozen=True)
class Reading:
    """An adjustment set after a graph was read, and what the graph said."""

    adjustment: tuple[str, ...]
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()
    identified: bool = True
    no_path: bool = False
    reason: str = ""
    alternatives: tuple[tuple[str, ...], ...] = ()
    warnings: tuple[str, ...] = ()


def ordered(design: Design, names: set[str]) -> tuple[str, ...]:
    """Names in the design's order, others after by name."""
    order = dict.fromkeys((*design.adjustment, *design.addable, *sorted(names)))
    return tuple(name for name in order if name in names)
