"""Partial correlations of many variables, sets and targets at once, on numpy or torch arrays alike.

Only what both offer is used: arithmetic, indexing and comparisons; so one text runs on a CPU and a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LEAST = 1e-8
"""Variance left, of 1, below which nothing is left to vary."""


def squared(r: Any, i: Any, sets: Any, targets: Any) -> Any:
    """Squared partial correlations `[m, c, t]`; inf where nothing is left to vary, as where the target is in the set.

    The set is taken out one variable after another, a step of Cholesky's decomposition each, shared by
    all targets of (i, set).

    Parameters
    ----------
    r : `[p, p]` correlations. i : `[m]`. sets : `[m, c, l]`. targets : `[m, t]`.
    """
    shared = r[i[:, None], targets][:, None, :]
    if sets.shape[2] == 0:
        return shared * shared
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if sets.shape[2] == 1:
            return _given_one(r, shared, i, sets[:, :, 0], targets)
        return _given_several(r, shared, i, sets, targets)


def _given_one(r: Any, shared: Any, i: Any, given: Any, targets: Any) -> Any:
    own = r[i[:, None], given][:, :, None]
    other = r[given[:, :, None], targets[:, None, :]]
    both = own * other
    both -= shared
    both *= both
    other *= other
    other -= 1  # minus what is left of the target
    own_left = 1 - own * own
    own_left[~(own_left > LEAST)] = -1
    both /= other * -own_left
    both[~(other < -LEAST) | (own_left < 0)] = float("inf")
    return both


def _given_several(r: Any, shared: Any, i: Any, sets: Any, targets: Any) -> Any:
    size = sets.shape[2]
    own = [r[i[:, None], sets[:, :, s]][:, :, None] for s in range(size)]
    other = [r[sets[:, :, s][:, :, None], targets[:, None, :]] for s in range(size)]
    within = [[r[sets[:, :, s], sets[:, :, u]][:, :, None] for u in range(s)] for s in range(size)]
    rest = [r[sets[:, :, s], sets[:, :, s]][:, :, None] for s in range(size)]
    own_left, left, both = 1.0, 1.0, shared
    for s in range(size):
        for u in range(s):
            rest[s] = rest[s] - within[s][u] * within[s][u]
        scale = 1 / abs(rest[s]) ** 0.5
        own[s] = own[s] * scale
        other[s] *= scale
        for later in range(s + 1, size):
            factor = within[later][s]
            for u in range(s):
                factor = factor - within[later][u] * within[s][u]
            within[later][s] = factor * scale
            own[later] = own[later] - within[later][s] * own[s]
            other[later] -= within[later][s] * other[s]
        own_left = own_left - own[s] * own[s]
        own_left[~(rest[s] > LEAST)] = -1  # the set determines one of its own
        both = both - own[s] * other[s]
        left = left - other[s] * other[s]
    gone = ~(left > LEAST) | ~(own_left > LEAST)
    both *= both
    left *= own_left
    left[gone] = 1
    both /= left
    both[gone] = float("inf")
    return both
