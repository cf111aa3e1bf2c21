"""PC-stable with batched tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import CausalGraph, Knowledge, Variables
from causalkit_plugins.discoverers._columns import prepare
from causalkit_plugins.discoverers._search import Search, search

if TYPE_CHECKING:
    from causalkit_plugins.discoverers._columns import Columns
    from causalkit_plugins.discoverers._skeleton import Floats, Test


@component
class PC:
    """The PC algorithm, order-independent (PC-stable, Colombo & Maathuis 2014), all tests in batches.

    Assumes that no unobserved variable causes two of the columns, and faithfulness. Edges between two
    variables go where every set that could separate them has failed; directions come from tiers and
    required edges, colliders, and Meek's rules. Knowledge is never violated; a pair ruled out both
    ways is never tested. What stays open is `--`.

    An edge's confidence is 1 - p, p being the largest p-value of the tests that it survived; it ranks
    edges and is no probability. Counts of units, not rows, decide: each test uses
    `variables.effective_n` of its pair, so that repeated week- or item-level values add nothing. What
    a test conditions on does not lower the count: it is held fixed, and the dependence left is between
    the pair. Rows are taken as independent given that.

    Columns that are constant, or that others determine, are named in a note and left without edges.
    """

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    "Tests with a larger p-value count as independent."
    test: Literal["auto", "gaussian", "discrete"] = "auto"
    """`gaussian`: partial correlations, Fisher's z; categoricals become 0/1 (two levels), ranks (ordered)
    or a block of indicators (Wilks' lambda). `discrete`: G². `auto`: `discrete` where all columns are."""
    max_k: Annotated[int, Field(ge=0)] | None = 5
    "The largest conditioning set; null for no bound. A note says when it cut the search short."
    colliders: Literal["majority", "conservative", "max-p"] = "majority"
    """When the middle of an open triple is a collider: in under half of the sets that separate its ends,
    in none of them, or not in the one of greatest p. A tie, or for `conservative` anything but all
    or none, leaves the triple open."""

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        context: Context = Context(),  # noqa: B008
    ) -> CausalGraph:
        """The graph (CPDAG, with knowledge) over all columns of `variables`.

        Raises
        ------
        DataError : fewer rows than columns, missing or infinite numbers, or a test that does not fit.
        ConfigError : knowledge that contradicts itself, or requires edges of unknown columns.
        """
        columns = prepare(variables, self.test)
        known = _about(variables, knowledge)
        settings = Search(self.alpha, self.max_k, self.colliders, context.check)
        graph = search(_test(columns, variables), columns.names, variables.names, known, settings)
        return CausalGraph(graph.nodes, graph.edges, graph.separations, (*columns.notes, *graph.notes))


def _about(variables: Variables, knowledge: Knowledge | None) -> Knowledge:
    """The columns' own tiers under the knowledge given; tiers of absent columns are left aside."""
    both = variables.knowledge() if knowledge is None else variables.knowledge().merged(knowledge)
    tiers = {name: tier for name, tier in both.tiers.items() if name in variables.names}
    known = Knowledge(tiers, both.required, both.forbidden, both.source)
    known.check(variables.names)
    return known


def _test(columns: Columns, variables: Variables) -> Test:
    from causalkit_plugins.discoverers._discrete import GSquared
    from causalkit_plugins.discoverers._gaussian import FisherZ, WilksLambda

    units = _units(variables, columns.names)
    if columns.codes is not None:
        return GSquared(columns.codes, units)
    assert columns.correlation is not None
    if all(len(block) == 1 for block in columns.blocks):
        order = [int(block[0]) for block in columns.blocks]
        return FisherZ(columns.correlation[np.ix_(order, order)], units)
    return WilksLambda(columns.correlation, columns.blocks, units)


def _units(variables: Variables, names: tuple[str, ...]) -> Floats:
    """`effective_n` of every pair, counted once for each pair of levels."""
    levels = [tuple(variables.levels.get(name, ())) for name in names]
    first = {level: names[levels.index(level)] for level in dict.fromkeys(levels)}
    count = {(a, b): float(variables.effective_n(first[a], first[b])) for a in first for b in first}
    return np.array([[count[a, b] for b in levels] for a in levels]).reshape(len(names), len(names))
