"""What reading a graph gives: an adjustment set, and what the graph said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from causalkit.errors import DataError
from causalkit.identification.design import Design

__all__ = ["Reading", "ordered", "over_resamples"]


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


def over_resamples(read: Reading, others: Iterable[Callable[[], Reading]]) -> Reading:
    """The reading with the adjustment sets of resampled graphs among its alternatives.

    What is identified hangs on the graph itself; in how many of the others it is not, is a warning.
    """
    sets = list(read.alternatives)
    count = failed = 0
    for other in others:
        count += 1
        try:
            found = other()
        except DataError:
            failed += 1
            continue
        failed += not found.identified
        if found.identified and not found.no_path:
            sets.append(found.adjustment)
    unlike = tuple(dict.fromkeys(one for one in sets if set(one) != set(read.adjustment)))
    told = (f"in {failed} of {count} resampled graphs the effect is not identified",) if failed else ()
    return replace(read, alternatives=unlike, warnings=(*read.warnings, *told))
