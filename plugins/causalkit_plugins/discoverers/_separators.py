"""What separated each pair: few numbers for millions of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from causalkit.types import Separations
from causalkit_plugins.discoverers._batches import Floats, Ints

Found = tuple[tuple[int, ...], float]


@dataclass
class Separators(Mapping[tuple[int, int], Found]):
    """(i, j), i < j → the separating set of greatest p, and that p; most sets are empty, and take no room.

    `p` is `[p, p]`, NaN where nothing separated the pair; `given` has the sets that are not empty.
    """

    p: Floats
    given: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)

    def __getitem__(self, pair: tuple[int, int]) -> Found:
        p = self.p[pair] if pair[0] < pair[1] else np.nan
        if np.isnan(p):
            raise KeyError(pair)
        return self.given.get(pair, ()), float(p)

    def __contains__(self, pair: object) -> bool:
        return isinstance(pair, tuple) and pair[0] < pair[1] and not np.isnan(self.p[pair])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        i, j = self.pairs()
        return zip(i.tolist(), j.tolist(), strict=True)

    def __len__(self) -> int:
        return int(np.count_nonzero(~np.isnan(self.p)))

    def pairs(self) -> tuple[Ints, Ints]:
        """I and j of every pair, in order."""
        i, j = np.nonzero(~np.isnan(self.p))
        return i, j

    def named(self, names: Sequence[str]) -> Separations:
        """The same by name."""
        i, j = self.pairs()
        sizes = np.zeros(len(i), np.int64)
        known = sorted(pair for pair in self.given if pair in self)
        if known:
            keys = np.array(known) @ (len(self.p), 1)
            sizes[np.searchsorted(i * len(self.p) + j, keys)] = [len(self.given[pair]) for pair in known]
        given = np.array([k for pair in known for k in self.given[pair]], np.int32)
        first, second = i.astype(np.int32), j.astype(np.int32)
        return Separations(tuple(names), first, second, self.p[i, j], given, np.cumsum(sizes))
