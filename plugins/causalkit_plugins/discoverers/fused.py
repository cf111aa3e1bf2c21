"""Data and a language model together: the model votes, and earns its weight from the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Annotated, Any

from pydantic import Field

from causalkit.components import Context, Discoverer, component
from causalkit.errors import DataError, UsageError
from causalkit.types import CausalGraph, Knowledge, Opinion, Variables
from causalkit_plugins.discoverers._gate import Halves, halves
from causalkit_plugins.discoverers._likelihood import SHIPPED, Pair, Table, read_table
from causalkit_plugins.discoverers._orienting import orient_after, with_evidence
from causalkit_plugins.discoverers._weighing import Weighed, weigh

__all__ = ["Fused", "Fusing", "opinions_of", "pairs_to_ask"]

ESS = 1.0
"""Equivalent sample size of BDeu in the gate."""
ASSUMED = (
    "reliability is read off edges that the data can orient, and is taken to hold for those that they cannot: "
    "no data can tell whether it does"
)


@component
class Fused:
    """A data discoverer's graph in which a model's answers weigh as much as the data say that they deserve.

    The data discoverer finds a graph alone. The model is asked about the pairs in it and about other pairs that depend
    on each other (a model that cannot be told which pairs gives what it has). A table of P(answer | edge, reverse,
    none) makes log odds of its answers. How much of them counts is one number per model, its reliability in this
    table: the share of its answers that come from knowledge and are no blind draws. It is estimated from the edges that
    the data orient and from a gate: graphs grown on half of the rows from the model's directions and from their
    reverse, scored on the other half. Then the data discoverer searches again with the log odds as a soft prior; `pc`
    takes them for ties alone. Of a discoverer that takes no prior, undirected edges are directed by them afterwards.

    The sum is an estimate under stated assumptions: what the data discoverer assumes; that answers about different
    pairs are independent given the graph; and that the model knows as much of edges that the data cannot orient as of
    those that they can. The last can't be seen in any data. The graph's notes give each model's reliability.
    """

    data: Discoverer
    "Finds a graph from the table; `score-search` weighs the model's answers, `pc` breaks ties by them."
    model: Discoverer
    "Says what it believes of pairs, such as `llm`; its opinions are read, or its edges where it has none."
    likelihood: dict[str, dict[str, float]] = {key: dict(row) for key, row in SHIPPED.items()}  # noqa: RUF012
    """How probable each answer (`a->b`, `b->a`, `none`, `unsure`) is where a causes b (`edge`), b causes a
    (`reverse`), and neither does directly (`none`), asked of a and b in this order."""
    tempering: Annotated[float, Field(ge=0, le=1)] = 0.5
    "Several answers about a pair are not independent: m count as m ** (1 - tempering)."
    beside: Annotated[int, Field(ge=0)] = 6
    "Beside the pairs in the data's graph, ask about those of each variable with this many that it depends on most."
    trust: Annotated[float, Field(ge=0, le=1)] | None = None
    "Take this reliability instead of an estimate: 0 is the data alone, 1 takes the table at its word."

    reads_names = True

    @property
    def assumes(self) -> frozenset[str] | None:
        """What the data discoverer's graph rests on."""
        return getattr(self.data, "assumes", None)

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        context: Context = Context(),
    ) -> CausalGraph:
        """The graph over all columns of `variables`, with the model's `opinions`.

        Raises
        ------
        InvalidParameter : `likelihood` is no table of probabilities.
        UsageError : the model is a discoverer that reads the table.
        DataError, ConfigError : as the data discoverer and the model raise them.
        BudgetReached, ModelUnavailable : as the model raises them; what was answered is kept.
        """
        table = read_table(self.likelihood)
        known = variables.knowledge(knowledge)
        alone = self.data.discover(variables, knowledge, context=context.under("data"))
        split, notes = _split(variables, known, context)
        asked = pairs_to_ask(alone, split, self.beside)
        given = {"pairs": asked} if getattr(self.model, "takes_pairs", False) else {}
        said = self.model.discover(variables, knowledge, **given, context=context.under("model"))  # type: ignore[call-arg]
        opinions = opinions_of(said)
        if not opinions:
            silent = "the model said nothing of any pair, so this is the data's graph"
            return replace(alone, notes=(*alone.notes, *said.notes, silent))
        fusing = Fusing(self.data, variables, knowledge, alone, split)
        graph, weighed = fusing.fuse(opinions, table, self.tempering, self.trust, context)
        told = (*graph.notes, *said.notes, *notes, *_told(weighed, self.trust))
        return replace(graph, notes=told, opinions=tuple(opinions))


