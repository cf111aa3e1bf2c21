"""Which nodes may be parents of which: a screen on pairs and triples, then what a graph found shows to be missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._scores import LocalScores, Set

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
STRONGEST = 5
"""How many of a node's strongest neighbours may explain another one away in the screen."""
REACH = 60
"""How many of the nodes that depend on a node most may ever be its candidates: all, up to so many."""
NEVER = -8.0
"""A node that changes the log score by less is no candidate."""


def nearest(scores: LocalScores, allowed: Bools, arcs: Floats) -> list[Set]:
    """Of each node, the `REACH` others that add most to its score by themselves, the best first."""
    found = []
    for i in range(scores.size):
        others = [int(j) for j in np.flatnonzero(allowed[:, i])]
        alone = _gains(scores, i, (), others, arcs)
        found.append(tuple(others[at] for at in np.argsort(-alone, kind="stable")[:REACH]))
    return found


def screen(scores: LocalScores, near: Sequence[Set], arcs: Floats, required: Sequence[Set], most: int) -> list[Set]:
    """The first candidates: those that add most to a node's score, alone or beside its strongest neighbours.

    Parameters
    ----------
    near : as `nearest` gives it.
    arcs : `[p, p]`, log odds of row -> column beforehand.
    required : each node's required parents.
    most : candidates a node can have.
    """
    found = []
    for i, ranked in enumerate(near):
        least = dict(zip(ranked, _gains(scores, i, (), ranked, arcs).tolist(), strict=True))
        for k in ranked[:STRONGEST]:
            rest = [j for j in ranked[: 4 * most] if j != k]
            for j, gain in zip(rest, _gains(scores, i, (k,), rest, arcs), strict=True):
                least[j] = min(least[j], float(gain))
        by_rest = sorted(ranked[: 4 * most], key=lambda j: (-least[j], j))
        found.append(_first(most, required[i], by_rest[: most - 2], ranked))
    return found


def widen(
    scores: LocalScores,
    graphs: Sequence[Sequence[Set]],
    candidates: Sequence[Set],
    near: Sequence[Set],
    arcs: Floats,
    required: Sequence[Set],
    most: int,
) -> list[Set]:
    """Candidates anew, from graphs found: what would add to a node's parents there, or take the place of one."""
    found = []
    for i, others in enumerate(near):
        gain = dict.fromkeys(others, NEVER)
        for parents in dict.fromkeys(tuple(graph[i]) for graph in graphs):
            for given in [parents, *(tuple(j for j in parents if j != out) for out in parents)]:
                rest = [j for j in others if j not in given]
                lost = float(_gains(scores, i, given, [j for j in parents if j not in given], arcs).sum())
                for j, value in zip(rest, _gains(scores, i, given, rest, arcs), strict=True):
                    gain[j] = max(gain[j], float(value) - (0.0 if j in parents else max(lost, 0.0)))
        ranked = sorted((j for j in others if gain[j] > NEVER), key=lambda j: (-gain[j], j))
        used = dict.fromkeys(j for graph in graphs for j in graph[i])
        found.append(_first(most, required[i], used, ranked[: most - 2], candidates[i], ranked))
    return found


def _gains(scores: LocalScores, child: int, given: Set, others: Sequence[int], arcs: Floats) -> Floats:
    """What each of `others` adds to the score of a child that has the parents `given`."""
    sets = [tuple(sorted((*given, j))) for j in others]
    both = scores.locals(child, [given, *sets])
    without = both[0] if np.isfinite(both[0]) else 0.0  # of a set that cannot be scored, no larger one can
    return np.round(both[1:] - without + arcs[list(others), child], 9)


def _first(most: int, required: Set, *lists: object) -> Set:
    """The first `most` of several lists, sorted; what is required is always among them."""
    joined = dict.fromkeys([*required, *(j for one in lists for j in one)])  # type: ignore[attr-defined]
    return tuple(sorted(list(joined)[: max(most, len(required))]))
