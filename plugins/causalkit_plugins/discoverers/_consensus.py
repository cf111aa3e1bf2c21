"""From a language model's opinions to a graph without cycles, and the words for how it was reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from causalkit.types import Edge, Evidence, Knowledge, Opinion
from causalkit.types.graph import Relation
from causalkit_plugins.discoverers._feedback import feedback_arcs

__all__ = ["Votes", "counted", "edges_of", "position", "required_edges"]

Pair = tuple[str, str]
TURNED: Mapping[Relation, Relation] = {"a->b": "b->a", "b->a": "a->b", "none": "none", "unsure": "unsure"}
"""What is said of (b, a), in terms of (a, b)."""


@dataclass(frozen=True)
class Votes:
    """What was said of one pair, in the order of its sorted names.

    Parameters
    ----------
    share : relation → its share of the answers, or its mean probability where the provider gives those. Each of the
        two orders of asking counts half, however often it was asked.
    said : relation → how many answers said it.
    orders : in how many orders it was asked. `probable` : whether the shares are probabilities.
    """

    share: Mapping[Relation, float]
    said: Mapping[Relation, int]
    orders: int
    probable: bool

    @property
    def joined(self) -> bool:
        """Whether the answers for an edge, either way, outweigh those for none; abstentions weigh on neither side."""
        return self.share["a->b"] + self.share["b->a"] > self.share["none"] + 1e-9


def counted(opinions: Iterable[Opinion]) -> dict[Pair, Votes]:
    """Votes by pair, its names in sorted order."""
    by_pair: dict[Pair, list[Opinion]] = {}
    for one in opinions:
        by_pair.setdefault((min(one.a, one.b), max(one.a, one.b)), []).append(one)
    return {pair: _votes(pair, by_pair[pair]) for pair in sorted(by_pair)}


def _votes(pair: Pair, opinions: Sequence[Opinion]) -> Votes:
    orders = [[one for one in opinions if (one.a == pair[0]) is forwards] for forwards in (True, False)]
    asked = [order for order in orders if order]
    share: dict[Relation, float] = {}
    said: dict[Relation, int] = {}
    for relation in TURNED:
        means = [sum(_weight(one, pair, relation) for one in order) / len(order) for order in asked]
        share[relation] = sum(means) / len(means)
        said[relation] = sum(_turned(one, pair, one.said) == relation for one in opinions)
    return Votes(share, said, len(asked), any(one.probabilities for one in opinions))


def _weight(one: Opinion, pair: Pair, relation: Relation) -> float:
    if one.probabilities:
        return one.probabilities.get(_turned(one, pair, relation), 0.0)
    return float(_turned(one, pair, one.said) == relation)


def _turned(one: Opinion, pair: Pair, relation: Relation) -> Relation:
    """A relation between the order of an opinion and that of the pair, whichever way."""
    return relation if one.a == pair[0] else TURNED[relation]


def edges_of(
    votes: Mapping[Pair, Votes], known: Knowledge, model: str, *, reduced: bool = False
) -> tuple[list[Edge], list[str]]:
    """Edges where the answers for one outweigh those for none, without cycles, and notes.

    An edge points the way that weighs more, and is `--` where both weigh the same; its confidence is the share of that
    way (both, for `--`) among all answers, abstentions among them. Of arrows that make cycles the lightest set is left
    out; required edges always stay. With `reduced`, where answers are about causes through others too, arrows that
    follow from the rest are left out.
    """
    edges = {}
    for pair, vote in votes.items():
        if vote.joined:
            edge = _edge(pair, vote, model, known)
            edges[edge.source, edge.target] = edge
    arrows = {arc: edge.confidence for arc, edge in edges.items() if edge.mark == "->"}
    arrows |= dict.fromkeys(known.required, float("inf"))
    left_out, exact = feedback_arcs(arrows)
    kept = [arc for arc in edges if arc not in left_out]
    notes = _cycle_notes(left_out, exact)
    if reduced:
        implied = _implied([arc for arc in arrows if arc not in left_out])
        notes += [f"{len(implied)} arrows that follow from others were left out"] if implied else []
        kept = [arc for arc in kept if arc not in implied]
    return [edges[arc] for arc in kept], notes


def _edge(pair: Pair, vote: Votes, model: str, known: Knowledge) -> Edge:
    forwards, backwards = vote.share["a->b"], vote.share["b->a"]
    evidence = [Evidence("llm", _told(vote, model))]
    if abs(forwards - backwards) < 1e-9:
        return Edge(*pair, "--", min(forwards + backwards, 1.0), tuple(evidence))
    cause, effect = pair if forwards > backwards else pair[::-1]
    if not known.allows(effect, cause):
        evidence.append(Evidence("knowledge", f"direction: {known.because(effect, cause)}"))
    return Edge(cause, effect, "->", min(max(forwards, backwards), 1.0), tuple(evidence))


def _told(vote: Votes, model: str) -> str:
    answers = sum(vote.said.values())
    way: Relation = "a->b" if vote.share["a->b"] >= vote.share["b->a"] else "b->a"
    other = TURNED[way]
    counts = f"{vote.said[way]} of {answers} answers of {model} this way, {vote.said[other]} the other way"
    rest = f"{vote.said['none']} for none, {vote.said['unsure']} unsure; asked in {vote.orders} order(s)"
    mean = f"; mean probability {vote.share[way]:.2f}" if vote.probable else ""
    return f"{counts}, {rest}{mean}"


def _implied(arrows: Sequence[Pair]) -> set[Pair]:
    """Arrows beside which a longer path leads the same way."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph(arrows)
    return set(graph.edges) - set(nx.transitive_reduction(graph).edges)


def _cycle_notes(left_out: Sequence[Pair], exact: bool) -> list[str]:
    if not left_out:
        return []
    shown = ", ".join(f"{cause} -> {effect}" for cause, effect in left_out[:5]) + (" …" if len(left_out) > 5 else "")
    how = "the lightest such set" if exact else "by a heuristic, since the cycles join many variables"
    return [f"{len(left_out)} arrows were left out so that no cycle is left ({how}): {shown}"]


def required_edges(known: Knowledge) -> list[Edge]:
    """The edges that knowledge requires."""
    return [
        Edge(a, b, "->", 1.0, (Evidence("knowledge", f"required: {known.because(a, b)}"),))
        for a, b in sorted(known.required)
    ]


def position(opinions: Sequence[Opinion]) -> str:
    """How far the answers hang on which variable is named first, over pairs with an answer in both orders."""
    both = {(one.a, one.b) for one in opinions} & {(one.b, one.a) for one in opinions}
    asked = [one for one in opinions if (one.a, one.b) in both]
    arrows = [one.said for one in asked if one.said in ("a->b", "b->a")]
    if not asked:
        return ""
    agreed = sum(max(vote.said.values()) == sum(vote.said.values()) for vote in counted(asked).values())
    told = f"asked in both orders, all answers agree about {agreed} of {len(both) // 2} pairs"
    if not arrows:
        return told
    first = f"{arrows.count('a->b')} begin at the variable named first"
    return f"{told}; of {len(arrows)} arrows, {first} (half would be no bias of position)"
