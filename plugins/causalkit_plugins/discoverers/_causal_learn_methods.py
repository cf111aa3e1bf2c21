"""The searches of causal-learn, each called with what it takes, and nothing of theirs let out: no print, no seed."""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._causal_learn_tests import Tried, install

if TYPE_CHECKING:
    from causalkit.types import Knowledge
    from causalkit_plugins.discoverers._foreign_table import ForeignTable

__all__ = ["ARROW", "CIRCLE", "TAIL", "Found", "Search", "search"]

ARROW, TAIL, CIRCLE = 1, -1, 2
Ends = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Search:
    """What is searched, and how."""

    method: str
    table: ForeignTable
    known: Knowledge
    alpha: float
    test: str
    penalty: float
    max_k: int | None
    depth: int
    least_weight: float
    seed: int
    check: Callable[[], None]


@dataclass
class Found:
    """Marks by position: `ends[i, j]` is the mark at j of the edge between i and j, 0 where there is none."""

    ends: Ends
    tried: Tried | None = None
    weights: npt.NDArray[np.float64] | None = None
    notes: list[str] = field(default_factory=list)


def search(asked: Search) -> Found:
    """Run one search; what it prints is dropped, what it warns of becomes a note."""
    with _contained(asked.seed) as warned:
        found = _METHODS[asked.method](asked)
    said = dict.fromkeys(" ".join(str(w.message).split()) for w in warned if not _is_about_code(w))
    found.notes += [f"causal-learn warned: {text[:200]}" for text in list(said)[:3]]
    return found


def _is_about_code(warned: warnings.WarningMessage) -> bool:
    return issubclass(warned.category, DeprecationWarning | FutureWarning | PendingDeprecationWarning)


@contextlib.contextmanager
def _contained(seed: int) -> Iterator[list[warnings.WarningMessage]]:
    """The process's own random numbers, warnings and standard output, as they were before."""
    numbers, others = np.random.get_state(), random.getstate()  # noqa: NPY002 (theirs draws from it)
    try:
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("always")
            yield warned
    finally:
        np.random.set_state(numbers)  # noqa: NPY002
        random.setstate(others)


