"""Whether a reduction keeps its contract: any split of the rows, merged in any grouping, is one pass."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from causalkit.reduction import NextRound, Reduction, State

__all__ = ["check_reduction", "check_round"]


def check_reduction(reduction: Reduction[Any], parts: Sequence[pd.DataFrame], rounds: int = 100) -> Any:
    """Hold a reduction to its contract over `parts`, round after round; returns its result.

    Merging must be associative, the empty state must change nothing, states must be arrays and JSON, and the
    result must be that of one pass over all rows (to a relative 1e-6).

    Raises
    ------
    AssertionError : it does not; says where.
    """
    broadcast = State()
    for _ in range(rounds):
        outcome = check_round(reduction, broadcast, parts)
        if not isinstance(outcome, NextRound):
            return outcome
        broadcast = outcome.broadcast
    raise AssertionError(f"{type(reduction).__name__} asked for more than {rounds} rounds")


def check_round(reduction: Reduction[Any], broadcast: State, parts: Sequence[pd.DataFrame]) -> Any:
    """One round of `check_reduction`: its result, or the next broadcast."""
    name = type(reduction).__name__
    states = [_added(reduction, reduction.init(broadcast), part) for part in parts]
    for state in states:
        _storable(name, state)
    left = reduce(lambda a, b: _merged(reduction, a, b), states)
    result = reduction.finalize(left)
    right = reduce(lambda a, b: _merged(reduction, b, a), states[::-1])
    others = {
        "merged from the right": right,
        "of one pass over all rows": _added(reduction, reduction.init(broadcast), pd.concat(parts)),
        "added part by part to one state": reduce(
            lambda state, part: _added(reduction, state, part), parts, reduction.init(broadcast)
        ),
        "merged with an empty state before it": _merged(reduction, reduction.init(broadcast), left),
        "merged with an empty state after it": _merged(reduction, left, reduction.init(broadcast)),
    }
    for how, state in others.items():
        found = _unlike(_plain(result), _plain(reduction.finalize(state)))
        assert not found, f"{name} {how}: {found}"
    return result


def _plain(outcome: Any) -> Any:
    """A result, or what the next round is told, as something to compare."""
    if not isinstance(outcome, NextRound):
        return outcome
    return {"arrays": dict(outcome.broadcast.arrays), "facts": dict(outcome.broadcast.facts)}


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
