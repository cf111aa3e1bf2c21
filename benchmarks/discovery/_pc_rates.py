"""How many tests a second, for `pc_speed.py`: `python _pc_rates.py discrete|numbers TABLE.npy [DEVICE]` prints JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from causalkit_plugins.discoverers._batches import Batch, BatchTest, Lists, Weakest, in_batches
from causalkit_plugins.discoverers._discrete import GSquared
from causalkit_plugins.discoverers._gaussian import FisherZ
from causalkit_plugins.discoverers._skeleton import MOST_SETS, find_skeleton

from causalkit.components import Context

ALPHA = 0.01
BYTES = 20
"""What a test given one variable has to read, at least: two correlations of 8 bytes, and a share of the rest."""
THEIRS = 300
"""Tests that causal-learn is asked for."""


class Counted:
    """A test that counts what it is asked."""

    def __init__(self, test: BatchTest) -> None:
        self.test, self.cells, self.tests = test, test.cells, 0

    def marginal(self, i: Any, j: Any) -> Any:
        """As the test does."""
        self.tests += len(i)
        return self.test.marginal(i, j)

    def weakest(self, batch: Batch) -> Weakest:
        """As the test does."""
        self.tests += batch.targets.size * len(batch.places) - len(batch.i) * batch.places.size
        return self.test.weakest(batch)

    def separating(self, batch: Batch, alpha: float) -> Any:
        """As the test does."""
        return self.test.separating(batch, alpha)


class Leaving(Counted):
    """A test that also counts what would be asked if each pair were left at its first separating set."""

    asked = 0

    def marginal(self, i: Any, j: Any) -> Any:
        """As the test does."""
        self.asked += len(i)
        return super().marginal(i, j)

    def weakest(self, batch: Batch) -> Weakest:
        """As the test does."""
        apart = self.test.separating(batch, ALPHA)
        first = np.where(apart.any(axis=1), apart.argmax(axis=1) + 1, len(batch.places))
        self.asked += int(first.sum()) - len(batch.i) * batch.places.size
        return super().weakest(batch)


def discrete(table: str, graph: str) -> dict[str, Any]:
    """Seconds a test given one variable: ours, and causal-learn's on some of the same.

    `graph` says which: `complete`, every pair given every other column; `sparse`, the graph that level 0 leaves.
    """
    from causallearn.utils.cit import CIT

    codes = np.load(table)
    size = codes.shape[1]
    found: dict[str, Any] = {}
    for statistic, theirs in (("g2", "gsq"), ("chi2", "chisq")):
        test = GSquared(codes, statistic)
        i, j = np.triu_indices(size, 1)
        test.marginal(i, j)  # once: what is imported late, and the tables of every pair
        joined = np.zeros((size, size), bool)
        joined[i, j] = joined[j, i] = (test.marginal(i, j)[0] <= ALPHA) | (graph == "complete")
        near = Lists.of(joined)
        turns = [_level_one(test, near) for _ in range(5)]
        own = float(np.median([spent / tests for spent, tests in turns]))
        peer = CIT(codes, theirs)
        asked = _some(near, THEIRS)
        began = time.perf_counter()
        p = [peer(*one) for one in asked]
        each = (time.perf_counter() - began) / len(asked)
        mine = [test(a, np.array([given]), np.array([b]))[0, 0] for a, b, given in asked]
        apart = np.abs(np.array(p) - mine)
        found[statistic] = {"ours": own, "theirs": each, "tests": turns[0][1], "apart": float(np.nanmax(apart))}
    return found


def _level_one(test: BatchTest, near: Lists) -> tuple[float, int]:
    counted = Counted(test)
    began = time.perf_counter()
    for _, batch in in_batches(np.arange(len(near.sizes)), near, near, 1, test.cells, MOST_SETS):
        counted.weakest(batch)
    return time.perf_counter() - began, counted.tests


def _some(near: Lists, most: int) -> list[tuple[int, int, list[int]]]:
    """Tests of level 1, drawn at random: (i, j, [k])."""
    rng = np.random.default_rng(0)
    able = np.flatnonzero(near.sizes >= 2)
    drawn = set()
    for _ in range(most * 20):
        i = int(rng.choice(able))
        j, k = rng.choice(near.members[i, : near.sizes[i]], 2, replace=False).tolist()
        drawn.add((min(i, j), max(i, j), k))
    return [(i, j, [k]) for i, j, k in sorted(drawn)[:: max(1, len(drawn) // most)][:most]]


def numbers(table: str, device: str = "") -> dict[str, Any]:
    """Tests a second of a whole skeleton, and as many as the memory could feed."""
    data = np.load(table)
    size = data.shape[1]
    r = np.corrcoef(data.T)
    test = Counted(FisherZ(r, np.broadcast_to(float(len(data)), r.shape), device or None))
    allowed = ~np.eye(size, dtype=bool)
    began = time.perf_counter()
    found = find_skeleton(test, allowed, np.zeros_like(allowed), ALPHA, None, Context())
    spent = time.perf_counter() - began
    leaving = Leaving(test.test)
    if not device:
        find_skeleton(leaving, allowed, np.zeros_like(allowed), ALPHA, None, Context())
    limit = _bytes_a_second(device) / BYTES
    edges = int(found.adjacent.sum() // 2)
    return {"tests": test.tests, "seconds": spent, "limit": limit, "edges": edges, "leaving": leaving.asked}


def _bytes_a_second(device: str) -> float:
    """What reading an array that no cache holds reaches."""
    if device:
        import torch

        big = torch.ones(1 << 28, device=device)

        def read() -> None:
            big.sum()
            torch.cuda.synchronize()

        return big.nbytes / _least(read)
    array = np.ones(1 << 25)
    return array.nbytes / _least(array.sum)


def _least(work: Callable[[], Any], turns: int = 7) -> float:
    spent = []
    for _ in range(turns):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


if __name__ == "__main__":
    print(json.dumps({"discrete": discrete, "numbers": numbers}[sys.argv[1]](*sys.argv[2:])))
