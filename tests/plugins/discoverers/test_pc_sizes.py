"""How often tests call dependent what is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers._discrete import GSquared
from causalkit_plugins.discoverers._test_choice import choose

from causalkit.types import Column, Variables


@pytest.mark.parametrize(
    ("rows", "own", "other", "strata"), [(2000, 40, 40, 0), (200, 40, 2, 0), (600, 4, 4, 12), (400, 2, 2, 64)]
)
def test_of_sparse_tables_independence_is_rejected_at_its_rate(rows, own, other, strata):
    rng = np.random.default_rng(5)
    told = {"auto": 0, "g2": 0}
    held = np.array([[2] if strata else []], np.intp)
    for _ in range(100):
        codes = np.column_stack([rng.integers(0, size, rows) for size in (own, other, max(strata, 1))])
        for statistic in told:
            p, _ = GSquared(codes, statistic).measured(0, held, np.array([1]))
            told[statistic] += float(p[0, 0]) < 0.05
    assert told["auto"] <= 11  # of 100, at .05
    assert told["g2"] > told["auto"]


def test_of_full_tables_both_are_the_same():
    codes = np.random.default_rng(0).integers(0, 3, (2000, 3))
    for held in ([], [2]):
        auto, g2 = (GSquared(codes, s).measured(0, np.array([held], np.intp), np.array([1])) for s in ("auto", "g2"))
        assert auto == g2


def rejected(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> bool:
    table = pd.DataFrame({"a": a, "b": b, "c": c})
    columns = tuple(Column(n, "covariate", "continuous" if n == "c" else "categorical") for n in table)
    _, test = choose(Variables(table, columns))
    return float(test(0, np.array([[2]]), np.array([1]))[0, 0]) < 0.05


def test_rare_categories_that_hardly_meet_are_not_called_dependent():
    rng = np.random.default_rng(1)
    draws = [(rng.random((2, 2000)) < 0.01).astype(int) for _ in range(60)]
    assert sum(rejected(a, b, rng.normal(size=2000)) for a, b in draws) <= 8
    found = [rejected(a, np.where(rng.random(2000) < 0.5, a, b), rng.normal(size=2000)) for a, b in draws[:20]]
    assert sum(found) >= 15


def test_the_share_of_a_middle_level_rises_and_falls():
    rng = np.random.default_rng(1)
    told = 0
    for _ in range(40):
        c = rng.normal(size=1500)
        a, b = np.clip(np.round(c + rng.normal(size=(2, 1500))), -2, 2).astype(int)
        told += rejected(a.astype(str), b.astype(str), c)
    assert told <= 6
