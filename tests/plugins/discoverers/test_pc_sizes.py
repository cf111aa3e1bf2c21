"""How often tests call dependent what is not."""

from __future__ import annotations

import numpy as np
import pytest
from causalkit_plugins.discoverers._discrete import GSquared


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
