"""Is what `pc` finds right? Against the definition, a plain reference, causal-learn, and knowledge.

    python benchmarks/discovery/pc_correct.py [--quick] [--json] [--save]

**Oracle**: random DAGs of 4 to 16 nodes; tests are answered by d-separation. The graph must be the one that the
definition gives: an edge is directed where every DAG of the class goes one way. Half of them with knowledge drawn
from the DAG (tiers, required and forbidden edges), where the class is what is left of it. Colliders by each rule.

**Data**: random DAGs, half Gaussian, half discrete, of 20 to 2,000 rows a table. The skeleton must be that of a plain
reference (`_pc_plain.py`): PC-stable by loops, textbook tests. A graph in which some p comes within 1e-6 of alpha, as a
share of it, is counted as a tie and left out. causal-learn's skeleton beside it: how often it is the reference's, and
why not otherwise. A graph that says nothing of conflicts must be a CPDAG: the very one of a DAG with its edges.

**Knowledge**: random tables under random knowledge, much of it against the data, half with a random prior for ties: no
pair ruled out is tested or joined, no arrow goes against it, every required edge is there, no directed cycle, and a
prior turns nothing that had a direction.

**Columns permuted**: the same edges, evidence and separations; the marks of causal-learn's PC beside.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import networkx as nx
import numpy as np
import pandas as pd
from _pc_plain import (
    Dag,
    directions_in_all,
    discrete_table,
    extension,
    fisher_z,
    g_squared,
    gaussian_table,
    random_dag,
    reachable,
    skeleton,
)
from _table import Row, holds, main
from causalkit_plugins.discoverers._search import Search, search
from causalkit_plugins.discoverers.pc import PC

from causalkit.errors import ConfigError
from causalkit.types import CausalGraph, Column, Knowledge, StructurePrior, Variables

RULES = ("majority", "conservative", "max-p")
TIE = 1e-6
CHUNK = 10


def measure(quick: bool) -> Iterator[Row]:
    part = 1 if quick else 20
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        yield from _oracle_rows(_spread(pool, oracle_case, 60 * part))
        yield from _data_rows(_spread(pool, data_case, 60 * part))
        yield from _knowledge_rows(_spread(pool, knowledge_case, 500 * part))
        yield from _order_rows(_spread(pool, order_case, 20 * part))


def _spread(pool: ProcessPoolExecutor, case: Callable[[int], list[str]], count: int) -> Counter[str]:
    """What all cases say, counted; `count` itself under `cases`."""
    chunks = [(case, range(first, min(first + CHUNK, count))) for first in range(0, count, CHUNK)]
    told: Counter[str] = Counter(cases=count)
    for part in pool.map(_chunk, chunks):
        told += part
    return told


def _chunk(task: tuple[Callable[[int], list[str]], Iterable[int]]) -> Counter[str]:
    case, seeds = task
    return Counter(word for seed in seeds for word in case(seed))


def _oracle_rows(told: Counter[str]) -> Iterator[Row]:
    for half in ("alone", "with knowledge"):
        cases, exact = told[f"{half}"], told[f"{half}: exact"]
        yield holds(f"d-separation oracle, {half}: exact graphs of {cases}", exact, f"= {cases}", exact == cases)
    yield Row("  of which with edges that no DAG of the class agrees on", told["open"])
    yield Row("  of which directed further by knowledge", told["further"])


def _data_rows(told: Counter[str]) -> Iterator[Row]:
    for kind in ("gaussian", "discrete"):
        cases, same = told[kind] - told[f"{kind}: tie"], told[f"{kind}: same"]
        yield holds(f"{kind}: skeletons equal to the reference's, of {cases}", same, f"= {cases}", same == cases)
        yield Row(f"  left out: a p within {TIE:g} of alpha", told[f"{kind}: tie"])
        agree, both = told[f"{kind}: causal-learn agrees"], told[f"{kind}: causal-learn agrees, and we"]
        yield holds(f"  where causal-learn's is the reference's, ours is too, of {agree}", both, "all", both == agree)
        for why in sorted(word for word in told if word.startswith(f"{kind}: causal-learn differs")):
            yield Row(f"  {why.partition(': ')[2]}", told[why])
    plain, valid = told["no conflict"], told["no conflict: a CPDAG"]
    yield holds(f"graphs without a note of conflicts that are a CPDAG, of {plain}", valid, f"= {plain}", valid == plain)


def _knowledge_rows(told: Counter[str]) -> Iterator[Row]:
    broken = {word: n for word, n in told.items() if word.startswith("broken")}
    yield holds(f"violations of knowledge in {told['cases']} cases", sum(broken.values()), "= 0", not broken)
    for word, n in sorted(broken.items()):
        yield Row(f"  {word}", n)
    yield Row("  cases in which knowledge goes against the data's colliders", told["against"])
    yield Row("  cases in which a prior directed an edge", told["prior used"])


def _order_rows(told: Counter[str]) -> Iterator[Row]:
    cases, same = told["cases"], told["same"]
    yield holds(f"graphs equal with columns permuted, of {cases}", same, f"= {cases}", same == cases)
    yield Row("  causal-learn's, with its columns permuted once", told["causal-learn: same"])


def oracle_case(seed: int) -> list[str]:
    """One DAG: is the graph from d-separation the one of the definition?"""
    rng = np.random.default_rng([1, seed])
    dag = random_dag(rng, int(rng.integers(4, 17)), float(rng.uniform(1, 3.5)))
    known = true_knowledge(rng, dag) if seed % 2 else Knowledge()
    names = sorted(dag.nodes)
    graph = search(oracle(dag, names), names, names, known, Search(0.5, None, RULES[seed // 2 % 3]))
    directed, either = directions_in_all(dag, known.allows)
    half = "with knowledge" if seed % 2 else "alone"
    told = [half, *([f"{half}: exact"] if marks(graph) == (directed, either) else [])]
    told += ["open"] if either else []
    return [*told, *(["further"] if seed % 2 and either != directions_in_all(dag, Knowledge().allows)[1] else [])]


def oracle(dag: Dag, names: list[str]) -> Callable[..., Any]:
    """d-separation as a test of `pc`: p is 1 where separated, else 0."""

    def test(i: int, sets: Any, targets: Any) -> Any:
        p = np.full((len(sets), len(targets)), np.nan)
        for row, given in enumerate(np.asarray(sets)):
            joined = reachable(dag, names[i], (names[k] for k in given))
            p[row] = [np.nan if j in given else float(names[j] not in joined) for j in np.asarray(targets)]
        return p

    return test


def true_knowledge(rng: np.random.Generator, dag: Dag) -> Knowledge:
    """Tiers, required and forbidden edges that the DAG keeps; no pair is ruled out both ways, which would hide it."""
    steps = np.sort(rng.integers(0, len(dag.nodes), int(rng.integers(0, 4))))
    tiers = {n: int(np.searchsorted(steps, at)) for at, n in enumerate(dag.nodes) if rng.random() < 0.6}
    required = frozenset(arrow for arrow in sorted(dag.arrows) if rng.random() < 0.1)
    forbidden = frozenset((b, a) for a, b in sorted(dag.arrows) if rng.random() < 0.1)
    return Knowledge(tiers, required, forbidden)


def marks(graph: CausalGraph) -> tuple[set[tuple[str, str]], set[frozenset[str]]]:
    directed = {(e.source, e.target) for e in graph if e.mark == "->"}
    return directed, {frozenset((e.source, e.target)) for e in graph if e.mark == "--"}


def world(rng: np.random.Generator, kind: str) -> tuple[Dag, dict[str, np.ndarray]]:
    if kind == "gaussian":
        dag = random_dag(rng, int(rng.integers(4, 11)), float(rng.uniform(1, 3.5)))
        return dag, gaussian_table(rng, dag, _rows(rng))
    dag = random_dag(rng, int(rng.integers(4, 8)), float(rng.uniform(1, 4)))
    while True:
        table = discrete_table(rng, dag, _rows(rng))
        if all(len(np.unique(values)) > 1 for values in table.values()):
            return dag, table


def _rows(rng: np.random.Generator) -> int:
    return int(np.exp(rng.uniform(np.log(20), np.log(2000))))


def variables(table: dict[str, np.ndarray], kind: str) -> Variables:
    frame = pd.DataFrame(table)
    sort: Any = "continuous" if kind == "gaussian" else "categorical"
    return Variables(frame, tuple(Column(name, "covariate", sort) for name in frame))


def data_case(seed: int) -> list[str]:
    """One table: is the skeleton the reference's, and causal-learn's where that is the reference's?"""
    rng = np.random.default_rng([2, seed])
    kind = ("gaussian", "discrete")[seed % 2]
    _, table = world(rng, kind)
    alpha = float(rng.choice([0.01, 0.05, 0.1]))
    wanted = skeleton(table, fisher_z(table) if kind == "gaussian" else g_squared(table), alpha)
    graph = PC(alpha=alpha, statistic="g2", max_k=None, colliders=RULES[seed // 2 % 3]).discover(variables(table, kind))
    told = [kind, *check_class(graph)]
    if wanted.closest < TIE:
        return [*told, f"{kind}: tie"]
    same = {frozenset((e.source, e.target)) for e in graph} == wanted.joined
    told += [f"{kind}: same"] if same else []
    theirs = causal_learns(table, kind, alpha)
    if theirs == wanted.joined:
        return [*told, f"{kind}: causal-learn agrees", *([f"{kind}: causal-learn agrees, and we"] if same else [])]
    return [*told, f"{kind}: causal-learn differs: {why(table, kind, alpha, theirs)}"]


def causal_learns(table: dict[str, np.ndarray], kind: str, alpha: float) -> set[frozenset[str]] | str:
    """causal-learn's PC-stable on the same table; its error, where it has one."""
    from causallearn.utils.cit import CIT
    from causallearn.utils.PCUtils import SkeletonDiscovery

    names = sorted(table)
    values = np.column_stack([table[name] for name in names]).astype(float)
    test = CIT(values, "fisherz" if kind == "gaussian" else "gsq")
    try:
        found = SkeletonDiscovery.skeleton_discovery(values, alpha, test, True, show_progress=False)
    except Exception as error:
        return type(error).__name__
    return {frozenset((names[i], names[j])) for i, j in np.argwhere(found.G.graph).tolist()}


def why(table: dict[str, np.ndarray], kind: str, alpha: float, theirs: set[frozenset[str]] | str) -> str:
    if isinstance(theirs, str):
        return f"it raised {theirs}"
    if kind == "discrete" and theirs == skeleton(table, g_squared(table, 0), alpha).joined:
        return "it tests with fewer than 5 rows a degree of freedom, and takes none for independence"
    return "no reason found"


def check_class(graph: CausalGraph) -> list[str]:
    """Without a note of conflicts: is it the CPDAG of a DAG with its edges?"""
    if any(word in note for note in graph.notes for word in ("both ways", "neither", "cycle", "no acyclic")):
        return []
    directed, either = marks(graph)
    found = extension(graph.nodes, directed, either)
    right = found is not None and directions_in_all(Dag(graph.nodes, frozenset(found)), lambda a, b: True) == (
        directed,
        either,
    )
    return ["no conflict", *(["no conflict: a CPDAG"] if right else [])]


def knowledge_case(seed: int) -> list[str]:
    """One table under random knowledge: what is broken."""
    rng = np.random.default_rng([3, seed])
    kind = ("gaussian", "gaussian", "discrete")[seed % 3]
    dag, table = world(rng, kind)
    names = sorted(dag.nodes)
    known = random_knowledge(rng, names)
    discoverer = PC(alpha=float(rng.choice([0.05, 0.2])), statistic="g2", colliders=RULES[seed % 7 % 3], max_k=3)
    graph = discoverer.discover(variables(table, kind), known)
    told = ["against"] if any("against what is known" in note for note in graph.notes) else []
    told += [f"broken: {what}" for what in broken(graph, known)]
    if seed % 2:
        prior = random_prior(rng, names)
        turned = discoverer.discover(variables(table, kind), known, prior=prior)
        told += [f"broken under a prior: {what}" for what in broken(turned, known)]
        told += [f"broken under a prior: {what}" for what in changed(graph, turned)]
        told += ["prior used"] if marks(turned) != marks(graph) else []
    return told


def random_knowledge(rng: np.random.Generator, names: list[str]) -> Knowledge:
    """Anything that does not contradict itself, much of it against the data."""

    def edges(most: int) -> frozenset[tuple[str, str]]:
        drawn = [rng.choice(names, 2, replace=False).tolist() for _ in range(rng.integers(0, most + 1))]
        return frozenset((a, b) for a, b in drawn)

    while True:
        tiers = {n: int(rng.integers(0, 3)) for n in names if rng.random() < rng.choice([0.0, 0.4, 1.0])}
        known = Knowledge(tiers, edges(3), edges(6))
        with contextlib.suppress(ConfigError):
            known.check(names)
            return known


def random_prior(rng: np.random.Generator, names: list[str]) -> StructurePrior:
    pairs = [(a, b) for a in names for b in names if a != b]
    drawn = [pair for pair in pairs if rng.random() < 0.5]
    return StructurePrior({p: float(rng.normal()) for p in drawn}, {p: float(rng.normal()) for p in drawn[::3]}, "dice")


def broken(graph: CausalGraph, known: Knowledge) -> Iterator[str]:
    """What of the knowledge the graph does not keep, by sort."""
    directed, _ = marks(graph)
    if not known.required <= directed:
        yield "a required edge is absent"
    for edge in graph:
        if not known.allows(edge.source, edge.target):
            yield "an edge goes against it"
        if edge.mark == "--" and not known.allows(edge.target, edge.source):
            yield "an edge is undirected that can only go one way"
    for one in graph.separations:
        if not known.allows(one.a, one.b) and not known.allows(one.b, one.a):
            yield "a pair was tested that is ruled out"
    if not nx.is_directed_acyclic_graph(graph.directed()):
        yield "a directed cycle"


def changed(graph: CausalGraph, turned: CausalGraph) -> Iterator[str]:
    """What a prior did that it must not."""
    before, either = marks(graph)
    after, _ = marks(turned)
    if not before <= after:
        yield "an arrow was turned"
    if {frozenset(pair) for pair in before} | either != {frozenset((e.source, e.target)) for e in turned}:
        yield "the skeleton changed"
    told = {(e.source, e.target) for e in turned if any("of dice" in one.detail for one in e.evidence)}
    if told != after - before:
        yield "evidence that does not say so"
    if not any(word in note for note in graph.notes for word in ("both ways", "neither")):
        old = Dag(graph.nodes, frozenset(before)).colliders()
        joined = {frozenset((e.source, e.target)) for e in graph}
        new = Dag(graph.nodes, frozenset(after)).colliders()
        if any(frozenset((a, b)) not in joined for a, _, b in new - old):
            yield "a new collider"


def order_case(seed: int) -> list[str]:
    """One table, its columns in other orders: the same graph?"""
    rng = np.random.default_rng([4, seed])
    kind = ("gaussian", "discrete")[seed % 2]
    _, table = world(rng, kind)
    discoverer = PC(alpha=0.1, statistic="g2", colliders=RULES[seed // 2 % 3])
    first = discoverer.discover(variables(table, kind))
    turned = [{name: table[name] for name in rng.permutation(sorted(table)).tolist()} for _ in range(3)]
    again = [discoverer.discover(variables(one, kind)) for one in turned]
    same = all(g.edges == first.edges and tuple(g.separations) == tuple(first.separations) for g in again)
    theirs = their_marks(table, kind, 0.1) == their_marks(turned[0], kind, 0.1)
    return [*(["same"] if same else []), *(["causal-learn: same"] if theirs else [])]


def their_marks(table: dict[str, np.ndarray], kind: str, alpha: float) -> Counter[tuple[Any, ...]]:
    """causal-learn's PC with its defaults: every edge with its two ends."""
    from causallearn.search.ConstraintBased.PC import pc

    values = np.column_stack(list(table.values())).astype(float)
    found = pc(values, alpha, "fisherz" if kind == "gaussian" else "gsq", show_progress=False, node_names=list(table))
    ends = found.G.graph
    names = list(table)
    return Counter(
        (names[i], names[j], int(ends[i, j]), int(ends[j, i]))
        for i, j in np.argwhere(ends).tolist()
        if names[i] < names[j]
    )


if __name__ == "__main__":
    main("discovery-pc_correct", measure, packages=("causal-learn", "numpy", "scipy"))
