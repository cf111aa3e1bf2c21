"""The lightest set of arrows to leave out so that no cycle is left (a minimum feedback arc set)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["EXACT", "feedback_arcs"]

EXACT = 15
"""Variables in a strongly connected part up to which the set is the lightest that there is."""
Arc = tuple[str, str]
Floats = npt.NDArray[np.float64]


def feedback_arcs(weights: Mapping[Arc, float]) -> tuple[list[Arc], bool]:
    """Arcs (cause, effect) to leave out, sorted, and whether no lighter set would do.

    `weights` are of arcs, none negative; an infinite one stays unless only such arcs make a cycle. Each strongly
    connected part is put in the order whose backward arcs weigh least: by dynamic programming over its subsets up to
    `EXACT` variables (Held and Karp 1962), else by moving one variable at a time from a greedy order (Eades, Lin and
    Smyth 1993) until no move makes it lighter.
    """
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph(sorted(weights))
    finite = 1 + sum(weight for weight in weights.values() if np.isfinite(weight))
    left_out: list[Arc] = []
    exact = True
    for part in sorted(sorted(found) for found in nx.strongly_connected_components(graph)):
        inside = {arc: min(w, finite) for arc, w in weights.items() if arc[0] in part and arc[1] in part}
        if not inside:
            continue
        place = {name: at for at, name in enumerate(part)}
        matrix = np.zeros((len(part), len(part)))
        for (cause, effect), weight in inside.items():
            matrix[place[cause], place[effect]] = weight
        order = _lightest(matrix) if len(part) <= EXACT else _improved(matrix, _greedy(matrix))
        exact = exact and len(part) <= EXACT
        rank = {part[at]: turn for turn, at in enumerate(order)}
        left_out += [(cause, effect) for cause, effect in inside if rank[cause] > rank[effect]]
    return sorted(left_out), exact


def _lightest(matrix: Floats) -> list[int]:
    """The order that leaves the least weight pointing backwards; `matrix[i, j]` weighs i -> j."""
    size = len(matrix)
    best = np.full(1 << size, np.inf)
    best[0] = 0.0
    last = np.zeros(1 << size, np.intp)
    back = _sums(matrix)
    for subset in range(1, 1 << size):
        for node in range(size):
            if subset >> node & 1:
                rest = subset & ~(1 << node)
                weight = best[rest] + back[node, rest]
                if weight < best[subset] - 1e-12:
                    best[subset], last[subset] = weight, node
    order, subset = [], (1 << size) - 1
    while subset:
        order.append(int(last[subset]))
        subset &= ~(1 << int(last[subset]))
    return order[::-1]


def _sums(matrix: Floats) -> Floats:
    """`[node, subset]`: the weight of the arcs from a node into a subset."""
    size = len(matrix)
    sums = np.zeros((size, 1 << size))
    for bit in range(size):
        sums[:, 1 << bit : 2 << bit] = sums[:, : 1 << bit] + matrix[:, bit, None]
    return sums


def _greedy(matrix: Floats) -> list[int]:
    """Each time the variable whose arcs out weigh most above those in, among those not yet placed."""
    left, order = list(range(len(matrix))), []
    while left:
        inside = matrix[np.ix_(left, left)]
        order.append(left.pop(int(np.argmax(np.round(inside.sum(1) - inside.sum(0), 9)))))
    return order


def _improved(matrix: Floats, order: list[int]) -> list[int]:
    """One variable moved at a time to where it makes the backward arcs lightest, until no move does."""
    moved = True
    while moved:
        moved = False
        for node in sorted(order):
            at = order.index(node)
            rest = order[:at] + order[at + 1 :]
            before, after = matrix[rest, node], matrix[node, rest]  # arcs from the others, arcs to them
            weight = np.concatenate(([before.sum()], before.sum() + np.cumsum(after - before)))
            best = int(np.argmin(np.round(weight, 9)))
            if weight[best] < weight[at] - 1e-9:
                order, moved = [*rest[:best], node, *rest[best:]], True
    return order
