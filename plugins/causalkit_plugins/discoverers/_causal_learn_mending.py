"""A foreign search's marks after knowledge: what goes against it is turned where that is sound, else dropped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causalkit.types import Knowledge, Mark

__all__ = ["mend_latent", "mend_sufficient", "readable"]

ARROW, TAIL, CIRCLE = 1, -1, 2
Ends = npt.NDArray[np.int64]
Edges = dict[tuple[str, str], Mark]


def readable(ends: Ends, names: Sequence[str], latent: bool) -> Edges:
    """Marks as edges: (source, target) → mark.

    Where hidden causes are allowed, a tail that only selection could bring about (`---`, `o--`) is a circle: no row
    is taken to be in the log because of its values. Without them, an arrowhead at both ends is a direction not known.
    """
    edges: Edges = {}
    for i, j in zip(*np.nonzero(np.triu((ends != 0) | (ends.T != 0))), strict=True):
        i, j = (i, j) if names[i] < names[j] else (j, i)
        at = (int(ends[j, i]), int(ends[i, j]))  # the marks at i, at j
        if at == (TAIL, ARROW):
            edges[names[i], names[j]] = "->"
        elif at == (ARROW, TAIL):
            edges[names[j], names[i]] = "->"
        elif not latent:
            edges[names[i], names[j]] = "--"
        elif at == (ARROW, ARROW):
            edges[names[i], names[j]] = "<->"
        elif ARROW in at:
            edges[(names[i], names[j]) if at[1] == ARROW else (names[j], names[i])] = "o->"
        else:
            edges[names[i], names[j]] = "o-o"
    return edges


def mend_sufficient(edges: Edges, known: Knowledge, rank: Sequence[tuple[str, str]]) -> tuple[Edges, list[str]]:
    """Edges of a graph without hidden causes, with required ones, none ruled out, and no directed cycle.

    A pair that is joined is joined by one of the two directions: where knowledge rules one out, the other holds.
    `rank` gives the pairs, the surest first: of edges that close a cycle, the least sure is dropped.
    """
    kept: Edges = dict.fromkeys(sorted(known.required), "->")
    turned, dropped = [], []
    ordered = sorted(edges, key=lambda pair: (edges[pair] != "->", rank.index(pair)))
    for a, b in ordered:
        if (a, b) in kept or (b, a) in kept:
            continue
        mark = edges[a, b]
        ways = [(a, b), (b, a)] if mark == "->" else sorted([(a, b), (b, a)])
        may = [way for way in ways if known.allows(*way) and not _reaches(kept, way[1], way[0])]
        if mark == "--" and known.allows(a, b) and known.allows(b, a):
            kept[a, b] = "--"
        elif may:
            kept[may[0]] = "->"
            turned += [(a, b)] * (mark == "->" and may[0] != (a, b))
        else:
            dropped.append((a, b))
    return kept, [*_said("turned, since knowledge leaves one direction", turned), *_said(_DROPPED, dropped)]


_DROPPED = "dropped, since knowledge rules out both directions or they close a cycle"


def mend_latent(edges: Edges, known: Knowledge) -> tuple[Edges, list[str]]:
    """Edges of a graph that allows for hidden causes.

    An edge `a -> b` that is ruled out leaves an arrowhead at a, and nothing is then claimed of b; ruled out both
    ways it is `a <-> b`. From these arrowheads the rules R1, R2, R3 and R8 of Zhang (2008, Artificial Intelligence
    172) orient on; the other rules are not run again, so a circle may stay that they would turn.
    """
    names = sorted({name for pair in (*edges, *known.required) for name in pair})
    at = {name: i for i, name in enumerate(names)}
    ends = np.zeros((len(names), len(names)), np.int64)
    for (a, b), mark in edges.items():
        ends[at[a], at[b]] = CIRCLE if mark == "o-o" else ARROW
        ends[at[b], at[a]] = {"->": TAIL, "<->": ARROW, "o->": CIRCLE, "o-o": CIRCLE}[mark]
    weakened = []
    for a, b in edges:
        for x, y in ((a, b), (b, a)):
            if not known.allows(x, y) and (x, y) not in known.required:
                if ends[at[y], at[x]] == TAIL:
                    weakened.append((a, b))
                    ends[at[x], at[y]] = ARROW if not known.allows(y, x) else CIRCLE
                ends[at[y], at[x]] = ARROW
    for a, b in sorted(known.required):
        ends[at[a], at[b]], ends[at[b], at[a]] = ARROW, TAIL
    _orient(ends)
    loosened = _loosen(ends, names, known)
    notes = _said("no longer read as a cause, since knowledge rules it out", weakened)
    return readable(ends, names, True), [*notes, *_said("left open, since with knowledge they close a cycle", loosened)]


def _orient(ends: Ends) -> None:
    """R1, R2, R3 and R8 until nothing changes; only circles are ever replaced."""
    changed = True
    while changed:
        changed = False
        for b, c in zip(*np.nonzero(ends.T == CIRCLE), strict=True):  # a circle at b of the edge between b and c
            mark = _ruled(ends, int(b), int(c))
            if mark and ends[c, b] == CIRCLE:
                ends[c, b] = mark
                if mark == TAIL and ends[b, c] == CIRCLE:
                    ends[b, c] = ARROW  # R1 gives both ends
                changed = True


def _ruled(ends: Ends, b: int, c: int) -> int:
    """What the circle at b of the edge between b and c must be, or 0."""
    joined = ends != 0
    for a in np.flatnonzero(joined[b] & ~joined[c]):
        if a != c and ends[a, b] == ARROW:
            return TAIL  # R1: a *-> b o-* c
    both = np.flatnonzero(joined[b] & joined[c])
    for a in both:
        into = ends[c, a] == ARROW and ends[a, b] == ARROW
        if into and TAIL in (ends[a, c], ends[b, a]):
            return ARROW  # R2: c -> a *-> b, or c *-> a -> b
        first, then = (ends[a, b], ends[b, a]) == (TAIL, ARROW), (ends[c, a], ends[a, c]) == (TAIL, ARROW)
        if ends[b, c] == ARROW and first and then:
            return TAIL  # R8: b -> a -> c and b o-> c
    heads = [a for a in both if ends[a, b] == ARROW and ends[a, c] == CIRCLE]
    if any(not joined[a, d] for a in heads for d in heads if a != d):
        return ARROW  # R3: a *-> b <-* d, a *-o c o-* d, c *-o b
    return 0


def _loosen(ends: Ends, names: Sequence[str], known: Knowledge) -> list[tuple[str, str]]:
    """Take back tails of the data that lie on a directed cycle; required edges form none."""
    found = []
    while loop := _loop(ends):
        loose = [(i, j) for i, j in loop if (names[i], names[j]) not in known.required]
        i, j = min(loose, key=lambda pair: (names[pair[0]], names[pair[1]]))
        ends[j, i] = CIRCLE
        found.append((names[i], names[j]))
    return found


def _loop(ends: Ends) -> list[tuple[int, int]]:
    import networkx as nx

    arrows = np.argwhere((ends == ARROW) & (ends.T == TAIL))
    try:
        return [(int(a), int(b)) for a, b, *_ in nx.find_cycle(nx.DiGraph(arrows.tolist()))]
    except nx.NetworkXNoCycle:
        return []


def _reaches(edges: Edges, start: str, end: str) -> bool:
    waiting, seen = [start], {start}
    while waiting:
        here = waiting.pop()
        if here == end:
            return True
        following = [b for (a, b), mark in edges.items() if a == here and mark == "->" and b not in seen]
        seen.update(following)
        waiting += following
    return False


def _said(what: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    told = sorted(dict.fromkeys(f"{a} and {b}" for a, b in pairs))
    if not told:
        return []
    rest = f" and {len(told) - 5} other pairs" if len(told) > 5 else ""
    return [f"{what}: {', '.join(told[:5])}{rest}"]
