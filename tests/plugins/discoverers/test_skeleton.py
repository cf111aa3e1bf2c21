"""Batches of tests answer what one test after another does, on numpy and on torch, in chunks of any size."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from causalkit_plugins.discoverers import _tables
from causalkit_plugins.discoverers._batches import Batch, Lists, Plain, in_batches, too_many
from causalkit_plugins.discoverers._discrete import GSquared
from causalkit_plugins.discoverers._gaussian import FisherZ
from causalkit_plugins.discoverers._separators import Separators
from causalkit_plugins.discoverers._skeleton import find_skeleton
from causalkit_plugins.discoverers._votes import middle_shares, unshielded
from scipy.stats import chi2, norm

from causalkit.components import Context
from causalkit.store.serial import load, save
from causalkit.types import CausalGraph, Separation, Separations

ROWS = 600


def linear(size: int, seed: int, rows: int = ROWS) -> np.ndarray:
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((rows, size))
    for j in range(1, size):
        causes = np.flatnonzero(rng.random(j) < 2.5 / size)
        data[:, j] += data[:, causes] @ rng.uniform(0.3, 1, len(causes))
    return data


def subsets(members, level: int) -> np.ndarray:
    chosen = list(itertools.combinations(members, level))
    return np.array(chosen, np.intp).reshape(len(chosen), level)


def fisher(data: np.ndarray, device: str | None = None) -> FisherZ:
    return FisherZ(np.corrcoef(data.T), np.full((data.shape[1],) * 2, float(len(data))), device)


def plain_partial(r: np.ndarray, i: int, j: int, given: tuple[int, ...]) -> float:
    """By the inverse of the correlations of all the variables involved."""
    inside = [i, j, *given]
    precision = np.linalg.inv(r[np.ix_(inside, inside)])
    return float(abs(precision[0, 1]) / math.sqrt(precision[0, 0] * precision[1, 1]))


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
def test_the_weakest_of_a_batch_is_that_of_partial_correlations_one_by_one(level, device):
    """Pairs have different units behind them; one pair has too few."""
    rng = np.random.default_rng(level)
    size = 8
    correlations = np.corrcoef(linear(size, 1).T)
    units = rng.choice([600.0, 90.0], (size, size))
    units[2, 5] = 3 + level
    test = FisherZ(correlations, units, device)
    pools = np.array([[at for at in range(size) if at != i] for i in (2, 3, 6)])
    places = subsets(range(size - 1), level)
    batch = Batch(np.array([2, 3, 6]), pools, places, pools)
    best, apart = test.weakest(batch), test.separating(batch, 0.05)
    untold = 0
    for row, at in np.ndindex(pools.shape):
        i, j = int(batch.i[row]), int(pools[row, at])
        outside = [c for c, one in enumerate(places) if at not in one]
        if units[i, j] - level - 3 < 1:
            assert np.isnan(best.p[row, at])
            assert not apart[row, :, at].any()
            untold += len(outside)
            continue
        r = {c: plain_partial(correlations, i, j, tuple(pools[row, places[c]])) for c in outside}
        least = min(r, key=lambda c: r[c])
        assert best.place[row, at] == least
        assert best.strength[row, at] == pytest.approx(r[least], abs=1e-7)
        z = math.sqrt(units[i, j] - level - 3) * np.arctanh(np.array(list(r.values())))
        assert best.p[row, at] == pytest.approx(2 * norm.sf(z.min()), abs=1e-6)
        assert apart[row, outside, at].tolist() == (2 * norm.sf(z) > 0.05).tolist()
    assert best.untold == untold > 0


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
@pytest.mark.parametrize("cells", [1, 37, 10**6])
def test_a_search_in_batches_is_the_search_test_by_test(cells, device):
    data = linear(14, 3)
    allowed = ~np.eye(14, dtype=bool)
    allowed[5:, :3] = False  # tiers, so that pools and targets differ
    allowed[1, 2] = allowed[2, 1] = False
    required = np.zeros_like(allowed)
    required[4, 9] = required[9, 4] = True
    test = fisher(data, device)
    test.cells = cells
    slow = Plain(fisher(data))
    found = [find_skeleton(one, allowed, required, 0.05, None, Context()) for one in (test, slow)]
    assert (found[0].adjacent == found[1].adjacent).all()
    assert found[0].adjacent.any()
    assert found[0].adjacent[4, 9]
    assert found[0].level == found[1].level >= 2
    separated, as_slow = (dict(one.separators) for one in found)
    assert {pair: given for pair, (given, _) in separated.items()} == {pair: g for pair, (g, _) in as_slow.items()}
    assert [p for _, p in separated.values()] == pytest.approx([p for _, p in as_slow.values()])
    joined = found[0].adjacent
    np.testing.assert_allclose(found[0].kept_p[joined], found[1].kept_p[joined], atol=1e-12)
    i, j = np.argwhere(joined)[0]
    assert found[0].strength[i, j] > 0
    assert found[0].untested == found[1].untested == 0
    votes = [middle_shares(one, found[0], allowed, 0.05, lambda: None) for one in (test, slow)]
    assert votes[0] == pytest.approx(votes[1])
    assert votes[0]


def test_the_separating_set_is_the_one_of_greatest_p_of_all_sets_of_the_level():
    data = linear(9, 5)
    r, allowed = np.corrcoef(data.T), ~np.eye(9, dtype=bool)
    found = find_skeleton(fisher(data), allowed, ~allowed, 0.05, None, Context())
    assert any(len(given) == 2 for given, _ in found.separators.values())
    for (i, j), (given, p) in found.separators.items():
        z = math.sqrt(ROWS - len(given) - 3) * math.atanh(plain_partial(r, i, j, given))
        assert p == pytest.approx(2 * norm.sf(z), abs=1e-6)
        assert p > 0.05
        assert i not in given
        assert j not in given


def test_columns_permuted_give_the_same_skeleton():
    data = linear(12, 8)
    allowed = ~np.eye(12, dtype=bool)
    order = np.random.default_rng(0).permutation(12)
    plain, permuted = (
        find_skeleton(fisher(d), allowed, ~allowed, 0.05, None, Context()) for d in (data, data[:, order])
    )
    assert (plain.adjacent[np.ix_(order, order)] == permuted.adjacent).all()
    said = {
        frozenset((order[i], order[j])): frozenset(order[list(g)]) for (i, j), (g, _) in permuted.separators.items()
    }
    assert said == {frozenset(pair): frozenset(g) for pair, (g, _) in plain.separators.items()}


def test_a_set_that_determines_a_target_is_no_test():
    data = linear(5, 1)
    data[:, 3] = data[:, 1] + data[:, 2]
    test = fisher(data)
    batch = Batch(np.array([0]), np.array([[1, 2, 3, 4]]), np.array([[0, 1]]), np.array([[3, 4]]))
    best = test.weakest(batch)
    assert np.isnan(best.p[0, 0])
    assert best.p[0, 1] >= 0
    assert not test.separating(batch, 1e-9)[0, 0, 0]


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_test_is_in_one_batch_and_batches_keep_to_their_size(level):
    rng = np.random.default_rng(level)
    joined = rng.random((12, 12)) < 0.4
    np.fill_diagonal(joined, False)
    pools, targets = Lists.of(joined & (rng.random((12, 12)) < 0.8)), Lists.of(joined)
    expected = {
        (i, given, t)
        for i in range(12)
        for given in itertools.combinations(pools.members[i, : pools.sizes[i]].tolist(), level)
        for t in targets.members[i, : targets.sizes[i]].tolist()
    }
    for cells in (1, 50, 10**6):
        asked = []
        for rows, batch in in_batches(np.arange(12), pools, targets, level, cells, 10**6):
            assert (rows == batch.i).all()
            assert batch.targets.size * len(batch.places) <= max(cells, batch.targets.shape[1])
            asked += [
                (int(i), tuple(given), int(t))
                for i, sets, far in zip(batch.i, batch.sets, batch.targets)
                for given in sets.tolist()
                for t in far
            ]
        assert len(asked) == len(set(asked))
        assert set(asked) == expected


def test_pools_with_more_sets_than_asked_are_left_out():
    sizes = np.array([0, 3, 5, 9])
    assert too_many(sizes, 2, 10).tolist() == [False, False, False, True]
    assert too_many(sizes, 1, 10**6).tolist() == [False] * 4


def plain_table_test(codes: np.ndarray, i: int, j: int, given: tuple[int, ...], pearson: bool) -> tuple[float, float]:
    """Statistic and degrees of freedom, stratum by stratum, a cell at a time."""
    statistic = freedom = 0.0
    for stratum in {tuple(row) for row in codes[:, given].tolist()}:
        rows = codes[(codes[:, given] == stratum).all(axis=1)]
        own, other = set(rows[:, i].tolist()), set(rows[:, j].tolist())
        freedom += (len(own) - 1) * (len(other) - 1)
        for a, b in itertools.product(own, other):
            seen = ((rows[:, i] == a) & (rows[:, j] == b)).sum()
            expected = (rows[:, i] == a).sum() * (rows[:, j] == b).sum() / len(rows)
            if pearson:
                statistic += (seen - expected) ** 2 / expected
            elif seen:
                statistic += 2 * seen * math.log(seen / expected)
    return statistic, freedom


def discrete(seed: int, rows: int) -> np.ndarray:
    """Columns of 2, 3, 4, 2 and 5 levels, one of which no row has."""
    cuts = [[0], [-0.5, 0.6], [-1, 0, 1], [0.4], [-1, -0.3, 0.2, 5]]
    data = linear(5, seed, rows)
    return np.column_stack([np.digitize(data[:, at], cut) for at, cut in enumerate(cuts)])


@pytest.mark.parametrize("statistic", ["g2", "chi2"])
@pytest.mark.parametrize("small", [False, True], ids=["at once", "in chunks"])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_tables_by_products_are_tables_counted_one_by_one(level, small, statistic, monkeypatch):
    if small:
        monkeypatch.setattr(_tables, "_CELLS", 100)
        monkeypatch.setattr(_tables, "_WIDEST", 0)
    codes, rows = discrete(level, 300), 300
    test = GSquared(codes, statistic)
    if level % 2:
        test.marginal(*np.triu_indices(5, 1))  # what is kept of it is used afterwards
    told = 0
    for i in range(5):
        others = np.array([v for v in range(5) if v != i])
        sets = subsets(others, level)
        p, strength = test.measured(i, sets, others)
        for (c, given), (t, j) in itertools.product(enumerate(map(tuple, sets.tolist())), enumerate(others.tolist())):
            if j in given:
                continue
            value, freedom = plain_table_test(codes, i, j, given, statistic == "chi2")
            if not (freedom >= 1 and rows >= (5 * freedom if level else 0)):
                assert np.isnan(p[c, t])
                continue
            told += 1
            assert p[c, t] == pytest.approx(chi2.sf(value, freedom), rel=1e-9, abs=1e-300)
            assert strength[c, t] == pytest.approx(value / rows / (1 if statistic == "chi2" else 2), abs=1e-12)
    assert told >= 3


def test_marginal_tables_in_any_order_of_pairs_are_those_of_single_tests():
    codes = discrete(9, 800)
    test = GSquared(codes)
    i, j = np.array([3, 0, 1, 0]), np.array([4, 2, 2, 4])
    p, strength = test.marginal(i, j)
    for at in range(4):
        alone = test.measured(int(i[at]), np.empty((1, 0), np.intp), j[at : at + 1])
        assert (p[at], strength[at]) == (pytest.approx(alone[0][0, 0]), pytest.approx(alone[1][0, 0]))


@pytest.mark.parametrize("kind", ["random", "tables"])
def test_votes_are_shares_of_the_separating_sets(kind):
    """By counting them one by one, for a test whose answers have no sense, and for one that shares tables."""
    rng = np.random.default_rng(2)
    answers: dict[tuple[int, ...], float] = {}

    def random(i, sets, targets):
        def p(j, given):
            return answers.setdefault((min(i, j), max(i, j), *sorted(given)), float(rng.random()))

        return np.array([[p(int(j), given) for j in targets] for given in sets.tolist()])

    test = random if kind == "random" else GSquared(discrete(4, 400))
    size = 7 if kind == "random" else 5
    allowed = ~np.eye(size, dtype=bool)
    found = find_skeleton(test, allowed, ~allowed, 0.8 if kind == "random" else 0.2, None, Context())
    alpha = 0.6 if kind == "random" else 0.05
    shares = middle_shares(test, found, allowed, alpha, lambda: None)
    assert set(shares) == set(unshielded(found.adjacent))
    for (i, k, j), share in shares.items():
        holding = total = 0
        for a, b in ((i, j), (j, i)):
            pool = np.flatnonzero(found.adjacent[a]).tolist()
            for level in range(min(len(pool), found.level) + 1):
                for given in itertools.combinations(pool, level):
                    separates = test(a, np.array([given], np.intp).reshape(1, -1), np.array([b]))[0, 0] > alpha
                    total += separates
                    holding += separates and k in given
        expected = holding / total if total else float(k in found.separators[i, j][0])
        assert share == pytest.approx(expected)
    assert shares


def separators() -> Separators:
    p = np.full((4, 4), np.nan)
    p[0, 1], p[0, 3], p[1, 2], p[2, 3] = 0.5, 0.25, 0.125, 1
    return Separators(p, {(1, 2): (0, 3), (0, 3): (1,), (0, 2): (1,)})


def test_separations_read_as_a_tuple_of_them_and_keep_on_disk(tmp_path):
    found = separators().named(["a", "b", "c", "d"])
    expected = (
        Separation("a", "b", (), 0.5),
        Separation("a", "d", ("b",), 0.25),
        Separation("b", "c", ("a", "d"), 0.125),
        Separation("c", "d", (), 1.0),
    )
    assert isinstance(found, Separations)
    assert tuple(found) == expected
    assert found == expected == found
    assert hash(found) == hash(expected)
    assert found != expected[:3]
    assert found[-2] == expected[-2]
    assert found[1:3] == expected[1:3]
    with pytest.raises(IndexError):
        found[4]
    graph = CausalGraph(("a", "b", "c", "d"), (), found)
    save(graph, tmp_path / "graph", lambda path, write: write(path))
    assert load(tmp_path / "graph") == graph == CausalGraph(("a", "b", "c", "d"), (), expected)
    assert graph.to_dict()["separations"][1] == {"a": "a", "b": "d", "given": ("b",), "p_value": 0.25}


def test_separators_are_a_mapping_of_pairs_in_order():
    found = separators()
    assert list(found) == [(0, 1), (0, 3), (1, 2), (2, 3)]
    assert len(found) == 4
    assert found[1, 2] == ((0, 3), 0.125)
    assert (0, 2) not in found
    assert (1, 0) not in found
    with pytest.raises(KeyError):
        found[0, 2]
