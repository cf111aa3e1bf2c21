"""FCI of causal-learn on what is truly independent, and knowledge laid over its graph, against every MAG there is."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from causalkit_plugins.discoverers._causal_learn_mending import mend_latent, readable
from every_mag import drawn, equivalents, summary

from causalkit.testing.checks._graphs import edges_of
from causalkit.types import CausalGraph, Edge, Knowledge

ENDS = {"->": ("tail", "arrow"), "<->": ("arrow", "arrow"), "o->": ("circle", "arrow"), "o-o": ("circle", "circle")}


def graph(edges: dict, nodes) -> CausalGraph:
    return CausalGraph(tuple(nodes), tuple(Edge(a, b, mark) for (a, b), mark in edges.items()), latent=True)


def ends(found: CausalGraph) -> dict[tuple[str, str], str]:
    """(a, b) → the mark at b."""
    return {
        pair: mark
        for e in found
        for pair, mark in zip(((e.target, e.source), (e.source, e.target)), ENDS[e.mark], strict=True)
    }


def search(nodes, independences) -> dict:
    from causallearn.search.ConstraintBased import FCI
    from causallearn.utils import cit

    class Oracle(cit.CIT_Base):
        def __init__(self, data, **kwargs):
            super().__init__(data)
            self.method = "oracle"

        def __call__(self, X, Y, condition_set=None):
            a, b = sorted((int(X), int(Y)))
            given = tuple(nodes[z] for z in sorted(map(int, condition_set or ())))
            return float((nodes[a], nodes[b], given) in independences)

    cit.register_ci_test("oracle", Oracle)
    data = np.random.default_rng(0).normal(size=(50, len(nodes)))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            made, _ = FCI.fci(data, "oracle", 0.05, show_progress=False, node_names=list(nodes))
    finally:
        del cit._custom_ci_tests["oracle"]
    return readable(np.asarray(made.graph, np.int64).T, nodes, True)


@pytest.mark.parametrize(("seed", "seen"), [*((s, 4) for s in range(30)), (1, 5)])
def test_with_an_oracle_its_fci_gives_the_pag(seed, seen):
    nodes, independences = drawn(seed, seen)
    truth = summary(nodes, equivalents(nodes, independences))
    assert edges_of(graph(search(nodes, independences), nodes)) == edges_of(truth)


@pytest.mark.parametrize("seed", range(30))
def test_tiers_laid_over_a_pag_say_nothing_false(seed):
    """Of the MAGs that keep the tiers, none contradicts a mark of the mended graph."""
    nodes, independences = drawn(seed, 4)
    mags = equivalents(nodes, independences)
    rng = np.random.default_rng(seed)
    pag = {(e.source, e.target): e.mark for e in summary(nodes, mags)}
    told = 0
    for _ in range(6):
        tiers = {name: int(rng.integers(0, 3)) for name in nodes}
        known = Knowledge(tiers)
        keeping = [
            mag for mag in mags if not any(mark == "->" and not known.allows(a, b) for a, mark, b in mag.values())
        ]
        if not keeping:
            continue  # the drawn tiers are false
        mended, _ = mend_latent(pag, known)
        truth, ours = ends(summary(nodes, keeping)), ends(graph(mended, nodes))
        assert {frozenset(pair) for pair in ours} == {frozenset(pair) for pair in truth}
        assert all(mark in ("circle", truth[pair]) for pair, mark in ours.items()), (pag, tiers)
        told += sum(mark != "circle" for mark in ours.values())
    assert told or not pag or all(mark == "o-o" for mark in pag.values())
