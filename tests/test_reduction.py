"""Reductions: several rounds, part sizes and merges that do not change the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalkit.components import Context
from causalkit.reduction import NextRound, State, add_states, reduce_table
from causalkit.types import Table


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
