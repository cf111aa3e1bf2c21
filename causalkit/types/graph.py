"""A causal graph whose edges carry a mark, a confidence and their evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from causalkit.errors import DataError, nearest

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["CausalGraph", "Edge", "Evidence", "Mark", "Opinion", "Relation", "Separation"]

Mark = Literal["->", "--", "<->", "o->", "o-o"]
Relation = Literal["a->b", "b->a", "none", "unsure"]
SHOWN = 12
"""Edges that `repr` shows, the surest first."""


@dataclass(frozen=True)
class Evidence:
    """Why an edge is there: from `data`, an `llm`, or `knowledge`, and what it said."""

    source: Literal["data", "llm", "knowledge"]
    detail: str = ""
    p_value: float | None = None

    @property
    def words(self) -> str:
        """In words.

        >>> Evidence("data", "largest of its tests", 0.00031).words
        'data: p = 0.00031, largest of its tests'
        """
        p = None if self.p_value is None else f"p = {self.p_value:.2g}" if self.p_value > 0 else "p < 1e-300"
        told = ", ".join(part for part in (p, self.detail) if part)
        return f"{self.source}: {told}" if told else self.source


@dataclass(frozen=True)
class Edge:
    """`source mark target`, with a confidence in [0, 1] and the evidence for it.

    `strength` is how strong the dependence is, on the scale that the evidence names (a partial correlation, nats
    of mutual information …); None where the discoverer has none.
    """

    source: str
    target: str
    mark: Mark = "->"
    confidence: float = 1.0
    evidence: tuple[Evidence, ...] = ()
    strength: float | None = None

    def __str__(self) -> str:
        return f"{self.source} {self.mark} {self.target}"


@dataclass(frozen=True)
class Separation:
    """Two nodes found independent given `given`, with the p-value of that test."""

    a: str
    b: str
    given: tuple[str, ...]
    p_value: float


@dataclass(frozen=True)
class Opinion:
    """One answer of a language model (or a person) about two variables.

    Parameters
    ----------
    a, b : the two, in the order in which they were asked about.
    said : the direction, `none` for no direct cause either way, `unsure` where it would not say.
    probabilities : the probability that the model gave each answer, where it gives them.
    model : who answered. `repeat` : which of several independent answers to one prompt.
    """

    a: str
    b: str
    said: Relation
    model: str = ""
    repeat: int = 0
    probabilities: Mapping[Relation, float] | None = None


@dataclass(frozen=True)
class CausalGraph:
    """Named nodes and typed edges; at most one edge between two nodes.

    Parameters
    ----------
    nodes : names, in order.
    edges : edges between them.
    separations : for pairs without an edge, what separated them, where a discoverer tested it.
    notes : what a reader must know (tests capped, variables left out …).
    opinions : every answer about a pair that the graph took into account, abstentions among them.
    latent : whether the graph allows for hidden common causes (a PAG): there `a -> b` says that a causes b, and
        not that nothing unseen causes both.
    resampled : distinct graphs of some resamples of the rows, where a discoverer drew any: effects are read over these
        too.
    """

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...] = ()
    separations: Sequence[Separation] = ()
    notes: tuple[str, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    latent: bool = False
    resampled: tuple[CausalGraph, ...] = ()

    def __post_init__(self) -> None:
        seen: set[frozenset[str]] = set()
        known = set(self.nodes)
        for edge in self.edges:
            for name in (edge.source, edge.target):
                if name not in known:
                    raise DataError(f"edge {edge} names {name!r}, which is no node{nearest(name, self.nodes)}")
            pair = frozenset((edge.source, edge.target))
            if len(pair) == 1 or pair in seen:
                raise DataError(f"edge {edge} is doubled or joins a node to itself")
            if not 0 <= edge.confidence <= 1:
                raise DataError(f"edge {edge} has confidence {edge.confidence}, outside [0, 1]")
            seen.add(pair)

    def __repr__(self) -> str:
        surest = sorted(self.edges, key=lambda edge: -edge.confidence)[:SHOWN]
        told = ", ".join(str(edge) for edge in surest)
        rest = " …" if len(self.edges) > SHOWN else ""
        return f"CausalGraph({len(self.nodes)} nodes, {len(self.edges)} edges{': ' if told else ''}{told}{rest})"

    def __iter__(self) -> Iterator[Edge]:
        return iter(self.edges)

    def edge(self, a: str, b: str) -> Edge | None:
        """The edge between two nodes, whichever way it was written, or None."""
        return next((e for e in self.edges if {e.source, e.target} == {a, b}), None)

    def directed(self) -> nx.DiGraph[str]:
        """The `->` edges as a networkx graph; other edges are left out."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.nodes)
        graph.add_edges_from((e.source, e.target) for e in self.edges if e.mark == "->")
        return graph

    def undirected(self) -> tuple[Edge, ...]:
        """Edges whose direction is not known (`--`, `o-o`)."""
        return tuple(e for e in self.edges if e.mark in ("--", "o-o"))

    def to_networkx(self) -> nx.DiGraph[str]:
        """Every edge as `source → target` with attributes `mark`, `confidence`, and `strength` where it has one;
        the graph attribute `latent` is 1 where hidden causes are allowed for.
        """
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.nodes)
        for e in self.edges:
            strength = {} if e.strength is None else {"strength": float(e.strength)}
            graph.add_edge(e.source, e.target, mark=e.mark, confidence=float(e.confidence), **strength)
        if self.latent:
            graph.graph["latent"] = 1
        return graph

    @classmethod
    def from_networkx(cls, graph: nx.DiGraph[str]) -> CausalGraph:
        """The inverse of `to_networkx`; edges without a mark are `->`."""
        edges = (
            Edge(
                str(a),
                str(b),
                data.get("mark", "->"),
                float(data.get("confidence", 1.0)),
                strength=None if data.get("strength") is None else float(data["strength"]),
            )
            for a, b, data in graph.edges(data=True)
        )
        return cls(tuple(str(n) for n in graph.nodes), tuple(edges), latent=bool(graph.graph.get("latent")))

    def to_adjacency(self) -> npt.NDArray[np.int8]:
        """`[n, n]`: row i, column j is 1 where `i -> j`; an undirected edge is 1 both ways."""
        place = {name: i for i, name in enumerate(self.nodes)}
        matrix = np.zeros((len(self.nodes), len(self.nodes)), np.int8)
        for e in self.edges:
            matrix[place[e.source], place[e.target]] = 1
            if e.mark in ("--", "o-o", "<->"):
                matrix[place[e.target], place[e.source]] = 1
        return matrix

    @classmethod
    def from_adjacency(cls, nodes: Sequence[str], matrix: npt.ArrayLike) -> CausalGraph:
        """From `[n, n]` where row i, column j nonzero means `i -> j`; both ways means `i -- j`."""
        m = np.asarray(matrix) != 0
        edges = []
        for i, j in zip(*np.nonzero(m), strict=True):
            if m[j, i] and i < j:
                edges.append(Edge(nodes[i], nodes[j], "--"))
            elif not m[j, i]:
                edges.append(Edge(nodes[i], nodes[j], "->"))
        return cls(tuple(nodes), tuple(edges))

    def to_gml(self) -> str:
        """GML text, as networkx writes it: ASCII, other characters as `&#N;`."""
        import networkx as nx

        return "\n".join(nx.generate_gml(self.to_networkx()))

    @classmethod
    def from_gml(cls, text: str) -> CausalGraph:
        """Read what `to_gml` wrote."""
        import networkx as nx

        return cls.from_networkx(nx.DiGraph(nx.parse_gml(text)))

    def to_dot(self) -> str:
        """Graphviz DOT text, nodes called `n0`, `n1` … and labelled by name.

        A tail or head is drawn for each mark: `--` none, `o-` a circle, `->` an arrow.
        """
        place = {name: f"n{i}" for i, name in enumerate(self.nodes)}
        lines = [f"  {place[name]} [label={_quoted(name)}];" for name in self.nodes]
        for e in self.edges:
            shown = f"{_DOT[e.mark]}, mark={_quoted(e.mark)}, confidence={e.confidence:.6g}"
            shown += "" if e.strength is None else f", strength={e.strength:.6g}"
            lines.append(f"  {place[e.source]} -> {place[e.target]} [{shown}];")
        return "digraph {\n" + "\n".join(lines) + "\n}\n"

    def to_dict(self) -> dict[str, Any]:
        """Nodes, edges with their evidence, separations, notes and opinions, as JSON holds them."""
        return {
            "nodes": list(self.nodes),
            "edges": [asdict(edge) for edge in self.edges],
            "separations": [asdict(separation) for separation in self.separations],
            "notes": list(self.notes),
            "opinions": [asdict(opinion) for opinion in self.opinions],
            "latent": self.latent,
        }


_DOT: dict[str, str] = {
    "->": "dir=forward",
    "--": "dir=none",
    "<->": "dir=both",
    "o->": "dir=both, arrowtail=odot",
    "o-o": "dir=both, arrowtail=odot, arrowhead=odot",
}


def _quoted(text: str) -> str:
    """A DOT string that shows `text`: in a label a backslash begins an escape, and NUL ends the file."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\ufffd")
    return '"' + escaped.replace("\r\n", "\n").replace("\n", "\\n").replace("\r", "\\n") + '"'
