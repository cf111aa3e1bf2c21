"""Regressions of every item at once: padded batches of rows, simultaneous Newton steps and ridge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_CELLS = 6_000_000  # numbers held in one padded batch


@dataclass(frozen=True)
class Batch:
    """Rows of some items, padded: `row` `[b, n]` are places in the flat arrays, -1 where padded."""

    items: Ints
    row: Ints

    def take(self, values: npt.NDArray[np.generic], fill: float = 0.0) -> Floats:
        """`values` `[rows, …]` as `[b, n, …]`, `fill` where padded."""
        found = np.asarray(values[np.maximum(self.row, 0)], float)
        found[self.row < 0] = fill
        return found

    def put(self, out: npt.NDArray[np.generic], values: npt.NDArray[np.generic]) -> None:
        """Write `[b, n]` back to the flat `out` `[rows]`."""
        real = self.row >= 0
        out[self.row[real]] = values[real]


def batches(item: Ints, items: int, width: int) -> Iterator[Batch]:
    """Items with rows, in batches of about equal row counts (within 30 %) and bounded size.

    `item` is each row's item code `[rows]`, `width` the columns that a batch will hold per row.
    """
    order = np.argsort(item, kind="stable")
    count = np.bincount(item, minlength=items)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    by_size = np.argsort(count, kind="stable")
    by_size = by_size[count[by_size] > 0]
    start = 0
    while start < len(by_size):
        largest = max(int(count[by_size[start]] * 1.3), int(count[by_size[start]]) + 4)
        same = int(np.searchsorted(count[by_size], largest, side="right"))
        end = max(start + 1, min(same, start + _CELLS // max(largest * width, 1)))
        chosen = by_size[start:end]
        longest = int(count[chosen].max())
        place = first[chosen][:, None] + np.arange(longest)[None, :]
        real = np.arange(longest)[None, :] < count[chosen][:, None]
        yield Batch(chosen, np.where(real, order[np.minimum(place, len(order) - 1)], -1))
        start = end


def standardised(x: Floats, w: Floats) -> tuple[Floats, Floats]:
    """`[b, n, d]` centred and scaled within each item by weights `[b, n]`; then an intercept last.

    Columns that are constant within an item become 0: they cannot confound its effect. Also
    returns which columns vary, `[b, d]`.
    """
    total = w.sum(1)[:, None]
    mean = np.einsum("bn,bnd->bd", w, x) / total
    centred = x - mean[:, None, :]
    spread = np.sqrt(np.einsum("bn,bnd->bd", w, centred**2) / total)
    varies = spread > 1e-9 * (1 + np.abs(mean))
    scaled = np.where(varies[:, None, :], centred / np.where(varies, spread, 1)[:, None, :], 0)
    scaled = np.clip(scaled, -10, 10)
    return np.concatenate([scaled, np.ones((*w.shape, 1))], 2), varies


def ridge(x: Floats, y: Floats, w: Floats, penalty: float) -> Floats:
    """Weighted ridge coefficients of each item, `[b, d]`; the last column, the intercept, is free."""
    xw = x * w[:, :, None]
    gram = np.matmul(xw.transpose(0, 2, 1), x)
    _add_penalty(gram, penalty)
    return np.asarray(np.linalg.solve(gram, np.matmul(xw.transpose(0, 2, 1), y[:, :, None]))[:, :, 0])


def pull(x: Floats, w: Floats, at: Floats, penalty: float) -> Floats:
    """How much each row's outcome counts in what `ridge` predicts at points `at` `[b, d]`, per weight: `[b, n]`."""
    gram = np.matmul((x * w[:, :, None]).transpose(0, 2, 1), x)
    _add_penalty(gram, penalty)
    return predicted(x, np.asarray(np.linalg.solve(gram, at[:, :, None])[:, :, 0]))


def logistic(x: Floats, t: Floats, w: Floats, penalty: float, rounds: int = 30) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Ridge logistic coefficients of each item `[b, d]` by simultaneous Newton steps, and which settled.

    Steps are held to 4 in any coefficient; Hessians are `Xᵀ W p(1-p) X`, solved in one call.
    """
    b, _, d = x.shape
    beta = np.zeros((b, d))
    share = np.clip((w * t).sum(1) / np.maximum(w.sum(1), 1e-300), 1e-6, 1 - 1e-6)
    beta[:, -1] = np.log(share / (1 - share))
    free = np.full(d, penalty)
    free[-1] = 1e-6
    settled = np.zeros(b, bool)
    for _ in range(rounds):
        p = sigmoid(np.matmul(x, beta[:, :, None])[:, :, 0])
        slope = np.matmul(x.transpose(0, 2, 1), (w * (t - p))[:, :, None])[:, :, 0] - free * beta
        xw = x * (w * p * (1 - p))[:, :, None]
        hessian = np.matmul(xw.transpose(0, 2, 1), x)
        _add_penalty(hessian, penalty)
        step = np.linalg.solve(hessian, slope[:, :, None])[:, :, 0]
        step *= np.minimum(1, 4 / np.maximum(np.abs(step).max(1), 1e-300))[:, None]
        beta += step
        settled = np.abs(step).max(1) < 1e-6
        if settled.all():
            break
    return beta, settled


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))


def predicted(x: Floats, beta: Floats) -> Floats:
    """`x @ beta` for each item, `[b, n]`."""
    return np.asarray(np.matmul(x, beta[:, :, None])[:, :, 0])


def _add_penalty(gram: Floats, penalty: float) -> None:
    d = gram.shape[-1]
    place = np.arange(d)
    gram[:, place, place] += np.where(place == d - 1, 1e-6, penalty + 1e-9)


def dealt_folds(
    group: Ints, exposed: Floats, weight: Floats, item: Ints, folds: int, lots: npt.NDArray[np.generic]
) -> Ints:
    """A fold for each row: whole groups are dealt in turn within item and exposure, in the order of their `lots`.

    `group` is each row's item × unit code, 0 … groups - 1; all of a group's rows get one fold.
    """
    size = np.bincount(group, weight)
    share = np.bincount(group, weight * exposed) / np.maximum(size, 1e-300)
    owner = np.zeros(len(size), np.int64)
    owner[group] = item
    order = np.lexsort((lots, share > 0.5, owner))
    starts = np.flatnonzero(np.diff(owner[order], prepend=-1))
    rank = np.arange(len(size)) - np.repeat(starts, np.diff(np.append(starts, len(size))))
    fold = np.empty(len(size), np.int64)
    fold[order] = rank % folds
    return fold[group]
