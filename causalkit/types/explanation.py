"""The receipt of each recommendation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Explanation", "Receipt"]


@dataclass(frozen=True)
class Receipt:
    """What stands behind one recommendation, in words and as the facts the words were made of.

    Effects are in outcome units per row unit. `of` says whose effect it is.
    """

    scope: str
    who: str
    item: str
    text: str
    effect: float
    lower: float
    upper: float
    of: str
    status: str
    bundle: str
    treated_units: int
    control_units: int
    adjusted_for: tuple[str, ...]
    falsification: str
    graph_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Explanation:
    """The receipts of a ranking."""

    receipts: tuple[Receipt, ...]

    def __repr__(self) -> str:
        first = f": {self.receipts[0].text}" if self.receipts else ""
        return f"Explanation({len(self.receipts):,} receipts{first}{' …' if len(self.receipts) > 1 else ''})"

    def __iter__(self) -> Iterator[Receipt]:
        return iter(self.receipts)

    def find(self, item: Any, scope: str = "overall", who: Any = "") -> Receipt | None:
        """The receipt of one recommendation, or None."""
        wanted = (scope, str(who), str(item))
        return next((r for r in self.receipts if (r.scope, str(r.who), str(r.item)) == wanted), None)
