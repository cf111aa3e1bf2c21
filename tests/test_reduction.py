"""Reductions: several rounds, part sizes and merges that do not change the answer."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalkit.components import Context
from causalkit.reduction import NextRound, State, add_states, reduce_table
from causalkit.store.journal import Journal
from causalkit.types import ParquetTable, Table


class TwoPassVariance:
    """The mean in the first round, squared deviations from it in the second."""

    def init(self, broadcast: State) -> State:
        return State({"n": np.zeros(1), "s": np.zeros(1)}, dict(broadcast.facts))

    def update(self, state: State, part: pd.DataFrame) -> State:
        values = part["x"].to_numpy()
        if "mean" in state.facts:
            values = (values - state.facts["mean"]) ** 2
        return State({"n": state.arrays["n"] + len(values), "s": state.arrays["s"] + values.sum()}, state.facts)

    merge = staticmethod(add_states)

    def finalize(self, state: State) -> float | NextRound:
        value = float(state.arrays["s"][0] / state.arrays["n"][0])
        return value if "mean" in state.facts else NextRound(State(facts={"mean": value}))


class Endless(TwoPassVariance):
    def finalize(self, state: State) -> float | NextRound:
        return NextRound(State())


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_parts_do_not_change_the_answer(rows: int) -> None:
    x = np.random.default_rng(0).normal(size=100)
    table = Table(pd.DataFrame({"x": x, "unused": 0}))
    assert reduce_table(TwoPassVariance(), table, ["x"], context=Context(part_rows=rows)) == pytest.approx(x.var())


def test_rounds_are_bounded() -> None:
    with pytest.raises(RuntimeError, match="did not end within 3 rounds"):
        reduce_table(Endless(), Table(pd.DataFrame({"x": [1.0]})), ["x"], rounds=3)


class InOrder:
    """The values as they come: a merge that does not commute."""

    def init(self, broadcast: State) -> State:
        return State({"x": np.zeros(0)})

    def update(self, state: State, part: pd.DataFrame) -> State:
        return State({"x": np.append(state.arrays["x"], part["x"])})

    def merge(self, a: State, b: State) -> State:
        return State({"x": np.append(a.arrays["x"], b.arrays["x"])})

    def finalize(self, state: State) -> list[float]:
        return state.arrays["x"].tolist()


def test_states_are_merged_in_the_order_of_parts() -> None:
    table = Table(pd.DataFrame({"x": np.arange(10.0)}))
    assert reduce_table(InOrder(), table, ["x"], context=Context(part_rows=3)) == list(range(10))


class Stopped(Exception):
    pass


class StopsAfter(TwoPassVariance):
    """Reads so many parts, over all takings up, and then stops."""

    def __init__(self, parts: int) -> None:
        self.left = parts

    def __getstate__(self) -> dict[str, Any]:
        return {}  # how many are left is no parameter

    def update(self, state: State, part: pd.DataFrame) -> State:
        if not self.left:
            raise Stopped
        self.left -= 1
        return super().update(state, part)


@pytest.mark.parametrize("parts", range(1, 8))
@pytest.mark.parametrize("on_disk", [False, True])
def test_a_reduction_that_was_stopped_goes_on_where_it_was(tmp_path: Path, parts: int, on_disk: bool) -> None:
    x = np.random.default_rng(0).normal(size=10)
    table: Table = Table(pd.DataFrame({"x": x}))
    if on_disk:
        table = ParquetTable.write(table, tmp_path / "rows")
    told: list[tuple[object, object]] = []

    def context() -> Context:
        journal = Journal(tmp_path / "journal", lambda **facts: told.append((facts["round"], facts["part"])))
        return Context(part_rows=3, journal=journal)

    whole = reduce_table(TwoPassVariance(), table, ["x"], context=Context(part_rows=3))
    with pytest.raises(Stopped):
        reduce_table(StopsAfter(parts), table, ["x"], context=context())
    assert reduce_table(StopsAfter(8 - parts), table, ["x"], context=context()) == whole
    assert len(told) == 9
    assert sorted(told)[parts : parts + 2] == [told[parts]] * 2
    assert reduce_table(StopsAfter(0), table, ["x"], context=context()) == whole


def test_what_another_reduction_or_part_size_left_is_not_taken_up(tmp_path: Path) -> None:
    table = Table(pd.DataFrame({"x": np.arange(10.0), "y": np.arange(10.0) ** 2}))

    def reduced(reduction: object, column: str, rows: int) -> object:
        return reduce_table(reduction, table, [column], context=Context(part_rows=rows, journal=Journal(tmp_path)))

    with pytest.raises(Stopped):
        reduced(StopsAfter(2), "x", 3)
    assert reduced(StopsAfter(8), "x", 4) == pytest.approx(8.25)
    with pytest.raises(Stopped):
        reduced(StopsAfter(2), "x", 3)
    assert reduced(InOrder(), "x", 3) == list(range(10))


class Shaped:
    """Adds one array and keeps facts; stops after some parts. Tells of what it ends with."""

    def __init__(self, value: Any, facts: dict[str, Any], parts: int = 99) -> None:
        self.value, self.facts, self.left = value, facts, parts

    def __getstate__(self) -> dict[str, Any]:
        return {"value": self.value, "facts": self.facts}

    def init(self, broadcast: State) -> State:
        return State({"a": self.value}, self.facts)

    def update(self, state: State, part: pd.DataFrame) -> State:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return state

    def merge(self, a: State, b: State) -> State:
        return a

    def finalize(self, state: State) -> tuple[Any, ...]:
        array = np.asarray(state.arrays["a"])
        return array.tolist(), array.shape, array.dtype.str, array.strides, repr(state.facts)


@pytest.mark.parametrize(
    ("value", "facts"),
    [
        (np.array(3.0), {}),
        (np.float64(3), {}),
        (3, {}),
        (np.asfortranarray(np.arange(6.0).reshape(3, 2)), {}),
        (np.arange(9.0)[::2], {}),
        (np.empty((0, 3)), {}),
        (np.array([True]), {"n": float("nan"), "pair": (1, 2), "by": {1: 2}}),
        (np.ones(1), {"n": np.int64(3)}),
        (np.ones(1), {"n": {1, 2}}),
        (np.array(["a", None], object), {}),
        (np.array(["a", "bb"]), {}),
        (np.array(["2020-01-01"], "M8[ns]"), {}),
        (np.array([1j]), {}),
        (np.array([1.5, 2], ">f8"), {}),
        (np.zeros(2, [("a", "f8")]), {}),
    ],
)
def test_a_state_that_was_kept_is_the_state_that_was_not(tmp_path: Path, value: Any, facts: dict[str, Any]) -> None:
    """In shape, order and type, too; what a file cannot hold is not kept, and breaks nothing."""
    table = Table(pd.DataFrame({"x": np.arange(10.0)}))

    def reduced(reduction: Shaped) -> Any:
        return reduce_table(reduction, table, ["x"], context=Context(part_rows=2, journal=Journal(tmp_path)))

    with pytest.raises(KeyboardInterrupt):
        reduced(Shaped(value, facts, parts=3))
    undisturbed = reduce_table(Shaped(value, facts), table, ["x"], context=Context(part_rows=2))
    assert reduced(Shaped(value, facts)) == undisturbed


def _total(sign: int, context: Context) -> float:
    return reduce_table(_Times(sign), Table(pd.DataFrame({"x": np.arange(9.0)})), ["x"], context=context)


class _Times(InOrder):
    """The sum of the values, times a number."""

    def __init__(self, sign: int) -> None:
        self.sign = sign

    def finalize(self, state: State) -> float:
        return float(self.sign * state.arrays["x"].sum())

    def update(self, state: State, part: pd.DataFrame) -> State:
        return State({"x": np.append(state.arrays["x"], self.sign * part["x"])})


def test_workers_share_no_journal(tmp_path: Path) -> None:
    """Each worker would count its loops anew, and go on from where another's is."""
    context = Context(part_rows=3, journal=Journal(tmp_path / "parts"))
    work = pickle.dumps(partial(_total, context=context))
    assert [pickle.loads(work)(sign) for sign in (1, -2, 3)] == [36, 144, 324]
    assert not (tmp_path / "parts").exists()


def test_a_loop_does_not_go_on_from_one_with_other_parameters(tmp_path: Path) -> None:
    """Where a component's memory of its own makes it leave out a loop that the killed run had begun."""
    table, columns = Table(pd.DataFrame({"x": np.arange(9.0)})), ["x"]
    reduce_table(_Times(1), table, columns, context=Context(part_rows=3, journal=Journal(tmp_path)))
    assert reduce_table(_Times(-1), table, columns, context=Context(part_rows=3, journal=Journal(tmp_path))) == 36
