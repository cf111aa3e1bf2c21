"""PC-stable with batched tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import CausalGraph, Knowledge, StructurePrior, Variables
from causalkit_plugins.discoverers._columns import prepare
from causalkit_plugins.discoverers._levels import compare_at, correlation_at
from causalkit_plugins.discoverers._search import Search, search

if TYPE_CHECKING:
    from causalkit_plugins.discoverers._columns import Columns
    from causalkit_plugins.discoverers._skeleton import Test


@component
class PC:
    """The PC algorithm, order-independent (PC-stable, Colombo & Maathuis 2014), all tests in batches.

    Assumes that no unobserved variable causes two of the columns, and faithfulness. Edges between two
    variables go where every set that could separate them has failed; directions come from tiers and
    required edges, colliders, and Meek's rules. Knowledge is never violated; a pair ruled out both
    ways is never tested. What stays open is `--`.

    An edge's confidence is 1 - p, p being the largest p-value of the tests that it survived; it ranks
    edges and is no probability. Units, not rows, are counted: a pair is compared at the coarser of its
    two levels, on the means of its units, with n = `variables.effective_n` (G², which has no means, is
    scaled down to that n). What a test conditions on does not lower n: it is held fixed, and the
    dependence left is the pair's. Two columns of which neither level fixes the other (a week's weather,
    an item's brand) are not tested: a table that crosses the two says nothing of them. Units of one
    level are taken as independent of each other.

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

    takes_prior = True

    @property
    def assumes(self) -> frozenset[str]:
        """What the graph rests on; partial correlations also on linear causes and Gaussian noise."""
        test = {"gaussian": "linear-gaussian", "auto": "linear-gaussian", "discrete": "discrete"}[self.test]
        return frozenset({"sufficiency", "faithfulness", test})

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        prior: StructurePrior | None = None,
        context: Context = Context(),
    ) -> CausalGraph:
        """The graph (CPDAG, with knowledge) over all columns of `variables`.

        A `prior` only breaks ties: it directs edges that would stay `--`, surest beliefs first, as far as no
        cycle and no collider comes of it that the data speak against. Such edges say so in their evidence.

        Raises
        ------
        DataError : fewer rows than columns, missing or infinite numbers, or a test that does not fit.
        ConfigError : knowledge that contradicts itself, or requires edges of unknown columns.
        """
        columns = prepare(variables, self.test)
        known = _about(variables, knowledge)
        settings = Search(self.alpha, self.max_k, self.colliders, context, prior)
        graph = search(_test(columns, variables), columns.names, variables.names, known, settings)
        return CausalGraph(graph.nodes, graph.edges, graph.separations, (*columns.notes, *graph.notes))


def _about(variables: Variables, knowledge: Knowledge | None) -> Knowledge:
    """The columns' own tiers under the knowledge given; tiers of absent columns are left aside."""
    both = variables.knowledge() if knowledge is None else variables.knowledge().merged(knowledge)
    return both.about(variables.names)


def _test(columns: Columns, variables: Variables) -> Test:
    from causalkit_plugins.discoverers._discrete import GSquared
    from causalkit_plugins.discoverers._gaussian import FisherZ, WilksLambda

    levels = compare_at(variables, columns.names)
    if columns.codes is not None:
        return GSquared(columns.codes, levels.units)
    assert columns.scores is not None
    correlations = [correlation_at(columns.scores, group) for group in levels.groups]
    if all(len(block) == 1 for block in columns.blocks):
        return FisherZ(correlations, levels)
    return WilksLambda(correlations, columns.blocks, levels)
