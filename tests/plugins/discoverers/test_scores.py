"""Local scores against slow, obvious references."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers._scores import BDeu, GaussianBIC
from causalkit_plugins.discoverers._tree_scores import TreeBDeu
from scipy.special import gammaln


def slow_bdeu(codes: np.ndarray, child: int, parents: tuple[int, ...], ess: float) -> float:
    levels = codes.max(axis=0) + 1
    configurations = int(np.prod(levels[list(parents)]))
    cell = ess / configurations / levels[child]
    total = 0.0
    frame = pd.DataFrame(codes)
    for _, rows in frame.groupby(list(parents)) if parents else [((), frame)]:
        counts = np.bincount(rows[child], minlength=levels[child])
        total += gammaln(ess / configurations) - gammaln(ess / configurations + counts.sum())
        total += (gammaln(cell + counts) - gammaln(cell)).sum()
    return total


def slow_trees(
    rows: np.ndarray, levels: np.ndarray, child: int, left: tuple[int, ...], ess: float, cells: int
) -> float:
    """The likelihood of rows that are alike so far, summed over trees that split on what is left."""
    counts = np.bincount(rows[:, child], minlength=levels[child])
    whole = np.array([ess / 4, ess, 4 * ess])[:, None] / cells
    own = whole / levels[child]
    logs = (gammaln(whole) - gammaln(whole + counts.sum()))[:, 0] + (gammaln(own + counts) - gammaln(own)).sum(axis=1)
    leaf = np.exp(logs).mean()
    if not left:
        return float(leaf)
    split = 0.0
    for j in left:
        rest = tuple(k for k in left if k != j)
        parts = [rows[rows[:, j] == level] for level in range(levels[j])]
        split += np.prod([slow_trees(part, levels, child, rest, ess, cells * levels[j]) for part in parts])
    return float(leaf / 2 + split / len(left) / 2)


@pytest.mark.parametrize("parents", [(), (1,), (0, 1), (0, 1, 3)])
def test_trees_are_summed(parents: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    codes = np.column_stack([rng.integers(0, levels, 40) for levels in (3, 2, 3, 2)])
    slow = slow_trees(codes, codes.max(axis=0) + 1, 2, parents, 2.0, 1)
    assert TreeBDeu(codes, 2.0).local(2, parents) == pytest.approx(np.log(slow))


def test_trees_find_a_parent_that_matters_at_one_level_of_another() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.integers(0, 5, (2, 300))
    child = np.where((a == 0) & (b > 1), 1, rng.random(300) < 0.2).astype(int)
    codes = np.column_stack([a, b, child])
    gains = [scores.local(2, (0, 1)) - scores.local(2, (0,)) for scores in (BDeu(codes, 4.0), TreeBDeu(codes, 4.0))]
    assert gains[0] < 0 < gains[1]


def test_tables_too_large_for_trees_are_scored_whole() -> None:
    rng = np.random.default_rng(7)
    codes = np.column_stack([rng.integers(0, 60, 200) for _ in range(3)])
    trees, tables = TreeBDeu(codes), BDeu(codes)
    assert trees.local(0, (1, 2)) == pytest.approx(tables.local(0, (1, 2)) - 2 * np.log(2))
    assert np.isfinite(trees.local(0, (1,)))


@pytest.mark.parametrize("ess", [0.3, 1.0, 10.0])
def test_bdeu_is_the_marginal_likelihood(ess: float) -> None:
    rng = np.random.default_rng(0)
    codes = np.column_stack([rng.integers(0, levels, 120) for levels in (2, 3, 9, 2, 12, 4)])
    scores = BDeu(codes, ess)
    for child, parents in [(0, ()), (1, (0,)), (2, (0, 1)), (3, (1, 2, 4)), (5, (0, 1, 2, 3, 4))]:
        assert scores.local(child, parents) == pytest.approx(slow_bdeu(codes, child, parents, ess))


def test_gaussian_bic_is_that_of_a_regression() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    values = (values - values.mean(0)) / values.std(0)
    scores = GaussianBIC(np.corrcoef(values.T), 200)
    for child, parents in [(0, ()), (1, (0,)), (3, (0, 2))]:
        fit = values[:, list(parents)] @ np.linalg.lstsq(values[:, list(parents)], values[:, child], rcond=None)[0]
        left = ((values[:, child] - fit) ** 2).mean()
        expected = -100 * np.log(left) - np.log(200) / 2 * (len(parents) + 1)
        assert scores.local(child, parents) == pytest.approx(expected)


def test_equivalent_graphs_score_the_same() -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 3, (80, 3))
    wide = rng.normal(size=(80, 5))
    blocks = [np.array([0, 1]), np.array([2]), np.array([3, 4])]
    for scores in (BDeu(codes), GaussianBIC(np.corrcoef(wide.T), 80, blocks)):
        chain = scores.graph_score([(), (0,), (1,)])
        assert chain == pytest.approx(scores.graph_score([(1,), (), (1,)]))
        assert chain == pytest.approx(scores.graph_score({0: [1], 1: [2], 2: []}))
        assert chain != pytest.approx(scores.graph_score([(), (0, 2), ()]))


def test_batches_give_what_single_calls_do() -> None:
    codes = np.random.default_rng(3).integers(0, 4, (60, 7))
    sets = [s for k in range(5) for s in itertools.combinations(range(1, 7), k)]
    together = BDeu(codes).locals(0, sets)
    np.testing.assert_allclose(together, [BDeu(codes).local(0, s) for s in sets])


def test_rows_that_count_for_less_say_less() -> None:
    codes = np.repeat(np.random.default_rng(4).integers(0, 2, (40, 2)), 5, axis=0)
    assert BDeu(codes, share=0.2).local(0, (1,)) == pytest.approx(BDeu(codes[::5]).local(0, (1,)))


def test_more_columns_than_rows_can_bear_are_impossible() -> None:
    values = np.random.default_rng(5).normal(size=(8, 6))
    scores = GaussianBIC(np.corrcoef(values.T), 8)
    assert scores.local(0, (1, 2, 3, 4)) == -np.inf
    assert np.isfinite(scores.local(0, (1,)))
