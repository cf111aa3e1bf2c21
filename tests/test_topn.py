"""The exact top-N of inner products, against scoring every pair in double precision and sorting all of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from causalkit import topn
from causalkit.errors import UsageError
from causalkit.topn import top_inner_product_blocks, top_inner_products


def naive(users: Any, items: Any, k: int) -> tuple[Any, Any]:
    """Every pair in double precision, rounded to float32, and a stable sort."""
    users, items = np.asarray(users, np.float64), np.asarray(items, np.float64)
    scores = (users[:, None, :] * items[None, :, :]).sum(axis=2).astype(np.float32)
    scores[~np.isfinite(scores)] = -np.inf
    best = np.full((len(users), k), -1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(scores, order, axis=1)
    best[:, : order.shape[1]] = np.where(np.isfinite(found), order, -1)
    values = np.full((len(users), k), np.nan, np.float32)
    values[:, : order.shape[1]] = np.where(np.isfinite(found), found, np.nan)
    return best, values


def same(found: tuple[Any, Any], wanted: tuple[Any, Any]) -> None:
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[1], wanted[1])


def vectors(n: int, m: int, d: int, *, seed: int = 0, levels: int = 0) -> tuple[Any, Any]:
    """Gaussian vectors; or, with `levels`, small integers, whose products are full of ties."""
    rng = np.random.default_rng(seed)
    if levels:
        return tuple(rng.integers(0, levels, (size, d)).astype(np.float32) for size in (n, m))
    return tuple(rng.standard_normal((size, d), dtype=np.float32) for size in (n, m))


@pytest.mark.parametrize(
    ("n", "m", "d", "k"),
    [(1, 1, 1, 1), (40, 300, 7, 10), (5, 3, 4, 10), (600, 5000, 9, 10), (9, 4097, 33, 1), (4, 5000, 3, 2500)],
)
@pytest.mark.parametrize("levels", [0, 3])
def test_it_is_the_full_sort(n, m, d, k, levels):
    users, items = vectors(n, m, d, levels=levels)
    same(top_inner_products(users, items, k), naive(users, items, k))


def test_many_blocks_of_items_agree_too(monkeypatch):
    monkeypatch.setattr(topn, "ITEMS", 64)
    monkeypatch.setattr(topn, "PENDING", 500)
    for levels in (0, 2, 5):
        users, items = vectors(150, 1500, 6, levels=levels)
        for k in (1, 4, 10, 70):
            same(top_inner_products(users, items, k), naive(users, items, k))


def test_it_depends_neither_on_blocks_nor_on_threads_nor_on_what_is_asked_together():
    users, items = vectors(250, 3000, 64)
    items[1500:] = items[:1500] * np.float32(1 + 1e-7)  # rounding alone tells many apart
    whole = top_inner_products(users, items, 10, threads=1)
    for block, threads in ((1, 2), (7, 1), (64, 3), (5000, 2)):
        parts = list(top_inner_product_blocks(users, items, 10, threads=threads, block=block))
        same(tuple(np.concatenate(part) for part in zip(*parts, strict=True)), whole)
    same(top_inner_products(users[13:14], items, 10), (whole[0][13:14], whole[1][13:14]))
    same(whole, naive(users, items, 10))


def test_it_does_not_depend_on_the_threads_of_blas():
    script = (
        "import numpy as np, hashlib; from causalkit.topn import top_inner_products as top\n"
        "r = np.random.default_rng(0); u, i = (r.standard_normal((n, 48), dtype=np.float32) for n in (999, 4001))\n"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in top(u, i, 7))).hexdigest())"
    )
    said = {
        subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
        for env in ({"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"})
    }
    assert len(said) == 1


def test_what_is_excluded_or_not_finite_is_not_recommended():
    users, items = vectors(20, 100, 5)
    users[3, 1], users[4, 0] = np.nan, np.inf
    items[7, 2], items[8, 0] = np.nan, -np.inf
    excluded = np.zeros(100, bool)
    excluded[[0, 50]] = True
    best, scores = top_inner_products(users, items, 98, excluded=excluded)
    assert not np.isin(best, [0, 7, 8, 50]).any()
    assert (best[[3, 4]] == -1).all()
    assert ((best >= 0).sum(axis=1)[[0, 1, 19]] == 96).all()
    np.testing.assert_array_equal(np.isnan(scores), best < 0)
    assert (top_inner_products(users, items, 3, excluded=np.ones(100, bool))[0] == -1).all()


def test_copies_and_zero_vectors_go_to_the_earlier_position():
    users, items = vectors(50, 20, 8)
    users[5] = 0
    copies = np.tile(items, (300, 1))
    same(top_inner_products(users, copies, 4), naive(users, copies, 4))
    nothing = np.zeros((10_000, 8), np.float32)
    assert top_inner_products(users, nothing, 3)[0].tolist() == [[0, 1, 2]] * 50
    signed = np.array([[-0.0], [0.0], [1.0]], np.float32)
    assert top_inner_products([[1.0], [-1.0]], signed, 3)[0].tolist() == [[2, 0, 1], [0, 1, 2]]


def test_tiny_vectors_keep_their_order():
    users, items = (part * np.float32(1e-21) for part in vectors(30, 500, 4))
    same(top_inner_products(users, items, 6), naive(users, items, 6))


def test_no_users_and_no_items():
    users, items = vectors(3, 4, 2)
    assert top_inner_products(users[:0], items, 5)[0].shape == (0, 5)
    assert (top_inner_products(users, items[:0], 5)[0] == -1).all()


@pytest.mark.parametrize(
    ("users", "items", "k", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), 1, r"shapes \(2, 3\) and \(2, 4\)"),
        (np.ones(3), np.ones((2, 3)), 1, r"shapes \(3,\)"),
        (np.ones((2, 3)), np.ones((2, 3)), 0, "at least 1; got 0"),
        (np.full((1, 2), 1e25), np.full((1, 2), 1e20), 1, "beyond float32"),
    ],
)
def test_what_cannot_be_is_refused(users, items, k, message):
    with pytest.raises(UsageError, match=message):
        top_inner_products(users, items, k)


def test_a_mask_of_another_length_is_refused():
    with pytest.raises(UsageError, match="a mask of 2 items"):
        top_inner_products(np.ones((1, 3)), np.ones((2, 3)), 1, excluded=[True])


def test_memory_does_not_grow_with_users():
    script = (
        "import resource, sys, numpy as np; from causalkit.topn import top_inner_product_blocks as top\n"
        "items = np.random.default_rng(0).standard_normal((2000, 2), dtype=np.float32)\n"
        "users = np.broadcast_to(items[:1], (int(sys.argv[1]), 2))\n"
        "assert sum(len(best) for best, _ in top(users, items, 1, threads=1)) == len(users)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    few, many = (
        int(subprocess.run([sys.executable, "-c", script, n], capture_output=True, text=True, check=True).stdout)
        for n in ("20000", "400000")
    )
    assert many < 1.1 * few
