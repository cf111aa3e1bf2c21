"""What a causal graph says of a design's adjustment set: what to add, what to drop, what to doubt."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from causalkit.errors import DataError
from causalkit.identification.design import Design
from causalkit.identification.dseparation import (
    AdjustmentSets,
    ancestors,
    backdoor_graph,
    blocks,
    descendants,
    identify_graph,
    open_path,
    pruned,
)
from causalkit.identification.latent_reading import doubts_of_hidden_causes, read_trusted_with_hidden_causes
from causalkit.identification.orientations import orientations
from causalkit.identification.reading import Reading, ordered
from causalkit.types import CausalGraph

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Reading", "read_trusted", "read_untrusted"]


def read_untrusted(design: Design, graph: CausalGraph) -> Reading:
    """The design's set, with what the graph says is still missing; everything else only warns."""
    missing = [name for name in (design.treatment, design.outcome) if name not in graph.nodes]
    if missing:
        return Reading(design.adjustment, warnings=(f"the graph does not have {' and '.join(missing)}: not read",))
    found = orientations(graph, focus=(design.treatment, design.outcome))
    if not found.dags:
        return Reading(design.adjustment, warnings=(f"the graph was not read: {found.note}",))
    additions = [_needed(design, dag) for dag in found.dags]
    sets = [ordered(design, {*design.adjustment, *extra}) for extra in additions]
    chosen = ordered(design, {*design.adjustment, *(name for extra in additions for name in extra)})
    doubts = Counter(doubt for dag in found.dags for doubt in _doubts(design, dag, set(chosen)))
    return Reading(
        chosen,
        added=tuple(name for name in chosen if name not in design.adjustment),
        alternatives=_others(sets, chosen),
        warnings=(
            *_counted(doubts, len(found.dags)),
            *([found.note] if found.note else []),
            *(doubts_of_hidden_causes(design, graph) if graph.latent else ()),
        ),
    )


def read_trusted(design: Design, graph: CausalGraph) -> Reading:
    """The set that the graph asks for, over its consistent orientations; in one that allows for hidden causes, the
    set that is right in all of them.

    Raises
    ------
    DataError : the graph has a cycle, its marks contradict each other, or it lacks the treatment or the outcome.
    """
    missing = [name for name in (design.treatment, design.outcome) if name not in graph.nodes]
    if missing:
        raise DataError(
            f"identify.trust_graph is true, and the graph does not have {' and '.join(missing)}",
            "Let discovery see them, or set trust_graph: false.",
        )
    if graph.latent:
        return read_trusted_with_hidden_causes(design, graph)
    found = orientations(graph, focus=(design.treatment, design.outcome))
    if not found.dags:
        raise DataError(
            f"the trusted graph cannot be read: {found.note}", "Break the cycle, or set trust_graph: false."
        )
    observed = (set(design.adjustment) | set(design.addable)) - design.banned
    held = set(design.constant) & set(graph.nodes)
    read = [identify_graph(dag, design.treatment, design.outcome, observed, given=held) for dag in found.dags]
    sets = [ordered(design, set(r.preferred if r.identifiable else ())) for r in read]
    chosen = _most_valid(design, found.dags, read, held)
    failed = [r for r in read if r.causes and not r.identifiable]
    return Reading(
        chosen,
        added=tuple(name for name in chosen if name not in design.adjustment),
        dropped=tuple(name for name in design.adjustment if name not in chosen),
        mediators=_between(design, found.dags),
        identified=not failed,
        no_path=not any(r.causes for r in read),
        reason=_trusted_reason(design, read, failed, chosen),
        alternatives=_others([s for s, r in zip(sets, read, strict=True) if r.identifiable], chosen),
        warnings=(*_trusted_warnings(read), *([found.note] if found.note else [])),
    )


def valid_instruments(design: Design, graph: CausalGraph) -> tuple[str, ...]:
    """Declared instruments that a trusted graph does not contradict.

    One that is a node must reach the treatment, and the outcome only through it: d-separated from the
    outcome without the treatment's outgoing edges, under every orientation.
    """
    dags = orientations(graph, focus=(design.treatment, design.outcome)).dags
    return tuple(
        name
        for name in design.instruments
        if name not in graph.nodes or all(_is_instrument(dag, name, design) for dag in dags)
    )


def _is_instrument(dag: nx.DiGraph[str], name: str, design: Design) -> bool:
    reaches = not blocks(dag, name, design.treatment, ())
    return reaches and blocks(backdoor_graph(dag, design.treatment), name, design.outcome, ())