@contextlib.contextmanager
def _watched(owner: Any, names: tuple[str, ...], check: Callable[[], None]) -> Iterator[None]:
    """For a while, look whether to stop at each call of some functions: theirs take no such hook."""
    kept = {name: vars(owner)[name] for name in names}

    def looking(inner: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            check()
            return inner(*args, **kwargs)

        return call

    try:
        for name, inner in kept.items():
            setattr(owner, name, looking(inner))
        yield
    finally:
        for name, inner in kept.items():
            setattr(owner, name, inner)


def _names(asked: Search) -> list[str]:
    return [f"x{at:05d}" for at in range(len(asked.table.names))]


def _pc(asked: Search) -> Found:
    from causallearn.search.ConstraintBased import PC
    from causallearn.utils import cit

    tried = Tried(asked.table, asked.test, asked.check)
    made = PC.pc(
        asked.table.values,
        asked.alpha,
        install(cit),
        uc_rule=1,
        uc_priority=3,
        background_knowledge=_background(asked),
        show_progress=False,
        node_names=_names(asked),
        max_k=asked.max_k,
        tried=tried,
    )
    return Found(np.asarray(made.G.graph, np.int64).T, tried)


def _fci(asked: Search) -> Found:
    """Without knowledge: theirs reads "not a cause" as "an effect", which a hidden cause makes wrong."""
    from causallearn.search.ConstraintBased import FCI
    from causallearn.utils import cit

    tried = Tried(asked.table, asked.test, asked.check)
    depth = -1 if asked.max_k is None else asked.max_k
    graph, _ = FCI.fci(
        asked.table.values,
        install(cit),
        float(asked.alpha),
        depth,
        show_progress=False,
        node_names=_names(asked),
        tried=tried,
    )
    return Found(np.asarray(graph.graph, np.int64).T, tried)


def _ges(asked: Search) -> Found:
    from causallearn.score.LocalScoreFunctionClass import LocalScoreClass
    from causallearn.search.ScoreBased.GES import ges

    most = None if asked.max_k is None else max(asked.max_k - 1, 0)  # it looks before it adds one
    with _watched(LocalScoreClass, ("score",), asked.check):
        if asked.table.discrete:
            made = ges(asked.table.values, "local_score_BDeu", most)
        else:
            made = ges(asked.table.values, "local_score_BIC_from_cov", most, lambda_value=asked.penalty / 2)
    return Found(np.asarray(made["G"].graph, np.int64).T)


def _permuted(asked: Search) -> Found:
    """GRaSP and BOSS."""
    from causallearn.score.LocalScoreFunctionClass import LocalScoreClass
    from causallearn.search.PermutationBased.BOSS import boss
    from causallearn.search.PermutationBased.GRaSP import grasp

    score = "local_score_BDeu" if asked.table.discrete else "local_score_BIC_from_cov"
    settings = {"lambda_value": asked.penalty / 2}
    values = asked.table.values
    with _watched(LocalScoreClass, ("score", "score_nocache"), asked.check):
        if asked.method == "grasp":
            graph = grasp(values, score, asked.depth, settings, verbose=False)
        else:
            graph = boss(values, score, settings, verbose=False)
    return Found(np.asarray(graph.graph, np.int64).T)


def _exact(asked: Search) -> Found:
    from causallearn.search.ScoreBased import ExactSearch

    names, known = asked.table.names, asked.known
    size = len(names)
    may = np.array([[float(i != j and known.allows(a, b)) for j, b in enumerate(names)] for i, a in enumerate(names)])
    must = np.zeros((size, size))
    for a, b in known.required:
        if a in names and b in names:
            must[names.index(a), names.index(b)] = 1
    with _watched(ExactSearch, ("bic_score_node",), asked.check):
        dag, _ = ExactSearch.bic_exact_search(
            asked.table.values, super_graph=may, include_graph=must, max_parents=asked.max_k
        )
    return _compelled(np.asarray(dag) != 0)


def _compelled(arrows: npt.NDArray[np.bool_]) -> Found:
    """What every equivalent graph has: the best DAG is one of many; knowledge turns the others after."""
    from causallearn.graph.GeneralGraph import GeneralGraph
    from causallearn.graph.GraphNode import GraphNode
    from causallearn.utils.DAG2CPDAG import dag2cpdag

    nodes = [GraphNode(f"x{at:05d}") for at in range(len(arrows))]
    graph = GeneralGraph(nodes)
    for i, j in zip(*np.nonzero(arrows), strict=True):
        graph.add_directed_edge(nodes[i], nodes[j])
    return Found(np.asarray(dag2cpdag(graph).graph, np.int64).T)


def _direct_lingam(asked: Search) -> Found:
    from causallearn.search.FCMBased.lingam import DirectLiNGAM

    class Watched(DirectLiNGAM):  # type: ignore[misc]
        def _search_causal_order(self, *args: Any) -> Any:
            asked.check()
            return super()._search_causal_order(*args)

    return _weighted(asked, Watched(asked.seed, _paths(asked)).fit(asked.table.values))


def _ica_lingam(asked: Search) -> Found:
    from causallearn.search.FCMBased.lingam import ICALiNGAM

    return _weighted(asked, ICALiNGAM(asked.seed).fit(asked.table.values))


def _weighted(asked: Search, fitted: Any) -> Found:
    """Arrows from weights, and the columns whose noise looks Gaussian: there directions cannot be told."""
    from scipy.stats import normaltest

    weights = np.asarray(fitted.adjacency_matrix_, np.float64).T  # theirs: row is the effect
    weights = np.where(np.abs(weights) >= asked.least_weight, weights, 0)
    noise = asked.table.values - asked.table.values @ weights
    plain = [name for name, p in zip(asked.table.names, normaltest(noise).pvalue, strict=True) if p > 0.01]
    ends = np.where(weights != 0, ARROW, 0) + np.where(weights.T != 0, TAIL, 0)
    found = Found(ends.astype(np.int64), weights=weights)
    if len(plain) > 1:
        found.notes.append(
            f"the noise of {', '.join(sorted(plain))} looks Gaussian: directions among them are not identified"
        )
    return found


def _paths(asked: Search) -> Ends | None:
    """DirectLiNGAM's prior: row the effect, column the cause; 1 a path, 0 none, -1 unknown.

    A forbidden edge says nothing of longer paths.
    """
    names, known = asked.table.names, asked.known
    tiers = known.tiers
    prior = np.full((len(names), len(names)), -1, np.int64)
    for j, a in enumerate(names):
        for i, b in enumerate(names):
            if i == j or ((a in tiers and b in tiers) and tiers[a] > tiers[b]) or (b, a) in known.required:
                prior[i, j] = 0
            elif (a, b) in known.required:
                prior[i, j] = 1
    np.fill_diagonal(prior, 0)
    return prior if (prior[~np.eye(len(names), dtype=bool)] >= 0).any() else None


def _background(asked: Search) -> Any:
    """Our knowledge as theirs: what is ruled out is forbidden edge by edge, tiers among it."""
    from causallearn.graph.GraphNode import GraphNode
    from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge

    known, names = asked.known, asked.table.names
    nodes = [GraphNode(name) for name in _names(asked)]
    told = BackgroundKnowledge()
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if i != j and not known.allows(a, b):
                told.add_forbidden_by_node(nodes[i], nodes[j])
            if (a, b) in known.required:
                told.add_required_by_node(nodes[i], nodes[j])
    return told if told.forbidden_rules_specs or told.required_rules_specs else None


_METHODS: dict[str, Callable[[Search], Found]] = {
    "pc": _pc,
    "fci": _fci,
    "ges": _ges,
    "grasp": _permuted,
    "boss": _permuted,
    "exact": _exact,
    "direct-lingam": _direct_lingam,
    "ica-lingam": _ica_lingam,
}
