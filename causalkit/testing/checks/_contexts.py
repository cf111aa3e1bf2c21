"""Contexts that look at what a component does with them."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["Elsewhere", "Stop", "same_global_state", "shaken"]


class Elsewhere:
    """An executor that pickles what it is given and what comes back, as worker processes do, and notes reductions.

    `rounds` holds (reduction, parts) of every first pass that `reduce_table` made through it.
    """

    def __init__(self) -> None:
        self.rounds: list[tuple[Any, list[Any]]] = []

    def map(self, function: Callable[[Any], Any], parts: Iterable[Any]) -> Iterator[Any]:
        """Results in the order of `parts`."""
        kept: list[Any] = []
        reduction = getattr(function, "reduction", None)
        if reduction is not None and all(reduction is not known for known, _ in self.rounds):
            self.rounds.append((reduction, kept))
        sent = _sent(function)
        for part in parts:
            kept.append(part)
            yield _sent(sent(_sent(part)))

    def close(self) -> None:
        """Nothing to free."""


def _sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 (written the moment before)


class Stop:
    """A user who asks to stop after having been asked `after` times; `asked` counts."""

    def __init__(self, after: float = np.inf) -> None:
        self.after, self.asked = after, 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self.after


@contextmanager
def shaken(seed: int) -> Iterator[None]:
    """Another state of the process's own generators, put back after."""
    own, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 (what a component must leave alone)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (what a component must leave alone)
    try:
        yield
    finally:
        random.setstate(own)
        np.random.set_state(numpys)  # noqa: NPY002 (what a component must leave alone)


def same_global_state(before: tuple[Any, Any]) -> bool:
    """Whether the process's own generators are where they were; `before` is what `global_state()` gave."""
    return _comparable(before) == _comparable(global_state())


def global_state() -> tuple[Any, Any]:
    """Where the generators of `random` and numpy are."""
    return random.getstate(), np.random.get_state()  # noqa: NPY002 (what a component must leave alone)


def _comparable(state: tuple[Any, Any]) -> tuple[Any, ...]:
    own, (name, keys, *rest) = state
    return own, name, keys.tobytes(), tuple(rest)
