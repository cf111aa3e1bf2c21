"""The graphs that score best, by a search over orders."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import CausalGraph, Knowledge, StructurePrior, Variables
from causalkit_plugins.discoverers._columns import prepare
from causalkit_plugins.discoverers._score_graph import arcs, describe, firm, shared
from causalkit_plugins.discoverers._score_levels import scores_of
from causalkit_plugins.discoverers._structure import Settings, beliefs, find, unknown


@component
class ScoreSearch:
    """Bayesian score search: annealing over orders of the variables, then a sample of graphs for the confidences.

    Discrete columns score by BDeu; numbers by BIC (linear, Gaussian); a table of both by BIC with categoricals as
    blocks of indicators (the degenerate Gaussian score, Andrews et al. 2019). Each variable chooses its parents among
    `candidates`, which a screen on pairs and triples names and the search widens until nothing outside would add to
    the best graph. The confidence of an edge is its share in graphs drawn from their posterior; see `_structure.py`.

    Knowledge is strict: what is ruled out is never scored, and what is required is always there. A `prior` is soft: its
    log odds are added to those of `degree` in the score of each graph (edges), and to that of each order (orders).
    """

    takes_prior: ClassVar[bool] = True

    score: Literal["auto", "bdeu", "bic"] = "auto"
    """`bdeu`: all columns as discrete. `bic`: Gaussian, categoricals as indicators. `auto`: `bdeu` where all columns
    are discrete, else `bic`."""
    ess: Annotated[float, Field(gt=0)] = 4.0
    "How many rows BDeu's prior is worth; larger ones find more edges between columns of several levels."
    local: Literal["tables", "trees"] = "tables"
    """What BDeu lets a column depend on. `tables`: every combination of its parents' levels apart. `trees`: only those
    that differ (Friedman & Goldszmidt 1996), so that several weak parents cost less; half as fast."""
    degree: Annotated[float, Field(gt=0)] | None = 2.0
    """How many neighbours a variable is expected to have before the data are seen: among more columns, an edge needs
    more evidence. null: every graph is as likely."""
    max_parents: Annotated[int, Field(ge=1, le=8)] = 4
    "The most parents of a variable, required ones aside."
    candidates: Annotated[int, Field(ge=2, le=16)] = 12
    "The most possible parents of a variable that are weighed together; 2 to that power numbers are kept of each."
    starts: Annotated[int, Field(ge=1)] = 16
    "Orders that are annealed side by side."
    sweeps: Annotated[int, Field(ge=1)] = 60
    "How often annealing moves every variable."
    chains: Annotated[int, Field(ge=1)] = 6
    "Chains of graphs that are drawn for the confidences."
    draws: Annotated[int, Field(ge=1)] = 150
    "How many graphs each chain draws; the first fifth is left out."
    result: Literal["auto", "cpdag", "dag"] = "auto"
    """`cpdag`: the best-scoring graph, in which directions that equivalent graphs do not share are `--`. `dag`: every
    edge has a direction, and the sample of graphs expects the fewest errors. `auto`: without a prior `cpdag`; with one
    `dag`, in which edges are `--` where less than 2 of 3 graphs that join the two agree on the direction."""

    @property
    def assumes(self) -> frozenset[str]:
        """What the graph rests on; BIC also on linear causes and Gaussian noise."""
        family = "discrete" if self.score == "bdeu" else "linear-gaussian"
        return frozenset({"sufficiency", "faithfulness", family})

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        prior: StructurePrior | None = None,
        context: Context = Context(),
    ) -> CausalGraph:
        """The graph over all columns of `variables`.

        Raises
        ------
        DataError : fewer rows than columns, numbers missing or infinite, or a score that does not fit the columns.
        ConfigError : knowledge that contradicts itself, or requires edges of unknown columns; a prior about them.
        """
        if prior is not None:
            unknown(prior, variables.names)
        variables = variables.repeated()
        columns = prepare(variables, {"auto": "auto", "bdeu": "discrete", "bic": "gaussian"}[self.score])
        known = variables.knowledge(knowledge)
        known = known.about(variables.names)
        scores, comparable = scores_of(columns, variables, self.ess, self.local == "trees")
        weighed = self.result == "dag" or (self.result == "auto" and prior is not None)
        settings = Settings(
            self.max_parents, self.candidates, self.starts, self.sweeps, self.chains, self.draws, weighed
        )
        believed = beliefs(columns.names, known, prior, comparable, self.degree)
        found = find(scores, believed, settings, context)
        directed = arcs(found) if self.result == "dag" else firm(found) if weighed else shared(found)
        graph = describe(found, columns.names, variables.names, known, prior, directed)
        return replace(graph, notes=(*columns.notes, *graph.notes))
