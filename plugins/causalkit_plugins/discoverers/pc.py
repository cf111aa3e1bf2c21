"""PC-stable with batched tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import CausalGraph, Knowledge, StructurePrior, Variables
from causalkit_plugins.discoverers._search import Search, search
from causalkit_plugins.discoverers._test_choice import choose, usable_rows


@component
class PC:
    """The PC algorithm, order-independent (PC-stable, Colombo & Maathuis 2014), all tests in batches.

    Assumes that no unobserved variable causes two of the columns, and faithfulness. Edges between two
    variables go where every set that could separate them has failed; directions come from tiers and
    required edges, colliders, and Meek's rules. Knowledge is never violated; a pair ruled out both
    ways is never tested. What stays open is `--`.

    An edge's confidence is 1 - p, p being the largest p-value of the tests that it survived; it ranks
    edges and is no probability. Its strength is the dependence left in that test.

    Units, not rows, are counted. What is the same on all rows of a user (item, week …) is compared with anything
    at the users: on the means of their rows, with n the number of users. Two columns of which neither's units fix
    the other's (a coin per user, one per week) are compared at both, and the larger p counts; where a log crosses
    the two evenly, it says nothing of them, and they are not tested. Two columns that differ between rows are
    compared by row, with variances that allow for rows of one user, item or week to depend on each other, or
    for those of one declared cluster alone. What a test conditions on does not lower n. Of a handful of users
    (items, weeks …) nothing is told, and a note says so; between rows, fewer than five are held fixed. Where no unit
    and no cluster is declared, rows are taken as independent.

    A row of weight n counts as n rows. Columns that are constant, or that others determine, are named in a note and
    left without edges.
    """

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    "Tests with a larger p-value count as independent."
    test: Literal["auto", "gaussian", "discrete", "mixed"] = "auto"
    """`gaussian`: partial correlations, Fisher's z; categories become 0/1 (two levels), ranks (ordered) or a block of
    indicators (Wilks' lambda). `discrete`: G². `mixed`: as `gaussian`, but two categories, given others, are
    regressed on them by strata or logistic curves, and what is left of the two compared (Shah & Peters 2020).
    `auto`: `discrete` where all columns are, `mixed` where some are, else `gaussian`."""
    statistic: Literal["auto", "g2", "chi2"] = "auto"
    """Of the discrete test: the likelihood ratio G², or Pearson's χ². `auto`: G², but where fewer than 40 rows stand
    behind a degree of freedom, and G² calls too much dependent, the p-value of χ² times (n - 1) / n of each stratum."""
    missing: Literal["pairwise", "rows", "refuse"] = "pairwise"
    """Rows in which a number is missing: `pairwise`: each test takes the rows that know all of its columns; `rows`:
    only rows without any are used; `refuse`: an error. The first two assume that what is missing is missing by
    chance. A missing word is a category of its own."""
    max_k: Annotated[int, Field(ge=0)] | None = 5
    "The largest conditioning set; null for no bound. A note says when it cut the search short."
    colliders: Literal["majority", "conservative", "max-p"] = "majority"
    """When the middle of an open triple is a collider: in under half of the sets that separate its ends,
    in none of them, or not in the one of greatest p. A tie, or for `conservative` anything but all
    or none, leaves the triple open."""

    takes_prior = True
    takes_weights = True

    @property
    def assumes(self) -> frozenset[str]:
        """What the graph rests on; partial correlations also on linear causes and Gaussian noise."""
        return frozenset({"sufficiency", "faithfulness", "discrete" if self.test == "discrete" else "linear-gaussian"})

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
        DataError : fewer rows than columns, infinite numbers, or a test that does not fit.
        ConfigError : knowledge that contradicts itself, or requires edges of unknown columns.
        """
        variables, notes = usable_rows(variables, self.missing)
        device = None if context.device_kind == "cpu" else context.device
        columns, test = choose(variables, self.test, self.statistic, device)
        known = _about(variables, knowledge)
        settings = Search(self.alpha, self.max_k, self.colliders, context, prior)
        graph = search(test, columns.names, variables.names, known, settings)
        return replace(graph, notes=(*notes, *columns.notes, *graph.notes))


def _about(variables: Variables, knowledge: Knowledge | None) -> Knowledge:
    """The columns' own tiers under the knowledge given; tiers of absent columns are left aside."""
    both = variables.knowledge(knowledge)
    return both.about(variables.names)
