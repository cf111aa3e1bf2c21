"""PC from a test to a graph: skeleton, colliders, Meek's rules, and the words for what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from causalkit.components import Context
from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, Separation
from causalkit_plugins.discoverers._orientation import Marks, Triple, orient
from causalkit_plugins.discoverers._skeleton import Bools, Skeleton, Test, find_skeleton, middle_shares


@dataclass(frozen=True)
class Search:
    """How to search; see the fields of `PC`. `context` shows progress, and raises once the user has asked to stop."""

    alpha: float
    max_k: int | None
    colliders: Literal["majority", "conservative", "max-p"]
    context: Context = Context()


def search(
    test: Test, names: Sequence[str], nodes: Sequence[str], knowledge: Knowledge, settings: Search
) -> CausalGraph:
    """The graph over `nodes`, of which `names` (sorted, as `test` counts them) can be tested."""
    allowed, required = _permissions(names, knowledge)
    found = find_skeleton(test, allowed, required, settings.alpha, settings.max_k, settings.context)
    colliders, ambiguous = _triples(test, found, allowed, settings)
    marks = orient(found.adjacent, allowed, colliders, ambiguous)
    edges = _edges(names, found, marks, knowledge)
    joined = {frozenset((e.source, e.target)) for e in edges}
    edges += [_required(a, b, knowledge) for a, b in sorted(knowledge.required) if {a, b} not in joined]
    separations = [
        Separation(names[i], names[j], tuple(names[k] for k in given), p)
        for (i, j), (given, p) in sorted(found.separators.items())
    ]
    return CausalGraph(tuple(nodes), tuple(edges), tuple(separations), _notes(names, found, marks, settings))


def _permissions(names: Sequence[str], knowledge: Knowledge) -> tuple[Bools, Bools]:
    size = len(names)
    tiers = np.array([np.nan if (tier := knowledge.tiers.get(n)) is None else tier for n in names], float)
    allowed = ~(tiers[:, None] > tiers[None, :]) & ~np.eye(size, dtype=bool)
    required = np.zeros((size, size), bool)
    place = {name: at for at, name in enumerate(names)}
    for a, b in knowledge.forbidden:
        if a in place and b in place:
            allowed[place[a], place[b]] = False
    for a, b in knowledge.required:
        if a in place and b in place:
            allowed[place[b], place[a]] = False
            required[place[a], place[b]] = required[place[b], place[a]] = True
    return allowed, required


def _triples(test: Test, found: Skeleton, allowed: Bools, settings: Search) -> tuple[list[Triple], list[Triple]]:
    """Colliders, and triples that are neither collider nor not."""
    if settings.colliders == "max-p":
        shares = _recorded(found)
    else:
        shares = middle_shares(test, found, allowed, settings.alpha, settings.context.check)
    below, above = (0.5, 0.5) if settings.colliders == "majority" else (1e-12, 1 - 1e-12)
    colliders = [triple for triple, share in shares.items() if share < below]
    plain = {triple for triple, share in shares.items() if share > above}
    return colliders, [triple for triple in shares if triple not in plain and triple not in set(colliders)]


def _recorded(found: Skeleton) -> dict[Triple, float]:
    from causalkit_plugins.discoverers._skeleton import unshielded

    separated = found.separators
    return {
        (i, k, j): float(k in separated[i, j][0]) if (i, j) in separated else float("nan")
        for i, k, j in unshielded(found.adjacent)
    }


def _edges(names: Sequence[str], found: Skeleton, marks: Marks, knowledge: Knowledge) -> list[Edge]:
    edges = []
    for i, j in np.argwhere(np.triu(found.adjacent)):
        if marks.directed[j, i]:
            i, j = j, i
        a, b = names[i], names[j]
        p = float(found.kept_p[i, j])
        if (a, b) in knowledge.required:
            edges.append(_required(a, b, knowledge, p))
            continue
        evidence = [Evidence("data", "largest p-value of the tests it survived", p)]
        if marks.directed[i, j] and not knowledge.allows(b, a):
            evidence.append(Evidence("knowledge", f"direction: {knowledge.because(b, a)}"))
        mark: Literal["->", "--"] = "->" if marks.directed[i, j] else "--"
        edges.append(Edge(a, b, mark, float(np.clip(1 - p, 0, 1)), tuple(evidence)))
    return edges


def _required(a: str, b: str, knowledge: Knowledge, p: float = float("nan")) -> Edge:
    evidence = [Evidence("knowledge", f"required: {knowledge.because(a, b)}")]
    if not np.isnan(p):
        evidence.append(Evidence("data", "largest p-value of its tests", p))
    return Edge(a, b, "->", 1.0, tuple(evidence))


def _notes(names: Sequence[str], found: Skeleton, marks: Marks, settings: Search) -> tuple[str, ...]:
    hubs = ", ".join(f"{names[i]} (at {size})" for i, size in sorted(found.hubs.items()))
    undecided = int(np.triu(marks.undecided).sum())
    never = ", ".join(f"{names[i]} and {names[j]}" for i, j in found.never[:5])
    never += f" and {len(found.never) - 5} other pairs" if len(found.never) > 5 else ""
    said = {
        f"conditioning sets were bounded at {settings.max_k}: more edges may be separable": found.capped,
        f"conditioning sets were bounded for variables with many neighbours: {hubs}": bool(hubs),
        f"{found.untested} tests were left out: too few units, or nothing left to vary": found.untested,
        f"left without an edge, since there are too few units at which both vary: {never}": bool(found.never),
        f"{undecided} edges left undirected, since the evidence points both ways": undecided,
        f"{len(marks.ambiguous)} open triples are neither collider nor not": len(marks.ambiguous),
        f"{marks.against_knowledge} colliders that the data suggest go against what is known": marks.against_knowledge,
        f"{marks.cycles} directed cycles lost their directions": marks.cycles,
    }
    return tuple(text for text, holds in said.items() if holds)
