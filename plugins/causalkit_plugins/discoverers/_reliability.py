"""How far a model's answers are to be trusted, read off the data, and no true graph.

An answer is a draw from the likelihood table with probability w, and else a blind draw from the model's own answers,
whatever is true. w is the model's reliability in this domain. Its prior is a Beta; what the data say of edges that
they can orient, and the gate of `_gate.py`, turn it into a posterior, by sums over a grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalkit.types import CausalGraph, Opinion
from causalkit_plugins.discoverers._gate import Gate
from causalkit_plugins.discoverers._likelihood import Pair, Table, evidence, shares

Floats = npt.NDArray[np.float64]
GRID = (np.arange(100) + 0.5) / 100
PRIOR = (1.0, 1.0)
"""Parameters of the Beta before the data are read: 1, 1 is flat."""
SUREST = 0.9
"""What a direction that the data give counts for at most: searches are surer than they are right."""

EARNED = 0.15
"""The lower end of the interval from which a model counts; without any evidence it is 0.05."""


@dataclass(frozen=True)
class Reliability:
    """What one model earned on one table.

    Parameters
    ----------
    weight : the share of its answers that come from knowledge: the mean of the posterior.
    low, high : what holds 90 % of the posterior.
    edges : edges that the data orient, of which it said a direction. `agreed` : how many of them as the data do.
    """

    weight: float
    low: float
    high: float
    edges: int
    agreed: int

    @property
    def used(self) -> float:
        """`weight`; 0 where so little is known that the model may be blind."""
        return self.weight if self.low >= EARNED else 0.0


def blended(table: Table, opinions: Sequence[Opinion], weight: float) -> Table:
    """The table of a model of which a share `weight` of answers comes from knowledge."""
    often = np.sum([shares(o) for o in opinions], axis=0) + 0.5
    return np.asarray(weight * table + (1 - weight) * often / often.sum())


def reliability(
    opinions: Sequence[Opinion], table: Table, seen: Mapping[Pair, Floats], gate: Gate | None, tempering: float
) -> Reliability:
    """The posterior of w; `seen` is what the data alone believe of pairs, `[3]`: a -> b, b -> a, no edge."""
    known = [o for o in opinions if _key(o) in seen]
    log = (PRIOR[0] - 1) * np.log(GRID) + (PRIOR[1] - 1) * np.log1p(-GRID)
    for at, w in enumerate(GRID):
        told = evidence(known, blended(table, opinions, float(w)), tempering)
        log[at] += sum(float(np.log(seen[pair] @ np.exp(value))) for pair, value in told.items())
    if gate is not None:
        log += gate.log_likelihood(GRID)
    chance = np.exp(log - log.max())
    chance /= chance.sum()
    low, high = GRID[np.searchsorted(np.cumsum(chance), [0.05, 0.95])]
    directed = [(o, seen[_key(o)]) for o in known if o.said in ("a->b", "b->a")]
    agreed = [o for o, belief in directed if (belief[0] > belief[1]) == ((o.said == "a->b") == (o.a < o.b))]
    return Reliability(float(chance @ GRID), float(low), float(high), len(directed), len(agreed))


def oriented(graph: CausalGraph) -> dict[Pair, Floats]:
    """What a graph from data alone believes of the pairs that it orients by data, `[3]` each, a before b by name.

    Edges that knowledge has a hand in say nothing of a model.
    """
    found = {}
    for edge in graph:
        if edge.mark == "->" and all(told.source == "data" for told in edge.evidence):
            sure = min(edge.confidence, SUREST)
            rest = 1 - sure
            belief = np.array([sure, 0.75 * rest, 0.25 * rest])
            forwards = edge.source < edge.target
            pair = (edge.source, edge.target) if forwards else (edge.target, edge.source)
            found[pair] = belief if forwards else belief[[1, 0, 2]]
    return found


def _key(opinion: Opinion) -> Pair:
    return (opinion.a, opinion.b) if opinion.a < opinion.b else (opinion.b, opinion.a)
