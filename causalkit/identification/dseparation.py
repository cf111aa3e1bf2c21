"""Adjustment sets of a DAG with unobserved nodes, by d-separation."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx

__all__ = [
    "AdjustmentSets",
    "ancestors",
    "backdoor_graph",
    "blocks",
    "descendants",
    "identify_graph",
    "informative",
    "open_path",
    "pruned",
]


@dataclass(frozen=True)
class AdjustmentSets:
    """What a DAG says of reading treatment → outcome from observed variables.

    Parameters
    ----------
    identifiable : whether an observed back-door set exists.
    causes : whether a directed path leads from treatment to outcome.
    minimal : a set of which no part can be left out.
    maximal : a set to which no observed variable can be added.
    preferred : `maximal` without what says nothing of the outcome once the rest is known
        (it would only cost precision; Henckel, Perković & Maathuis 2022).
    open_path : where none exists, a back-door path that stays open.
    """

    identifiable: bool
    causes: bool
    minimal: tuple[str, ...] = ()
    maximal: tuple[str, ...] = ()
    preferred: tuple[str, ...] = ()
    open_path: str = ""


def identify_graph(
    dag: nx.DiGraph[str], treatment: str, outcome: str, observed: Collection[str], *, given: Collection[str] = ()
) -> AdjustmentSets:
    """Observed sets that meet the back-door criterion (Pearl 1993) in `dag`.

    A set exists if and only if the observed ancestors of treatment and outcome that the treatment
    does not cause are one (van der Zander, Liśkiewicz & Textor 2019, Artificial Intelligence 270).

    Parameters
    ----------
    dag
        Edges from cause to effect.
    treatment, outcome
        Two of its nodes.
    observed
        Nodes that may be adjusted for; treatment and outcome may be among them.
    given
        Nodes that are always conditioned on (such as what is constant within an item).
    """
    graph = backdoor_graph(dag, treatment)
    caused = descendants(dag, treatment)
    allowed = {n for n in observed if n in dag} - caused - {treatment, outcome} - set(given)
    held = set(given) - caused - {treatment, outcome}
    near = allowed & ancestors_of(dag, {treatment, outcome} | held)
    further = allowed - near - descendants(dag, outcome)
    return replace(separating(dag, graph, treatment, outcome, near, further, held), causes=outcome in caused)


def separating(
    dag: nx.DiGraph[str],
    doors: nx.DiGraph[str],
    treatment: str,
    outcome: str,
    near: set[str],
    further: Collection[str],
    held: set[str],
) -> AdjustmentSets:
    """Sets that separate treatment and outcome in `doors`, `held` beside them: of `near`, and of `further` too.

    `near` is a set that separates them if any does; whether the treatment causes the outcome is left to the caller.
    """
    if not blocks(doors, treatment, outcome, near | held):
        return AdjustmentSets(False, False, open_path=open_path(doors, treatment, outcome, near | held))
    maximal = set(near)
    for node in sorted(further):
        if blocks(doors, treatment, outcome, maximal | held | {node}):
            maximal.add(node)
    minimal = pruned(doors, treatment, outcome, near, held)
    preferred = informative(dag, doors, treatment, outcome, maximal, held)
    return AdjustmentSets(True, False, _sorted(minimal), _sorted(maximal), _sorted(preferred))


def _sorted(nodes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(nodes))


def backdoor_graph(dag: nx.DiGraph[str], treatment: str) -> nx.DiGraph[str]:
    """The DAG without the edges out of the treatment."""
    graph = dag.copy()
    graph.remove_edges_from(list(dag.out_edges(treatment)))
    return graph


def blocks(graph: nx.DiGraph[str], a: str, b: str, given: Collection[str]) -> bool:
    """Whether `given` d-separates two nodes."""
    import networkx as nx

    return bool(nx.is_d_separator(graph, {a}, {b}, set(given)))


def pruned(graph: nx.DiGraph[str], a: str, b: str, nodes: Iterable[str], held: Collection[str]) -> set[str]:
    """Of a separating set, what is left when nothing more can be left out, `held` kept."""
    kept = set(nodes)
    for node in sorted(kept):
        if blocks(graph, a, b, (kept - {node}) | set(held)):
            kept.remove(node)
    return kept


def informative(
    dag: nx.DiGraph[str],
    backdoor: nx.DiGraph[str],
    treatment: str,
    outcome: str,
    nodes: Collection[str],
    held: Collection[str],
) -> set[str]:
    """Of a separating set, what is left without that which says nothing of the outcome once the rest is known."""
    kept = set(nodes)
    for node in sorted(kept):
        rest = (kept - {node}) | set(held)
        silent = blocks(dag, node, outcome, rest | {treatment})
        if silent and blocks(backdoor, treatment, outcome, rest):
            kept.remove(node)
    return kept


def descendants(dag: nx.DiGraph[str], node: str) -> set[str]:
    """What a node causes, directly or not."""
    import networkx as nx

    found: set[str] = nx.descendants(dag, node)
    return found


def ancestors(dag: nx.DiGraph[str], node: str) -> set[str]:
    """What causes a node, directly or not."""
    import networkx as nx

    found: set[str] = nx.ancestors(dag, node)
    return found


def ancestors_of(dag: nx.DiGraph[str], nodes: Iterable[str]) -> set[str]:
    """The nodes, those of `dag` alone, and all that cause any of them."""
    return {a for node in nodes if node in dag for a in (*ancestors(dag, node), node)}


def open_path(graph: nx.DiGraph[str], start: str, end: str, given: Collection[str]) -> str:
    """A shortest path that `given` leaves open, as text such as `a <- b -> c`; empty where none is."""
    given = set(given)
    opened = ancestors_of(graph, given)
    first = (start, False)
    came: dict[tuple[str, bool], tuple[tuple[str, bool], str]] = {}
    queue = deque([first])
    while queue:
        state = queue.popleft()
        if state[0] == end:
            return _written(state, first, came)
        for following in _moves(graph, state, state == first, given, opened):
            if following not in came and following[0] != start:
                came[following] = (state, "->" if following[1] else "<-")
                queue.append(following)
    return ""


def _moves(
    graph: nx.DiGraph[str], state: tuple[str, bool], first: bool, given: set[str], opened: set[str]
) -> list[tuple[str, bool]]:
    """Where an active path goes next; a state is a node and whether an arrow led into it."""
    node, by_arrow = state
    to_effects = [(n, True) for n in sorted(graph.successors(node))]
    to_causes = [(n, False) for n in sorted(graph.predecessors(node))]
    if first:
        return to_causes + to_effects
    if not by_arrow:
        return [] if node in given else to_causes + to_effects
    through = [] if node in given else to_effects
    return through + (to_causes if node in opened else [])


def _written(
    state: tuple[str, bool], first: tuple[str, bool], came: dict[tuple[str, bool], tuple[tuple[str, bool], str]]
) -> str:
    text = state[0]
    while state != first:
        state, arrow = came[state]
        text = f"{state[0]} {arrow} {text}"
    return text