@dataclass(frozen=True)
class Fusing:
    """A table on which the data discoverer has been, ready for opinions; several models' can be tried on it."""

    data: Discoverer
    variables: Variables
    knowledge: Knowledge | None
    alone: CausalGraph
    split: Halves | None

    def fuse(
        self, opinions: Sequence[Opinion], table: Table, tempering: float, trust: float | None, context: Context
    ) -> tuple[CausalGraph, Weighed]:
        """The graph of data and opinions, and what these weighed."""
        weighed = weigh(self.alone, opinions, table, self.split, tempering, trust, context.under("gate"))
        if not any(weighed.prior.edges.values()):
            return self.alone, weighed
        if getattr(self.data, "takes_prior", False):
            given: dict[str, Any] = {"prior": weighed.prior}
            graph = self.data.discover(self.variables, self.knowledge, **given, context=context.under("data"))
        else:
            own = self.variables.knowledge()
            known = own if self.knowledge is None else own.merged(self.knowledge)
            graph = orient_after(self.alone, weighed.prior, known)
        return with_evidence(graph, weighed.prior, opinions), weighed


def opinions_of(graph: CausalGraph) -> list[Opinion]:
    """A model's opinions; where its graph carries none, each of its edges is one. Knowledge is no opinion.

    Raises
    ------
    UsageError : its edges rest on the table itself, so that the data would count twice.
    """
    if graph.opinions:
        return list(graph.opinions)
    sources = [{told.source for told in edge.evidence} for edge in graph]
    if any("data" in told and "llm" not in told for told in sources):
        raise UsageError(
            "fused: the `model` reads the table, which would count the data twice",
            "Give a discoverer that asks a model there, such as `llm`; put this one under `data`.",
        )
    found = []
    for edge, told in zip(graph, sources, strict=True):
        if "knowledge" in told:
            continue
        either = None if edge.mark == "->" else {"a->b": 0.5, "b->a": 0.5}
        found.append(Opinion(edge.source, edge.target, "a->b" if either is None else "unsure", "", 0, either))  # type: ignore[arg-type]
    return found


def pairs_to_ask(alone: CausalGraph, split: Halves | None, beside: int) -> list[Pair]:
    """The pairs in the data's graph, and those of each variable with the `beside` that it depends on most, sorted."""
    pairs = {(min(e.source, e.target), max(e.source, e.target)) for e in alone}
    if split is None:
        return sorted(pairs | set(combinations(sorted(alone.nodes), 2)))
    for child, name in enumerate(split.names):
        others = [i for i in range(len(split.names)) if split.allowed[i, child] or split.allowed[child, i]]
        gains = {i: split.whole.local(child, (i,)) - split.whole.local(child, ()) for i in others}
        nearest = sorted(others, key=lambda i: (-round(gains[i], 6), i))[:beside]
        pairs |= {(min(name, split.names[i]), max(name, split.names[i])) for i in nearest}
    return sorted(pairs)


def _split(variables: Variables, known: Knowledge, context: Context) -> tuple[Halves | None, list[str]]:
    try:
        split = halves(variables, known, ESS, context.under("halves"))
    except DataError as error:
        return None, [f"without a gate, since the table fits no score: {error.what}"]
    return split, [] if split else ["without a gate, since half of the table is too small"]


def _told(weighed: Weighed, trust: float | None) -> list[str]:
    """Each model's reliability in words, and what that assumes."""
    notes = []
    for model, earned in weighed.models.items():
        gate = weighed.gates.get(model)
        gains = "" if gate is None else f"; gate, in nats: {', '.join(f'{gain:.1f}' for gain in gate.gains)}"
        counted = "" if earned.used or trust is not None else "; too little is known, so it counts for nothing"
        notes.append(
            f"reliability of {model or 'the model'} in this table: {earned.weight:.2f} (90 %: {earned.low:.2f} to "
            f"{earned.high:.2f}){counted}, from {earned.edges} answers about edges that the data orient, "
            f"{earned.agreed} of which agree{gains}"
        )
    return [*notes, ASSUMED if trust is None else f"the reliability used was given: {trust:g}"]
