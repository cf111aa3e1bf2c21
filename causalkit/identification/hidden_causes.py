"""Adjustment in graphs that allow for hidden causes (PAGs), by the generalised adjustment criterion.

The criterion is that of Perković, Textor, Kalisch & Maathuis (2018, JMLR 18:220): a set that meets it is right
for every graph, hidden causes and all, that the PAG stands for, and where none meets it, none is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from causalkit.identification.dseparation import AdjustmentSets, ancestors_of, descendants, separating
from causalkit.identification.orientations import latent_name
from causalkit.types import CausalGraph

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["HiddenCauses", "Marks", "identify_with_hidden_causes"]

End = Literal["tail", "arrow", "circle"]
_ENDS: dict[str, tuple[End, End]] = {
    "->": ("tail", "arrow"),
    "<->": ("arrow", "arrow"),
    "o->": ("circle", "arrow"),
    "o-o": ("circle", "circle"),
    "--": ("circle", "circle"),
}


class Marks:
    """A PAG by its marks: `at[a][b]` is the mark at b of the edge between a and b."""

    def __init__(self, graph: CausalGraph) -> None:
        self.at: dict[str, dict[str, End]] = {name: {} for name in sorted(graph.nodes)}
        for edge in graph.edges:
            self.at[edge.target][edge.source], self.at[edge.source][edge.target] = _ENDS[edge.mark]

    def into(self, a: str, b: str) -> bool:
        """Whether the edge between a and b has an arrowhead at b."""
        return self.at[a].get(b) == "arrow"

    def causes(self, a: str, b: str) -> bool:
        """Whether the edge is a -> b."""
        return self.into(a, b) and self.at[b][a] == "tail"

    def may_cause(self, start: str, without: Collection[str] = ()) -> set[str]:
        """Nodes that a possibly directed path leads to from `start`, itself among them, not through `without`."""
        waiting, seen = [start], {start}
        while waiting:
            here = waiting.pop()
            new = {b for b in self.at[here] if not self.into(b, here)} - seen - set(without)
            seen |= new
            waiting += new
        return seen

    def visible(self, a: str, b: str) -> bool:
        """Whether a -> b cannot hide a common cause (Zhang 2008, JMLR 9, definition 8).

        Some node that b is not joined to has an edge into a, or a path of colliders into a, each a cause of b.
        """
        waiting, seen = [a], {a, b}
        while waiting:
            here = waiting.pop()
            for other in self.at[here]:
                if other in seen or not self.into(other, here):
                    continue
                if b not in self.at[other]:
                    return True
                if self.into(here, other) and self.causes(other, b):
                    seen.add(other)
                    waiting.append(other)
        return False

    def one_dag(self, first: str) -> nx.DiGraph[str]:
        """One of the graphs that it stands for, as a DAG with a node for each hidden cause.

        `o->` becomes `->`, and what is `o-o` a DAG without new colliders and without a new edge into `first`
        (Zhang 2008, Artificial Intelligence 172, theorem 2): each edge points from the earlier of two in an order of
        greatest count of earlier neighbours.
        """
        import networkx as nx

        place = {name: i for i, name in enumerate(self._order(first))}
        dag: nx.DiGraph[str] = nx.DiGraph()
        dag.add_nodes_from(self.at)
        for a, b in self._pairs():
            at_a, at_b = self.at[b][a], self.at[a][b]
            if at_a == at_b == "arrow":
                dag.add_edges_from([(latent_name(a, b), a), (latent_name(a, b), b)])
            elif "arrow" in (at_a, at_b):
                dag.add_edge(*((a, b) if at_b == "arrow" else (b, a)))
            else:
                dag.add_edge(*sorted((a, b), key=place.__getitem__))
        return dag

    def _pairs(self) -> Iterator[tuple[str, str]]:
        return ((a, b) for a in self.at for b in self.at[a] if a < b)

    def _circles(self, a: str) -> set[str]:
        return {b for b in self.at[a] if not self.into(a, b) and not self.into(b, a)}

    def _order(self, first: str) -> list[str]:
        order = [first]
        while len(order) < len(self.at):
            left = [name for name in self.at if name not in order]
            order.append(max(left, key=lambda name: len(self._circles(name) & set(order))))
        return order

    def faults(self, dag: nx.DiGraph[str]) -> str:
        """What keeps the marks from standing for any graph, in words; empty where nothing does."""
        import networkx as nx

        if not nx.is_directed_acyclic_graph(dag):
            return "its directed edges form a cycle"
        for a, b in self._pairs():
            if self.into(a, b) and self.into(b, a) and (b in descendants(dag, a) or a in descendants(dag, b)):
                return f"{a} <-> {b} says that neither causes the other, and other edges say that one does"
        for b in self.at:
            tails = [a for a in self._circles(b) if dag.has_edge(a, b)]
            if any(c not in self.at[a] for a, c in combinations(tails, 2)):
                return f"its edges of unknown direction at {b} have no orientation without a new collider"
        return ""


@dataclass(frozen=True)
class HiddenCauses:
    """What a PAG says of reading treatment → outcome.

    Parameters
    ----------
    sets : adjustment sets that are right in every graph that the PAG stands for.
    sure : whether the treatment causes the outcome in every one of them; `sets.causes`: in some.
    between : what may lie between the two.
    reason : why there is no such set, in words; empty where there is one.
    fault : why the marks cannot be right together; empty where they can.
    """

    sets: AdjustmentSets
    sure: bool = False
    between: frozenset[str] = frozenset()
    reason: str = ""
    fault: str = ""


def identify_with_hidden_causes(
    graph: CausalGraph, treatment: str, outcome: str, observed: Collection[str], *, given: Collection[str] = ()
) -> HiddenCauses:
    """Observed sets that meet the generalised adjustment criterion in a PAG.

    Parameters
    ----------
    graph
        A PAG (`graph.latent`); `--` counts as `o-o`.
    treatment, outcome
        Two of its nodes.
    observed
        Nodes that may be adjusted for; treatment and outcome may be among them.
    given
        Nodes that are always conditioned on (such as what is constant within an item).
    """
    marks = Marks(graph)
    between = frozenset(
        v for v in marks.may_cause(treatment) - {treatment} if outcome in marks.may_cause(v, {treatment})
    )
    dag = marks.one_dag(treatment)
    fault = marks.faults(dag)
    causes = outcome in between
    sure = outcome in descendants(graph.directed(), treatment)
    first = sorted(v for v in marks.at[treatment] if v in between)
    hidden = [v for v in first if not (marks.causes(treatment, v) and marks.visible(treatment, v))]
    if fault or hidden:
        why = fault or _hidden(marks, treatment, hidden, outcome)
        return HiddenCauses(AdjustmentSets(False, causes), sure, between - {outcome}, why, fault)
    banned = {d for v in between for d in marks.may_cause(v)} | {treatment, outcome}
    doors = dag.copy()
    doors.remove_edges_from([(treatment, v) for v in first])
    allowed = ({n for n in observed if n in marks.at} - banned) - set(given)
    held = {n for n in given if n in marks.at} - banned
    near = allowed & ancestors_of(dag, {treatment, outcome} | held)
    sets = replace(separating(dag, doors, treatment, outcome, near, allowed - near, held), causes=causes)
    reason = "" if sets.identifiable else f"no observed variables close the back door {sets.open_path}"
    return HiddenCauses(sets, sure, between - {outcome}, reason)


def _hidden(marks: Marks, treatment: str, hidden: list[str], outcome: str) -> str:
    """Why the first step towards the outcome is not known to be an effect of the treatment alone."""
    name = hidden[0]
    if marks.causes(treatment, name):
        said = f"{treatment} -> {name} may hide a common cause of the two, which nothing in the graph rules out"
    else:
        mark = "o->" if marks.into(treatment, name) else "o-o"
        said = f"{treatment} {mark} {name} leaves open whether {treatment} is a cause of {name}"
    others = f" (so may {len(hidden) - 1} more of its edges)" if len(hidden) > 1 else ""
    return said + others + ("" if name == outcome else f", from which a path may lead to {outcome}")
