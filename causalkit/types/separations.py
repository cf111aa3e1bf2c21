"""Millions of separations in a few arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from causalkit.types.graph import Separation

__all__ = ["Separations"]


@dataclass(frozen=True, eq=False, repr=False)
class Separations(Sequence[Separation]):
    """A sequence of `Separation`s, each made as it is read; equal to a tuple or list of the same.

    A thousand columns have half a million pairs, of which most are separated.

    Parameters
    ----------
    names : what positions stand for.
    a, b : `[n]`, positions in `names`.
    p : `[n]`.
    given : the separating sets one after another, positions in `names`.
    ends : `[n]`, where each set ends in `given`.
    """

    names: tuple[str, ...]
    a: npt.NDArray[np.int32]
    b: npt.NDArray[np.int32]
    p: npt.NDArray[np.float64]
    given: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.p)

    @overload
    def __getitem__(self, at: int) -> Separation: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Separation, ...]: ...
    def __getitem__(self, at: int | slice) -> Separation | tuple[Separation, ...]:
        if isinstance(at, slice):
            return tuple(self[one] for one in range(*at.indices(len(self))))
        a, b, p = self.names[self.a[at]], self.names[self.b[at]], float(self.p[at])
        at = range(len(self))[at]
        first = self.ends[at - 1] if at else 0
        return Separation(a, b, tuple(self.names[k] for k in self.given[first : self.ends[at]]), p)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Separations({len(self):,} pairs)"
