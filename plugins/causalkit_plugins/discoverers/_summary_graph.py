"""From a graph over columns and their past to one over the columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from causalkit.types import CausalGraph, Edge, Evidence, Knowledge
from causalkit_plugins.discoverers._unrolling import Unrolled, lagged_name

__all__ = ["steady", "summarise", "with_fixed"]

Directed = tuple[str, str]


def steady(graph: CausalGraph, made: Unrolled) -> CausalGraph:
    """The graph with the edges into the latest period copied to the earlier ones, in place of what was found there."""
    latest = [edge for edge in graph if _is_latest(edge, made)]
    most = max(lag for _, lag in made.of.values())
    copies = [moved for edge in latest for lag in range(1, most + 1) if (moved := _shifted(edge, lag, made))]
    between = [edge for edge in graph if {edge.source, edge.target} <= made.fixed]
    kept = {frozenset((edge.source, edge.target)) for edge in (*latest, *copies, *between)}
    found = [edge for edge in graph if not _is_latest(edge, made) and edge not in between]
    other = sum(frozenset((edge.source, edge.target)) not in kept for edge in found)
    said = f"{other} edges among earlier periods alone were left out: their own past is not in the table"
    notes = (*graph.notes, said) if other else graph.notes
    apart = tuple(s for s in graph.separations if frozenset((s.a, s.b)) not in kept)
    edges = {frozenset((edge.source, edge.target)): edge for edge in (*copies, *latest, *between)}
    return replace(graph, edges=tuple(edges.values()), separations=apart, notes=notes)


def with_fixed(graph: CausalGraph, made: Unrolled, among: CausalGraph) -> CausalGraph:
    """The graph with what joins and separates the columns that never change taken from `among`."""
    edges = (*(e for e in graph if not {e.source, e.target} <= made.fixed), *among.edges)
    apart = (*(s for s in graph.separations if not {s.a, s.b} <= made.fixed), *among.separations)
    notes = (*graph.notes, *(note for note in among.notes if note not in graph.notes))
    return replace(graph, edges=edges, separations=apart, notes=notes)


def _is_latest(edge: Edge, made: Unrolled) -> bool:
    """Whether an end that changes is in the latest period."""
    return any(made.of[name][1] == 0 and name not in made.fixed for name in (edge.source, edge.target))


def _shifted(edge: Edge, lag: int, made: Unrolled) -> Edge | None:
    """The same edge `lag` periods earlier; None where that reaches back beyond the table."""
    ends = []
    for name in (edge.source, edge.target):
        base, back = made.of[name]
        ends.append(name if name in made.fixed else lagged_name(base, back + lag))
    if any(end not in made.of for end in ends):
        return None
    copied = tuple(replace(told, detail=f"as {lag} later: {told.detail}") for told in edge.evidence)
    return replace(edge, source=ends[0], target=ends[1], evidence=copied)


def summarise(
    graph: CausalGraph, names: tuple[str, ...], made: Unrolled, known: Knowledge, notes: Sequence[str]
) -> CausalGraph:
    """One edge for two columns: that of one period, else the surest that reaches from earlier ones.

    What reaches from an earlier period joins the summary where the pair has no edge within a period, knowledge allows
    it, and no cycle closes; all of it is named in a note.
    """
    latest = [edge for edge in graph if _is_latest(edge, made) or {edge.source, edge.target} <= made.fixed]
    now = [e for e in latest if not any(made.of[n][1] for n in (e.source, e.target))]
    before = sorted(
        (e for e in latest if e not in now), key=lambda e: (-e.confidence, -(e.strength or 0), e.source, e.target)
    )
    merged = {frozenset((e.source, e.target)): e for e in now}
    crossing = [(e, *_bases(e, made)) for e in before]
    for edge, a, b in crossing:
        pair = frozenset((a, b))
        if a == b:
            continue
        if pair in merged:
            merged[pair] = _with_lag(merged[pair], edge)
        elif _fits(edge, a, b, list(merged.values()), known):
            merged[pair] = replace(edge, source=a, target=b, evidence=tuple(_told(edge)))
    over_time = [f"{edge}" for edge, _, _ in sorted(crossing, key=lambda c: (str(c[0]), c[1]))]
    kept = {frozenset((e.source, e.target)) for e in merged.values()}
    lost = [f"{edge}" for edge, a, b in crossing if a != b and frozenset((a, b)) not in kept]
    said = [
        *notes,
        *graph.notes,
        *([f"across periods: {', '.join(over_time)}"] if over_time else []),
        *([f"not in the summary, against knowledge or in a cycle: {', '.join(lost)}"] if lost else []),
    ]
    separations = tuple(
        s for s in graph.separations if s.a in names and s.b in names and frozenset((s.a, s.b)) not in kept
    )
    opinions = tuple(o for o in graph.opinions if o.a in names and o.b in names)
    edges = tuple(sorted(merged.values(), key=lambda e: (e.source, e.target)))
    return CausalGraph(names, edges, separations, tuple(said), opinions, graph.latent)


def _bases(edge: Edge, made: Unrolled) -> Directed:
    return made.of[edge.source][0], made.of[edge.target][0]


def _told(edge: Edge) -> Iterator[Evidence]:
    return (replace(evidence, detail=f"{edge}: {evidence.detail}") for evidence in edge.evidence)


def _with_lag(edge: Edge, lagged: Edge) -> Edge:
    return replace(edge, evidence=(*edge.evidence, *_told(lagged)))


def _fits(edge: Edge, a: str, b: str, others: Sequence[Edge], known: Knowledge) -> bool:
    if edge.mark != "->":
        return True
    return known.allows(a, b) and not _leads(others, b, a)


def _leads(edges: Sequence[Edge], start: str, end: str) -> bool:
    waiting, seen = [start], {start}
    while waiting:
        here = waiting.pop()
        following = {e.target for e in edges if e.mark == "->" and e.source == here} - seen
        seen |= following
        waiting += following
    return end in seen
