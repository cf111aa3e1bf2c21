"""One table of `priors.py`: what data, a model, and both together find of a network, under one config for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from _networks import ANSWERED, Network, Pair, davinci, read_network, sample, shd, transcripts
from _scripted import coin, expert, flipped
from causalkit_plugins.discoverers._consensus import counted, edges_of
from causalkit_plugins.discoverers._gate import halves
from causalkit_plugins.discoverers._likelihood import Table, fit_table
from causalkit_plugins.discoverers.fused import ESS, Fusing, pairs_to_ask

import causalkit as ck
from causalkit.components import Context
from causalkit.types import CausalGraph, Knowledge, Opinion, Variables

CONFIG = {
    "score": "bdeu",
    "ess": 4.0,
    "local": "trees",
    "starts": 4,
    "sweeps": 20,
    "chains": 4,
    "draws": 40,
    "result": "dag",
}
"""Of `score-search`, in every cell and row, but for `data only, CPDAG`."""
TEMPERING = 0.5
BESIDE = 6
DAVINCI = ("text-davinci-002", "text-davinci-003")


@dataclass(frozen=True)
class Cell:
    """A network, rows, and which sample; `draws`: how many random experts are tried on it."""

    network: str
    rows: int
    replicate: int
    draws: int


@dataclass
class Measured:
    """Directed SHD of each way of finding the graph, the reliability each expert was given, and candidate edges.

    `chances` are (confidence, whether it is so) of each direction of each candidate pair.
    """

    cell: Cell
    shd: dict[str, float] = field(default_factory=dict)
    reliability: dict[str, float] = field(default_factory=dict)
    chances: list[tuple[float, bool]] = field(default_factory=list)


def table_without(network: str) -> Table:
    """The likelihood table of GPT-4's answers about the other networks."""
    return fit_table([(transcripts(n), read_network(n).edges) for n in ANSWERED if n != network])


def measure(cell: Cell) -> Measured:
    """All rows of one cell."""
    network = read_network(cell.network)
    variables, answers = sample(cell.network, cell.rows, cell.replicate), transcripts(cell.network)
    table, context = table_without(cell.network), Context(root_seed=cell.replicate)
    found = Measured(cell)
    data = ck.build("discoverer", "score-search", **CONFIG)
    fusing = begun(data, variables, context)
    found.shd["data only"] = shd(fusing.alone, network.edges)
    cpdag = ck.build("discoverer", "score-search", **{**CONFIG, "result": "cpdag"})
    found.shd["data only, CPDAG"] = shd(cpdag.discover(variables, context=context.under("data")), network.edges)
    found.shd["model only"] = shd(_model_only(variables, answers), network.edges)
    found.shd["hard"] = shd(data.discover(variables, _hard(answers), context=context.under("data")), network.edges)
    _fuse(found, "soft", fusing, answers, table, network, context, trust=1.0)
    graph = _fuse(found, "fused", fusing, answers, table, network, context)
    found.chances = candidates(graph, pairs_to_ask(fusing.alone, fusing.split, BESIDE), network.edges)
    _fuse(found, "fused, every answer flipped", fusing, flipped(answers), table, network, context)
    if cell.network == "insurance":
        for model in DAVINCI:
            _fuse(found, f"fused, {model}", fusing, davinci(model), table, network, context)
    errors, given = [], []
    for draw in range(cell.draws):
        rng = np.random.default_rng([cell.replicate, draw])
        one = Measured(cell)
        _fuse(one, "random", fusing, coin(answers, rng), table, network, context)
        errors.append(one.shd["random"])
        given.append(one.reliability["random"])
    found.shd["fused, random answers"] = float(np.mean(errors))
    found.reliability["fused, random answers"] = float(np.mean(given))
    pc = begun(ck.build("discoverer", "pc", test="discrete"), variables, context)
    found.shd["pc alone"] = shd(pc.alone, network.edges)
    _fuse(found, "fused over pc", pc, answers, table, network, context)
    return found


def scripted(network: Network, rows: int, accuracies: Iterable[float], seed: int) -> dict[str, float]:
    """Directed SHD of data alone and with an expert of each accuracy, on rows drawn from a network."""
    rng, context = np.random.default_rng([seed, 7]), Context(root_seed=seed)
    fusing = begun(ck.build("discoverer", "score-search", **CONFIG), network.draw(rows, rng), context)
    table, pairs = table_without(network.name.partition(",")[0]), pairs_to_ask(fusing.alone, fusing.split, BESIDE)
    found = {"data only": float(shd(fusing.alone, network.edges))}
    for accuracy in accuracies:
        told = expert(pairs, network.edges, accuracy, rng)
        graph, weighed = fusing.fuse(told, table, TEMPERING, None, context)
        found[f"expert right {accuracy:.0%}"] = float(shd(graph, network.edges))
        found[f"reliability {accuracy:.0%}"] = weighed.models["scripted"].used
    return found


def begun(data: ck.components.Discoverer, variables: Variables, context: Context) -> Fusing:
    """What all experts share: the data's graph and the halves."""
    alone = data.discover(variables, context=context.under("data"))
    return Fusing(data, variables, None, alone, halves(variables, Knowledge(), ESS, context.under("halves")))


def candidates(graph: CausalGraph, pairs: Sequence[Pair], true: frozenset[Pair]) -> list[tuple[float, bool]]:
    """The confidence in each direction of each pair asked about, 0 where the graph has no such edge, and the truth."""
    said: Mapping[Pair, float] = {(e.source, e.target): e.confidence for e in graph}
    return [(said.get(arc, 0.0), arc in true) for a, b in pairs for arc in ((a, b), (b, a))]


def _fuse(
    found: Measured,
    row: str,
    fusing: Fusing,
    answers: Sequence[Opinion],
    table: Table,
    network: Network,
    context: Context,
    trust: float | None = None,
) -> CausalGraph:
    graph, weighed = fusing.fuse(answers, table, TEMPERING, trust, context)
    found.shd[row] = shd(graph, network.edges)
    found.reliability[row] = float(np.mean([one.used for one in weighed.models.values()])) if trust is None else trust
    return graph


def _model_only(variables: Variables, answers: Sequence[Opinion]) -> CausalGraph:
    edges, _ = edges_of(counted(answers), Knowledge(), "gpt-4")
    return CausalGraph(variables.names, tuple(edges))


def _hard(answers: Sequence[Opinion]) -> Knowledge:
    """Each direction that the model claims forbids the reverse; no edge, both."""
    edges, _ = edges_of(counted(answers), Knowledge(), "gpt-4")
    joined = {(e.source, e.target) for e in edges if e.mark == "->"}
    both = {(min(o.a, o.b), max(o.a, o.b)) for o in answers if o.said == "none"}
    none = {pair for pair in both if not {pair, pair[::-1]} & joined}
    return Knowledge(
        forbidden=frozenset({(b, a) for a, b in joined} | none | {(b, a) for a, b in none}), source="gpt-4"
    )