def _others(sets: list[tuple[str, ...]], chosen: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(dict.fromkeys(s for s in sets if set(s) != set(chosen)))


def _counted(said: Counter[str], count: int) -> list[str]:
    how = {text: "" if n == count else f" (in {n} of {count} orientations)" for text, n in said.items()}
    return [f"the graph says that {text}{how[text]}; it is not trusted, so nothing was dropped" for text in said]


def _needed(design: Design, dag: nx.DiGraph[str]) -> set[str]:
    """What must join the design's set to close the back doors of a DAG; of that, no more than needed."""
    t, y = design.treatment, design.outcome
    caused = descendants(dag, t)
    graph = backdoor_graph(dag, t)
    held = {n for n in (*design.adjustment, *design.constant) if n in dag} - caused
    if blocks(graph, t, y, held):
        return set()
    near = ancestors(dag, t) | ancestors(graph, y)
    may = ({n for n in design.addable if n in dag} & near) - design.banned - caused
    if blocks(graph, t, y, held | may):
        return pruned(graph, t, y, may, held)
    return may & ancestors(dag, t) & ancestors(graph, y)


def _doubts(design: Design, dag: nx.DiGraph[str], chosen: set[str]) -> list[str]:
    """What the DAG holds against reading the effect with the chosen set."""
    t, y = design.treatment, design.outcome
    caused = descendants(dag, t)
    said = [] if y in caused else [f"no directed path leads from {t} to {y}"]
    for name in sorted(chosen & caused):
        what = "a mediator" if y in descendants(dag, name) else "a consequence of the treatment"
        said.append(f"{name}, which is adjusted for, is {what}")
    graph = backdoor_graph(dag, t)
    held = ({n for n in chosen if n in dag} | {n for n in design.constant if n in dag}) - caused
    way = open_path(graph, t, y, held)
    if way:
        colliders = sorted(n for n in chosen & held if _opens(graph, t, y, held, n))
        because = f", opened by adjusting for {', '.join(colliders)}" if colliders else ""
        said.append(f"a back door stays open: {way}{because}")
    return said


def _opens(graph: nx.DiGraph[str], t: str, y: str, held: set[str], name: str) -> bool:
    return blocks(graph, t, y, held - {name})


def _most_valid(
    design: Design, dags: tuple[nx.DiGraph[str], ...], read: list[AdjustmentSets], held: set[str]
) -> tuple[str, ...]:
    """Of the orientations' sets, the one valid under most of them; of these, the largest."""
    t, y = design.treatment, design.outcome
    offered = [s for r in read if r.identifiable for s in (r.preferred, r.maximal)]
    if not offered:
        caused = set().union(*(descendants(dag, t) for dag in dags))
        return tuple(name for name in design.adjustment if name not in caused)

    def valid(names: tuple[str, ...], dag: nx.DiGraph[str]) -> bool:
        caused = descendants(dag, t)
        return not caused & set(names) and blocks(backdoor_graph(dag, t), t, y, set(names) | (held - caused))

    def score(names: tuple[str, ...]) -> tuple[int, bool, int]:
        return sum(valid(names, dag) for dag in dags), any(names == r.preferred for r in read), len(names)

    best: tuple[str, ...] = max(offered, key=score)
    return ordered(design, set(best))


def _between(design: Design, dags: tuple[nx.DiGraph[str], ...]) -> tuple[str, ...]:
    found = [descendants(dag, design.treatment) & ancestors(dag, design.outcome) for dag in dags]
    return tuple(sorted(set().union(*found)))


def _trusted_reason(
    design: Design, read: list[AdjustmentSets], failed: list[AdjustmentSets], chosen: tuple[str, ...]
) -> str:
    if not any(r.causes for r in read):
        return f"The trusted graph has no directed path from {design.treatment} to {design.outcome}."
    if failed:
        share = "" if len(failed) == len(read) else f" in {len(failed)} of {len(read)} orientations"
        return (
            f"Not identified{share}: no observed variables close the back door {failed[0].open_path} "
            "of the trusted graph."
        )
    names = ", ".join(chosen) if chosen else "nothing"
    return f"By the trusted graph: adjusting for {names} closes every back door."


def _trusted_warnings(read: list[AdjustmentSets]) -> list[str]:
    without_path = sum(not r.causes for r in read)
    if without_path in (0, len(read)):
        return []
    return [f"in {without_path} of {len(read)} orientations of the trusted graph, the treatment causes nothing"]
