"""One contract for big, spread, streaming and private data.

Whatever is estimated from rows is a reduction, in one or several rounds:
`init(broadcast) → update(state, part) → merge(a, b) → finalize → result or the next broadcast`.
A state is arrays plus JSON facts; no pickle. Merging goes in part order, so that serial and
process execution agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit.types import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NextRound", "Reduction", "State", "add_states", "reduce_table"]

R = TypeVar("R", covariant=True)


@dataclass(frozen=True)
class State:
    """What has been gathered so far: named arrays, and facts that JSON can hold."""

    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NextRound:
    """Asks for another pass over the rows, with this broadcast to every part."""

    broadcast: State


class Reduction(Protocol[R]):
    """Sums over rows, and what follows from them."""

    def init(self, broadcast: State) -> State:
        """The empty state of a round; `broadcast` is empty in the first."""
        ...

    def update(self, state: State, part: pd.DataFrame) -> State:
        """The state with the rows of one part added."""
        ...

    def merge(self, a: State, b: State) -> State:
        """Both together; associative."""
        ...

    def finalize(self, state: State) -> R | NextRound:
        """The result, or the broadcast of the next round."""
        ...


@dataclass(frozen=True)
class _Task(Generic[R]):
    reduction: Reduction[R]
    broadcast: State

    def __call__(self, part: pd.DataFrame) -> State:
        return self.reduction.update(self.reduction.init(self.broadcast), part)


def add_states(a: State, b: State) -> State:
    """The merge of states whose arrays simply add up; facts are `a`'s."""
    return State({name: np.add(value, b.arrays[name]) for name, value in a.arrays.items()}, a.facts)


def reduce_table(
    reduction: Reduction[R],
    table: Table,
    columns: Sequence[str],
    *,
    context: Context | None = None,
    label: str = "reading rows",
    rounds: int = 1000,
) -> R:
    """Run a reduction over a table by parts, on the context's executor, until it gives a result.

    Raises
    ------
    RuntimeError : the reduction asked for more than `rounds` passes.
    """
    context = context or Context()
    broadcast = State()
    for _ in range(rounds):
        task = _Task(reduction, broadcast)
        merged: State | None = None
        for state in context.map(task, list(table.parts(columns, context.part_rows)), label):
            merged = state if merged is None else reduction.merge(merged, state)
        outcome = reduction.finalize(merged if merged is not None else reduction.init(broadcast))
        if not isinstance(outcome, NextRound):
            return outcome
        broadcast = outcome.broadcast
    raise RuntimeError(f"{type(reduction).__name__} did not end within {rounds} rounds")
