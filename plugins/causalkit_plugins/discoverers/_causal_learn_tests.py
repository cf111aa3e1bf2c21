"""Conditional independence tests that causal-learn's searches call: every one is kept, and none can hang a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from causalkit_plugins.discoverers._foreign_table import ForeignTable

__all__ = ["Tried", "install"]

NAME = "causalkit"
"""How the tests are entered in causal-learn's registry."""


@dataclass
class Tried:
    """What was tested: for two columns the sets tried, each with its p-value and the strength read there.

    `strength` is |partial correlation| for `fisherz`, and nothing for the others.
    """

    table: ForeignTable
    method: str
    check: Callable[[], None]
    results: dict[tuple[int, int], dict[tuple[int, ...], float]] = field(default_factory=dict)

    def p(self, x: int, y: int, given: Sequence[int], compute: Callable[[], float]) -> float:
        """The p-value, computed where it is not known yet; looks whether to stop first."""
        self.check()
        found = self.results.setdefault((min(x, y), max(x, y)), {})
        key = tuple(sorted({int(g) for g in given}))
        if key not in found:
            value = float(compute())
            found[key] = 0.0 if math.isnan(value) else min(max(value, 0.0), 1.0)
        return found[key]

    def weakest(self, x: int, y: int) -> tuple[tuple[int, ...], float]:
        """The set of the greatest p-value; of equals, the smallest and first."""
        found = self.results.get((min(x, y), max(x, y)), {(): 0.0})
        key = min(found, key=lambda given: (-found[given], len(given), given))
        return key, found[key]


def install(cit: Any) -> str:
    """Enter our test into causal-learn's registry (its module `cit`); returns its name there."""
    if NAME not in cit._custom_ci_tests:
        cit.register_ci_test(NAME, _made(cit))
    return NAME


def _made(cit: Any) -> type:
    import numpy as np

    class Kept(cit.CIT_Base):  # type: ignore[misc]
        """Hands each test to its own arithmetic, or to causal-learn's."""

        def __init__(self, data: Any, tried: Tried, **kwargs: Any) -> None:
            super().__init__(data)
            self.method = tried.method
            self.tried = tried
            if tried.method == "fisherz":
                self.correlation = np.corrcoef(data.T)
            else:
                self.inner = cit.CIT(data, tried.method)

        def __call__(self, X: int, Y: int, condition_set: Any = None) -> float:
            given = tuple(condition_set or ())
            if self.method == "fisherz":
                return self.tried.p(X, Y, given, lambda: self._fisher(int(X), int(Y), given))
            return self.tried.p(X, Y, given, lambda: self.inner(X, Y, given))

        def _fisher(self, x: int, y: int, given: Sequence[int]) -> float:
            """Fisher's z with the units of the coarser column as n."""
            units = self.tried.table.units
            spare = int(min(units[x], units[y])) - len(given) - 3
            if spare < 1:
                return 1.0
            at = [x, y, *map(int, given)]
            inverse = np.linalg.pinv(self.correlation[np.ix_(at, at)])
            r = abs(float(inverse[0, 1])) / math.sqrt(abs(float(inverse[0, 0] * inverse[1, 1])) or 1.0)
            return math.erfc(math.sqrt(spare / 2) * math.atanh(min(r, 1 - 1e-15)))

    return Kept
