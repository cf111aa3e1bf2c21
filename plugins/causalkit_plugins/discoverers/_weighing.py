"""From a model's answers to a prior that weighs as much as the data say that it deserves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit.types import CausalGraph, Opinion, StructurePrior
from causalkit_plugins.discoverers._gate import Gate, Halves
from causalkit_plugins.discoverers._likelihood import Pair, Table, evidence, tilted
from causalkit_plugins.discoverers._reliability import Reliability, blended, oriented, reliability

__all__ = ["Weighed", "odds_of", "weigh"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Weighed:
    """A prior, and why it weighs what it does: the reliability and the gate of each model."""

    prior: StructurePrior
    models: Mapping[str, Reliability]
    gates: Mapping[str, Gate]


def weigh(
    alone: CausalGraph,
    opinions: Sequence[Opinion],
    table: Table,
    split: Halves | None,
    tempering: float,
    trust: float | None = None,
    context: Context = Context(),
) -> Weighed:
    """The prior of all models' answers, each with the weight that it earned.

    Parameters
    ----------
    alone : what the data say without a model.
    split : the scores of halves, for the gate; None leaves the gate out.
    trust : the reliability of every model, where it is not to be estimated.
    """
    joined = [(edge.source, edge.target) for edge in alone]
    seen = oriented(alone)
    models: dict[str, Reliability] = {}
    gates: dict[str, Gate] = {}
    total: dict[Pair, Floats] = {}
    for model in sorted({o.model for o in opinions}):
        own = [o for o in opinions if o.model == model]
        turned = tilted(table, own)
        if split is not None:
            odds = {pair: float(v[0] - v[1]) for pair, v in evidence(own, turned, tempering).items()}
            gates[model] = split.judge(joined, odds, context)
        earned = reliability(own, turned, seen, gates.get(model), tempering)
        models[model] = earned
        weight = earned.used if trust is None else trust
        if weight > 0:
            for pair, value in evidence(own, blended(turned, own, weight), tempering).items():
                total[pair] = total.get(pair, np.zeros(3)) + value
    source = " + ".join(model or "the model" for model in models)
    return Weighed(StructurePrior(odds_of(total), source=source), models, gates)


def odds_of(said: Mapping[Pair, Floats]) -> dict[Pair, float]:
    """(cause, effect) → log odds of that edge against none, from log-likelihoods of a -> b, b -> a and no edge."""
    found: dict[Pair, float] = {}
    for (a, b), value in said.items():
        found[a, b] = round(float(value[0] - value[2]), 9)
        found[b, a] = round(float(value[1] - value[2]), 9)
    return found
