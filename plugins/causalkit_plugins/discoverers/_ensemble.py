"""Many graphs over the same variables as one: how often each edge is there, and which way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from causalkit.types import CausalGraph, Edge, Evidence, Knowledge
from causalkit.types.graph import Mark

Pair = tuple[str, str]


class Joined(NamedTuple):
    """An edge of one graph: what a language model said of it, and whether it rests on data."""

    source: str
    target: str
    mark: Mark
    said: str = ""
    data: bool = True


@dataclass(frozen=True)
class Drawn:
    """One resample's edges, or why there are none."""

    edges: tuple[Joined, ...] = ()
    failure: str = ""

    @classmethod
    def read(cls, graph: CausalGraph) -> Drawn:
        """The edges of a graph."""
        return cls(tuple(Joined(e.source, e.target, e.mark, _of_model(e), _on_data(e)) for e in graph.edges))

    @classmethod
    def kept(cls, told: Mapping[str, Any]) -> Drawn:
        """The inverse of `vars`, after JSON."""
        return cls(tuple(Joined(*edge) for edge in told["edges"]), told["failure"])


def _on_data(edge: Edge) -> bool:
    return not edge.evidence or any(one.source == "data" for one in edge.evidence)


def _of_model(edge: Edge) -> str:
    return next((one.detail or "said so" for one in edge.evidence if one.source == "llm"), "")


@dataclass
class Tally:
    """How one pair (a < b) was joined: by marks as read from a to b."""

    pair: Pair
    ways: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    data: bool = False

    @property
    def total(self) -> int:
        """In how many graphs it is joined."""
        return sum(self.ways.values())

    def add(self, edge: Joined) -> None:
        """Count one edge."""
        self.ways[edge.mark if edge.source == self.pair[0] else TURNED[edge.mark]] += 1
        self.data = self.data or edge.data
        if edge.said:
            self.said[edge.said] += 1

    def way(self) -> str:
        """What more than half of its graphs agree on; none where no half does."""
        way, count = max(self.ways.items(), key=lambda item: item[1], default=("", 0))
        return way if 2 * count > self.total else ""


TURNED: dict[Mark, str] = {"->": "<-", "o->": "<-o", "--": "--", "<->": "<->", "o-o": "o-o"}
_WORDS = {
    "->": "{a} -> {b}",
    "<-": "{b} -> {a}",
    "o->": "{a} o-> {b}",
    "<-o": "{b} o-> {a}",
    "<->": "{a} <-> {b}",
    "--": "undirected",
    "o-o": "open at both ends",
}


