"""What separated each pair: few numbers for millions of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from causalkit.types import Separation
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


class Separations(Sequence[Separation]):
    """The same by name, made when read: a million removed pairs take 12 bytes each.

    Equal to a tuple or list of the same separations.
    """

    def __init__(self, names: Sequence[str], found: Separators) -> None:
        i, j = found.pairs()
        self.names = tuple(names)
        self.p = found.p[i, j]
        self.i, self.j = i.astype(np.int32), j.astype(np.int32)
        self.given = dict(found.given)

    def __len__(self) -> int:
        return len(self.p)

    @overload
    def __getitem__(self, at: int) -> Separation: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Separation, ...]: ...
    def __getitem__(self, at: int | slice) -> Separation | tuple[Separation, ...]:
        if isinstance(at, slice):
            return tuple(self[one] for one in range(*at.indices(len(self))))
        i, j = int(self.i[at]), int(self.j[at])
        given = tuple(self.names[k] for k in self.given.get((i, j), ()))
        return Separation(self.names[i], self.names[j], given, float(self.p[at]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((len(self), self.names))

    def __repr__(self) -> str:
        return f"Separations({len(self):,} pairs)"
