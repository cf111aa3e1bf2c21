"""What is believed of a graph's structure before the data are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["StructurePrior"]

Pair = tuple[str, str]


@dataclass(frozen=True)
class StructurePrior:
    """Beliefs that a search adds to the score of the data; never a constraint, which is what `Knowledge` is for.

    Parameters
    ----------
    edges : (cause, effect) → log of P(cause -> effect) / P(the two are not joined); a pair that is not named has 0
        both ways. The prior of a graph is the sum over its edges.
    orders : (a, b) → log of P(a comes before b) / P(b comes before a), counted whether or not they are joined.
    source : whose beliefs they are.
    """

    edges: Mapping[Pair, float] = field(default_factory=dict)
    orders: Mapping[Pair, float] = field(default_factory=dict)
    source: str = "prior"
