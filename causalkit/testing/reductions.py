"""Whether a reduction keeps its contract: any split of the rows, merged in any grouping, is one pass."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
import pandas as pd

from causalkit.reduction import NextRound, Reduction, State

__all__ = ["check_reduction"]

Fold = Callable[[Reduction[Any], State, Sequence[pd.DataFrame]], State]


def check_reduction(reduction: Reduction[Any], parts: Sequence[pd.DataFrame], rounds: int = 100) -> Any:
    """Hold a reduction to its contract over `parts`, through all its rounds; returns its result.

    Merging must be associative, the empty state must change nothing, states must be arrays and JSON, nothing may
    be written to, and the result must be that of one pass over all rows (to a relative 1e-6).

    Raises
    ------
    AssertionError : it does not; says where.
    """
    result = _ended(reduction, parts, _from_the_left, rounds)
    for how, fold in _WAYS.items():
        found = _unlike(result, _ended(reduction, parts, fold, rounds))
        assert not found, f"{type(reduction).__name__} {how}: {found}"
    return result


def _ended(reduction: Reduction[Any], parts: Sequence[pd.DataFrame], fold: Fold, rounds: int) -> Any:
    """The result, all rounds being folded in one way."""
    broadcast = State()
    for _ in range(rounds):
        outcome = reduction.finalize(fold(reduction, broadcast, parts))
        if not isinstance(outcome, NextRound):
            return outcome
        broadcast = outcome.broadcast
    raise AssertionError(f"{type(reduction).__name__} asked for more than {rounds} rounds")


def _states(reduction: Reduction[Any], broadcast: State, parts: Sequence[pd.DataFrame]) -> list[State]:
    states = [_added(reduction, reduction.init(broadcast), part) for part in parts]
    for state in states:
        _storable(type(reduction).__name__, state)
    return states


def _from_the_left(reduction: Reduction[Any], broadcast: State, parts: Sequence[pd.DataFrame]) -> State:
    return reduce(partial(_merged, reduction), _states(reduction, broadcast, parts))


def _from_the_right(reduction: Reduction[Any], broadcast: State, parts: Sequence[pd.DataFrame]) -> State:
    return reduce(lambda a, b: _merged(reduction, b, a), _states(reduction, broadcast, parts)[::-1])


def _in_one_pass(reduction: Reduction[Any], broadcast: State, parts: Sequence[pd.DataFrame]) -> State:
    return _added(reduction, reduction.init(broadcast), pd.concat(parts))


def _into_one_state(reduction: Reduction[Any], broadcast: State, parts: Sequence[pd.DataFrame]) -> State:
    return reduce(partial(_added, reduction), parts, reduction.init(broadcast))


def _after_nothing(reduction: Reduction[Any], broadcast: State, parts: Sequence[pd.DataFrame]) -> State:
    return _merged(reduction, reduction.init(broadcast), _from_the_left(reduction, broadcast, parts))


def _before_nothing(reduction: Reduction[Any], broadcast: State, parts: Sequence[pd.DataFrame]) -> State:
    return _merged(reduction, _from_the_left(reduction, broadcast, parts), reduction.init(broadcast))


_WAYS: dict[str, Fold] = {
    "merged from the right": _from_the_right,
    "of one pass over all rows": _in_one_pass,
    "added part by part to one state": _into_one_state,
    "merged with an empty state before it": _after_nothing,
    "merged with an empty state after it": _before_nothing,
}


def _added(reduction: Reduction[Any], state: State, part: pd.DataFrame) -> State:
    before, rows = pickle.dumps(state), part.copy()
    made = reduction.update(state, part)
    assert pickle.dumps(state) == before, f"{type(reduction).__name__}.update writes to the state that it is given"
    assert part.equals(rows), f"{type(reduction).__name__}.update writes to the rows that it is given"
    return made


def _merged(reduction: Reduction[Any], a: State, b: State) -> State:
    before = pickle.dumps((a, b))
    made = reduction.merge(a, b)
    assert pickle.dumps((a, b)) == before, f"{type(reduction).__name__}.merge writes to the states that it is given"
    return made


def _storable(name: str, state: State) -> None:
    for key, value in state.arrays.items():
        fine = isinstance(value, np.ndarray | np.generic | float | int) and np.asarray(value).dtype.kind in "biuf"
        assert fine, f"{name}: {key!r} of the state is {type(value).__name__}; a state is arrays of numbers, and JSON"
    try:
        json.dumps(dict(state.facts))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{name}: the facts of the state are not JSON: {error}") from error


def _unlike(a: Any, b: Any, tolerance: float = 1e-6, where: str = "the result") -> str:
    """Where two results of a reduction differ: arrays, tables, dataclasses and what holds them; empty if nowhere."""
    if isinstance(a, pd.DataFrame | pd.Series | pd.Index):
        return _unlike(a.to_numpy(), b.to_numpy(), tolerance, where)
    if isinstance(a, np.ndarray | np.generic | float | int | bool):
        return _unlike_arrays(np.asarray(a), np.asarray(b), tolerance, where)
    if is_dataclass(a) and not isinstance(a, type):
        names = [field.name for field in fields(a)]
        return next(
            (f for n in names if (f := _unlike(getattr(a, n), getattr(b, n, None), tolerance, f"{where}.{n}"))), ""
        )
    if isinstance(a, dict):
        if not isinstance(b, dict) or set(a) != set(b):
            return f"{where} has other names"
        return next((f for n in a if (f := _unlike(a[n], b[n], tolerance, f"{where}[{n!r}]"))), "")
    if isinstance(a, list | tuple):
        if not isinstance(b, list | tuple) or len(a) != len(b):
            return f"{where} has another length"
        pairs = enumerate(zip(a, b, strict=True))
        return next((f for n, (x, y) in pairs if (f := _unlike(x, y, tolerance, f"{where}[{n}]"))), "")
    return "" if a is b or a == b else f"{where} is {a!r}, and then {b!r}"


def _unlike_arrays(a: Any, b: Any, tolerance: float, where: str) -> str:
    if a.shape != b.shape:
        return f"{where} has shape {a.shape}, and then {b.shape}"
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return "" if np.array_equal(a.astype(str), b.astype(str)) else f"{where} holds other values"
    one, other = a.astype(float), b.astype(float)
    size = np.nanmax(np.abs(one[np.isfinite(one)]), initial=0.0)
    same = np.isclose(one, other, rtol=tolerance, atol=tolerance * size, equal_nan=True)
    return "" if same.all() else f"{where} is {one[~same][0]:.9g}, and then {other[~same][0]:.9g}"