@dataclass(frozen=True)
class Ensemble:
    """The graphs of all resamples, and how to make one of them.

    Parameters
    ----------
    drawn : the resamples' graphs; failures among them are left aside.
    knowledge : kept strictly: what it rules out is left out, what it requires is there.
    threshold : an edge of a smaller share of the graphs is left out.
    first : the graph of the whole table, for strengths.
    """

    drawn: Sequence[Drawn]
    knowledge: Knowledge
    threshold: float
    first: CausalGraph

    @property
    def counted(self) -> int:
        """How many resamples gave a graph."""
        return sum(not one.failure for one in self.drawn)

    def tallies(self) -> list[Tally]:
        """Every pair that is joined somewhere and not ruled out, or required."""
        found: dict[Pair, Tally] = {}
        for one in self.drawn:
            for edge in one.edges:
                pair = _sorted(edge.source, edge.target)
                found.setdefault(pair, Tally(pair)).add(edge)
        for a, b in self.knowledge.required:
            found.setdefault(_sorted(a, b), Tally(_sorted(a, b)))
        allows = self.knowledge.allows
        return [found[pair] for pair in sorted(found) if allows(*pair) or allows(*pair[::-1])]

    def graph(self) -> tuple[tuple[Edge, ...], tuple[str, ...]]:
        """The edges, and what must be said of them."""
        told = self.tallies()
        kept = [one for one in told if self._required(one.pair) or one.total >= self.threshold * self.counted]
        directed, turned, left_out = self._acyclic(kept)
        edges = tuple(self._edge(one, directed.get(one.pair)) for one in kept if one.pair not in left_out)
        rare = len(told) - len(kept)
        said = {
            f"{rare} pairs joined in fewer than {self.threshold:.0%} of the resamples were left out": rare,
            f"{len(turned)} edges left undirected, since most resamples' directions would make a cycle": turned,
            f"{len(left_out)} edges left out, since what is known would make them part of a cycle": left_out,
        }
        return edges, tuple(text for text, holds in said.items() if holds)

    def graphs(self, most: int) -> list[CausalGraph]:
        """The first distinct graphs of the resamples, at most so many."""
        distinct = dict.fromkeys(frozenset(one.edges) for one in self.drawn if not one.failure)
        return [
            CausalGraph(self.first.nodes, tuple(Edge(*edge[:3]) for edge in sorted(edges)), latent=self.first.latent)
            for edges in islice(distinct, most)
        ]

    def _acyclic(self, kept: Sequence[Tally]) -> tuple[dict[Pair, Pair], list[Pair], set[Pair]]:
        """Pair → (cause, effect), required edges and the surest first; then pairs that would have made a cycle."""
        import networkx as nx

        dag: nx.DiGraph[str] = nx.DiGraph()
        directed: dict[Pair, Pair] = {}
        turned, left_out = [], set()
        for one, (a, b), forced in sorted(self._arrows(kept), key=self._rank):
            if a in dag and b in dag and nx.has_path(dag, b, a):
                if forced:
                    left_out.add(one.pair)
                else:
                    turned.append(one.pair)
                continue
            dag.add_edge(a, b)
            directed[one.pair] = (a, b)
        return directed, turned, left_out

    def _arrows(self, kept: Sequence[Tally]) -> Iterator[tuple[Tally, Pair, bool]]:
        """Pairs with a direction, and whether knowledge gives it.

        Under hidden causes only a required edge has its direction from knowledge: that b does not cause a is no
        more than `a o-> b`.
        """
        for one in kept:
            for a, b in (one.pair, one.pair[::-1]):
                if (a, b) in self.knowledge.required or not (self.first.latent or self.knowledge.allows(b, a)):
                    yield one, (a, b), True
                elif self.knowledge.allows(a, b) and one.way() == ("->" if a == one.pair[0] else "<-"):
                    yield one, (a, b), False

    def _rank(self, arrow: tuple[Tally, Pair, bool]) -> tuple[bool, bool, int, int, Pair]:
        one, (a, b), forced = arrow
        way = one.ways["->" if a == one.pair[0] else "<-"]
        return (a, b) not in self.knowledge.required, not forced, -way, -one.total, one.pair

    def _required(self, pair: Pair) -> bool:
        return pair in self.knowledge.required or pair[::-1] in self.knowledge.required

    def _edge(self, one: Tally, arrow: Pair | None) -> Edge:
        source, target, mark = self._marked(one, arrow)
        required = (source, target) in self.knowledge.required
        share = 1.0 if required else one.total / self.counted
        found = self.first.edge(source, target)
        evidence = tuple(self._evidence(one, (source, target), bool(arrow)))
        return Edge(source, target, mark, share, evidence, found.strength if found else None)

    def _evidence(self, one: Tally, pair: Pair, directed: bool) -> Iterator[Evidence]:
        """What knowledge says, in how many resamples it is, and what a language model said there."""
        known, turned = self.knowledge, pair[::-1]
        if pair in known.required:
            yield Evidence("knowledge", f"required: {known.because(*pair)}")
        elif directed and not known.allows(*turned):
            yield Evidence("knowledge", f"direction: {known.because(*turned)}")
        counted = f"in {one.total} of {self.counted} resamples{_directions(one)}"
        if one.data:
            yield Evidence("data", counted)
        if one.said:
            often = max(one.said, key=lambda said: (one.said[said], said))
            times = f"in {sum(one.said.values())} resamples" if one.data else counted
            yield Evidence("llm", f"{times}, most often: {often}")
        elif one.total and not one.data:
            yield Evidence("knowledge", counted)

    def _marked(self, one: Tally, arrow: Pair | None) -> tuple[str, str, Mark]:
        """Source, target and mark; a direction only where it was found to make no cycle."""
        a, b = one.pair
        if arrow:
            return (*arrow, "->")
        way = one.way()
        if way == "<->":
            return a, b, "<->"
        if way == "o->" or (self.first.latent and not self.knowledge.allows(b, a)):
            return a, b, "o->"
        if way == "<-o" or (self.first.latent and not self.knowledge.allows(a, b)):
            return b, a, "o->"
        return a, b, "o-o" if self.first.latent else "--"


def _sorted(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)


def _directions(one: Tally) -> str:
    """How many graphs have it which way, where any has a direction."""
    a, b = one.pair
    ways = sorted(one.ways.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{_WORDS[way].format(a=a, b=b)} in {count}" for way, count in ways]
    return f": {', '.join(told)}" if set(one.ways) - {"--", "o-o"} else ""
