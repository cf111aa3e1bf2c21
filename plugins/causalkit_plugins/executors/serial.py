"""One part after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from causalkit.components import component

T = TypeVar("T")
R = TypeVar("R")


@component
class Serial:
    """Runs here, one part after another; results come as they are made."""

    def map(self, function: Callable[[T], R], parts: Iterable[T]) -> Iterable[R]:
        """Results in the order of `parts`; what a part raises is raised as it is."""
        return map(function, parts)

    def close(self) -> None:
        """Nothing to free."""
