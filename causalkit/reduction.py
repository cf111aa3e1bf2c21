"""One contract for big, spread, streaming and private data.

Whatever is estimated from rows is a reduction, in one or several rounds:
`init(broadcast) → update(state, part) → merge(a, b) → finalize → result or the next broadcast`.
A state is arrays plus JSON facts; no pickle. Merging goes in part order, so that serial and
process execution agree to the last bit.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit.context import Slot
from causalkit.types import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NextRound", "Reduction", "State", "add_states", "reduce_table"]

R = TypeVar("R", covariant=True)
_KEPT = {"b1", *(f"{sort}{size}" for sort in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8"}
"""Types of arrays that a file of arrays holds."""


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

    With a journal in the context, the state is kept after each part of a table of several, so that a run
    that was stopped goes on from there.

    Raises
    ------
    RuntimeError : the reduction asked for more than `rounds` passes.
    """
    context = context or Context()
    parts = -(-len(table) // context.part_rows)
    place = _Place.resumed(context if parts > 1 else replace(context, journal=None), reduction, columns, len(table))
    while place.turn < rounds:
        broadcast = place.broadcast
        task = _Task(reduction, broadcast)
        unread = _begun(table.parts(columns, context.part_rows, skip=place.done), place, context, label)
        for state in context.stream(task, unread, label, max(parts - place.done, 0)):
            place = place.after(state if place.merged is None else reduction.merge(place.merged, state))
        outcome = reduction.finalize(place.merged if place.merged is not None else reduction.init(broadcast))
        if not isinstance(outcome, NextRound):
            return outcome
        place = place.next_round(outcome.broadcast)
    raise RuntimeError(f"{type(reduction).__name__} did not end within {rounds} rounds")


def _begun(parts: Iterable[pd.DataFrame], place: _Place, context: Context, label: str) -> Iterator[pd.DataFrame]:
    """The parts that are not done yet, each told to the journal as it is handed out."""
    for number, part in enumerate(parts, place.done):
        if context.journal is not None:
            context.journal.begin(label, number, place.turn)
        yield part


@dataclass(frozen=True)
class _Place:
    """How far a reduction is: its round, what that round was told, and the state of the parts that are done."""

    slot: Slot | None
    turn: int = 0
    done: int = 0
    broadcast: State = field(default_factory=State)
    merged: State | None = None

    @classmethod
    def resumed(cls, context: Context, reduction: Any, columns: Sequence[str], rows: int) -> _Place:
        """Where an earlier run of the same step was, or the beginning."""
        if context.journal is None:
            return cls(None)
        sort = f"{type(reduction).__qualname__} {list(columns)} {rows} by {context.part_rows} {_told(reduction)}"
        slot = context.journal.slot(sort)
        found = slot.load()
        if found is None:
            return cls(slot)
        arrays, facts = found
        states = {name: _unpacked(name, arrays, facts) for name in ("broadcast", "merged")}
        merged = states["merged"] if facts["done"] else None
        return cls(slot, facts["turn"], facts["done"], states["broadcast"], merged)

    def after(self, merged: State) -> _Place:
        """One part further."""
        return replace(self, done=self.done + 1, merged=_settled(merged))._kept()

    def next_round(self, broadcast: State) -> _Place:
        """At the beginning of the next round."""
        return _Place(self.slot, self.turn + 1, 0, _settled(broadcast))._kept()

    def _kept(self) -> _Place:
        states = {"broadcast": self.broadcast, "merged": self.merged or State()}
        if self.slot is not None and all(map(_can_be_kept, states.values())):
            arrays = {f"{of}.{name}": value for of, state in states.items() for name, value in state.arrays.items()}
            facts = {of: dict(state.facts) for of, state in states.items()}
            self.slot.save(arrays, {**facts, "turn": self.turn, "done": self.done})
        return self


def _told(reduction: Any) -> str:
    """Hash of a reduction's own parameters; empty where it cannot be pickled, so that only its class tells."""
    held = io.BytesIO()
    pickler = pickle.Pickler(held)
    pickler.fast = True  # what is equal is written alike, whether or not it is the same object
    try:
        pickler.dump(reduction)
    except Exception:  # whatever a stranger's object raises
        return ""
    return hashlib.sha256(held.getbuffer()).hexdigest()


def _settled(state: State) -> State:
    """The state as it would be read back, so that whoever goes on from a file goes on from the same bits."""
    arrays = {name: _in_order(value) for name, value in state.arrays.items()}
    try:
        return State(arrays, json.loads(json.dumps(dict(state.facts), default=_item)))
    except (TypeError, ValueError):
        return State(arrays, state.facts)


def _in_order(value: Any) -> Any:
    return np.asarray(value, order="C") if isinstance(value, np.ndarray | np.generic | float | int) else value


def _item(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"JSON holds no {type(value).__name__}")


def _can_be_kept(state: State) -> bool:
    """Whether a file gives back the same: arrays of numbers, and facts that JSON holds."""
    try:
        json.dumps(dict(state.facts))
    except (TypeError, ValueError):
        return False
    arrays = state.arrays.values()
    return all(isinstance(a, np.ndarray) and a.dtype.isnative and a.dtype.str[1:] in _KEPT for a in arrays)


def _unpacked(of: str, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> State:
    prefix = f"{of}."
    own = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
    return State(own, facts[of])
