"""A reduction that does not merge as one pass is told apart from one that does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from causalkit.reduction import NextRound, State, add_states
from causalkit.testing.reductions import check_reduction


@dataclass(frozen=True)
class Spread:
    """The standard deviation of `x`, in two rounds."""

    def init(self, broadcast):
        return State({"n": np.zeros(1), "sum": np.zeros(1)}, dict(broadcast.facts))

    def update(self, state, part):
        x = part["x"].to_numpy(float)
        if "mean" in state.facts:
            x = (x - state.facts["mean"]) ** 2
        n, total = (state.arrays[name] for name in ("n", "sum"))
        return State({"n": n + len(x), "sum": total + x.sum()}, state.facts)

    def merge(self, a, b):
        return add_states(a, b)

    def finalize(self, state):
        mean = float(state.arrays["sum"][0] / state.arrays["n"][0])
        return mean**0.5 if "mean" in state.facts else NextRound(State({}, {"mean": mean}))


class ForgetsOnePart(Spread):
    def merge(self, a, b):
        return a if a.arrays["n"][0] else b


class LastPartCounts(Spread):
    def update(self, state, part):
        return super().update(self.init(State({}, state.facts)), part)


class AveragesOfAverages(Spread):
    def merge(self, a, b):
        return State({name: (a.arrays[name] + b.arrays[name]) / 2 for name in a.arrays}, a.facts)


class WritesToItsState(Spread):
    def merge(self, a, b):
        for name, value in a.arrays.items():
            value += b.arrays[name]
        return a


class WritesToRows(Spread):
    def update(self, state, part):
        part["x"] = part["x"].abs()
        return super().update(state, part)


class KeepsObjects(Spread):
    def update(self, state, part):
        made = super().update(state, part)
        return State(made.arrays, {**made.facts, "seen": {1, 2}})


class NeverEnds(Spread):
    def finalize(self, state):
        return NextRound(State())


@pytest.fixture
def parts():
    rows = pd.DataFrame({"x": np.random.default_rng(0).normal(size=100)})
    return [rows.iloc[:20].copy(), rows.iloc[20:25].copy(), rows.iloc[25:].copy()]


def test_a_sound_reduction_gives_its_result(parts):
    assert check_reduction(Spread(), parts) == pytest.approx(pd.concat(parts)["x"].std(ddof=0))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (ForgetsOnePart, "one pass"),
        (LastPartCounts, "one pass|part by part"),
        (AveragesOfAverages, "merged from the right|one pass"),
        (WritesToItsState, "merge writes"),
        (WritesToRows, "update writes to the rows"),
        (KeepsObjects, "not JSON"),
        (NeverEnds, "more than"),
    ],
)
def test_one_that_breaks_the_contract_is_told(wrong, said, parts):
    with pytest.raises(AssertionError, match=said):
        check_reduction(wrong(), parts)
