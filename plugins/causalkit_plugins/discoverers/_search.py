"""PC from a test to a graph: skeleton, colliders, Meek's rules, and the words for what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from causalkit.components import Context
from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, StructurePrior
from causalkit_plugins.discoverers._batches import BatchTest, Bools, Test
from causalkit_plugins.discoverers._orientation import Arrow, Marks, Triple, orient, stuck, weakest_in_cycles
from causalkit_plugins.discoverers._skeleton import Skeleton, find_skeleton
from causalkit_plugins.discoverers._ties import break_ties, directions
from causalkit_plugins.discoverers._votes import middle_shares, recorded_shares


@dataclass(frozen=True)
class Search:
    """How to search; see the fields of `PC`.

    `context` shows progress, and raises once the user has asked to stop; `prior` directs what the data leave open.
    """

    alpha: float
    max_k: int | None
    colliders: Literal["majority", "conservative", "max-p"]
    context: Context = Context()
    prior: StructurePrior | None = None


@dataclass(frozen=True)
class _Found:
    """All that the search found, for the words about it."""

    names: Sequence[str]
    skeleton: Skeleton
    marks: Marks
    left_out: list[Arrow]
    decided: dict[Arrow, Arrow]
    scale: str


def search(
    test: Test | BatchTest, names: Sequence[str], nodes: Sequence[str], knowledge: Knowledge, settings: Search
) -> CausalGraph:
    """The graph over `nodes`, of which `names` (sorted, as `test` counts them) can be tested."""
    allowed, required = _permissions(names, knowledge)
    skeleton = find_skeleton(test, allowed, required, settings.alpha, settings.max_k, settings.context)
    left_out = weakest_in_cycles(skeleton.adjacent, allowed, required, skeleton.kept_p)
    for i, j in left_out:
        skeleton.adjacent[i, j] = skeleton.adjacent[j, i] = False
    colliders, ambiguous = _triples(test, skeleton, allowed, settings)
    marks = orient(skeleton.adjacent, allowed, colliders, ambiguous)
    odds = directions(settings.prior, names) if settings.prior else {}
    found = _Found(names, skeleton, marks, left_out, break_ties(marks, odds), getattr(test, "scale", ""))
    edges = _edges(found, knowledge, settings.prior, odds)
    joined = {frozenset((e.source, e.target)) for e in edges}
    edges += [_required(a, b, knowledge) for a, b in sorted(knowledge.required) if {a, b} not in joined]
    separations = skeleton.separators.named(names)
    return CausalGraph(tuple(nodes), tuple(edges), separations, _notes(found, settings))


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


def _triples(
    test: Test | BatchTest, found: Skeleton, allowed: Bools, settings: Search
) -> tuple[list[Triple], list[Triple]]:
    """Colliders, and triples that are neither collider nor not."""
    if settings.colliders == "max-p":
        shares = recorded_shares(found)
    else:
        shares = middle_shares(test, found, allowed, settings.alpha, settings.context.check)
    below, above = (0.5, 0.5) if settings.colliders == "majority" else (1e-12, 1 - 1e-12)
    colliders = [triple for triple, share in shares.items() if share < below]
    plain = {triple for triple, share in shares.items() if share > above}
    decided = plain.union(colliders)
    return colliders, [triple for triple in shares if triple not in decided]


def _edges(
    found: _Found, knowledge: Knowledge, prior: StructurePrior | None, odds: Mapping[Arrow, float]
) -> list[Edge]:
    edges, names = [], found.names
    for i, j in np.argwhere(np.triu(found.skeleton.adjacent)).tolist():
        if i in found.marks.children[j]:
            i, j = j, i
        a, b = names[i], names[j]
        data = _measured(found, i, j)
        strength = _number(found.skeleton.strength[i, j])
        if (a, b) in knowledge.required:
            edges.append(_required(a, b, knowledge, data, strength))
            continue
        evidence = [*data]
        if not knowledge.allows(b, a):
            evidence.append(Evidence("knowledge", f"direction: {knowledge.because(b, a)}"))
        elif prior is not None and (i, j) in found.decided:
            evidence.append(_believed(names, prior, (i, j), found.decided[i, j], odds))
        mark: Literal["->", "--"] = "->" if j in found.marks.children[i] else "--"
        edges.append(Edge(a, b, mark, _confidence(data), tuple(evidence), strength))
    return edges


def _believed(
    names: Sequence[str], prior: StructurePrior, arrow: Arrow, cause: Arrow, odds: Mapping[Arrow, float]
) -> Evidence:
    """Why a prior directs an edge that the data left open."""
    source: Literal["llm", "knowledge"] = "knowledge" if prior.source == "knowledge" else "llm"
    told = f"log odds {odds[cause]:.2f} of {prior.source}"
    if arrow == cause:
        return Evidence(source, f"direction: {told}; the data leave it open")
    return Evidence(source, f"direction: follows of {names[cause[0]]} -> {names[cause[1]]}, {told}")


def _measured(found: _Found, i: int, j: int) -> tuple[Evidence, ...]:
    """The evidence of the data for an edge; none where it could not be tested."""
    p = _number(found.skeleton.kept_p[i, j])
    scale = f"; strength: {found.scale}" if found.scale else ""
    return () if p is None else (Evidence("data", f"largest p-value of its tests{scale}", p),)


def _confidence(data: Sequence[Evidence]) -> float:
    p = data[0].p_value if data else None
    return 0.0 if p is None else float(np.clip(1 - p, 0, 1))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _required(
    a: str, b: str, knowledge: Knowledge, data: Sequence[Evidence] = (), strength: float | None = None
) -> Edge:
    evidence = (Evidence("knowledge", f"required: {knowledge.because(a, b)}"), *data)
    return Edge(a, b, "->", 1.0, evidence, strength)


def _notes(found: _Found, settings: Search) -> tuple[str, ...]:
    skeleton, names = found.skeleton, found.names
    hubs = ", ".join(f"{names[i]} (at {size})" for i, size in sorted(skeleton.hubs.items()))
    never = _some([f"{names[i]} and {names[j]}" for i, j in skeleton.never], "pairs")
    said = {
        f"conditioning sets were bounded at {settings.max_k}: more edges may be separable": skeleton.capped,
        f"conditioning sets were bounded for variables with many neighbours: {hubs}": bool(hubs),
        f"{skeleton.untested} tests were left out: too few units, or nothing left to vary": skeleton.untested,
        f"left without an edge, since there are too few units at which both vary: {never}": bool(never),
    }
    return (*(text for text, holds in said.items() if holds), *_conflicts(found))


def _conflicts(found: _Found) -> tuple[str, ...]:
    """Where the evidence contradicts itself, or what is known."""
    marks, names = found.marks, found.names
    left_out = _some([f"{names[i]} -> {names[j]}" for i, j in found.left_out], "edges")
    plain = not (marks.undecided or marks.settled or marks.ambiguous or marks.cycles)
    knot = _some([names[i] for i in stuck(marks)], "variables") if plain else ""
    said = {
        f"left out, since what is known would make them part of a cycle: {left_out}": bool(left_out),
        f"{len(marks.undecided)} edges left undirected, since the evidence points both ways": len(marks.undecided),
        f"{len(marks.settled)} edges for which the evidence points both ways go the one that makes no cycle": len(
            marks.settled
        ),
        f"{len(marks.ambiguous)} open triples are neither collider nor not": len(marks.ambiguous),
        f"{marks.against_knowledge} colliders that the data suggest go against what is known": marks.against_knowledge,
        f"{marks.cycles} directed cycles lost their directions": marks.cycles,
        f"no acyclic graph agrees with all that was found, since tests contradict each other around {knot}": bool(knot),
        f"{len(found.decided)} edges that the data leave open were directed by the prior": len(found.decided),
    }
    return tuple(text for text, holds in said.items() if holds)


def _some(named: Sequence[str], what: str) -> str:
    """The first five by name, and how many more."""
    rest = f" and {len(named) - 5} other {what}" if len(named) > 5 else ""
    return ", ".join(named[:5]) + rest
