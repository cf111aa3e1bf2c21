"""From scores and beliefs to the best graph and the probability of each arc.

Candidates are screened, orders annealed, candidates widened by what the best graphs lack, until the best score stays.
Then graphs are drawn from their posterior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit.errors import ConfigError, Problem
from causalkit.errors import nearest as close_name
from causalkit.types import Knowledge, StructurePrior
from causalkit_plugins.discoverers._candidates import REACH, nearest, screen, widen
from causalkit_plugins.discoverers._orders import Tables, climb, sample, tabulate
from causalkit_plugins.discoverers._posterior import draw_graphs, least_error
from causalkit_plugins.discoverers._scores import LocalScores, Set

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
ROUNDS = 8
"""How often candidates are widened at most."""
WIDE = 100
"""Columns beyond which fewer orders are annealed, so that the work grows as the square of their number."""


@dataclass(frozen=True)
class Beliefs:
    """What is known and believed of arcs, by position.

    Parameters
    ----------
    allowed : `[p, p]`, whether row -> column is not ruled out.
    required : each node's required parents.
    arcs : `[p, p]`, log odds of row -> column against no edge.
    before : `[p, p]`, log odds that row comes before column.
    """

    allowed: Bools
    required: list[Set]
    arcs: Floats
    before: Floats


@dataclass(frozen=True)
class Settings:
    """How to search; see the fields of `ScoreSearch`. `least_error`: give that graph, and not the best-scoring one."""

    max_parents: int = 4
    candidates: int = 12
    starts: int = 16
    sweeps: int = 60
    chains: int = 6
    draws: int = 150
    least_error: bool = False


@dataclass
class Found:
    """The best graph, and what the posterior says of arcs.

    Parameters
    ----------
    parents : each node's parents in the graph of the best score, or of the least expected error.
    marginals : `[p, p]`, the probability of row -> column.
    lost : each arc of `parents` (parent, child) → log score that the graph would lose without it.
    beliefs : what it was found under.
    notes : what a reader must know.
    """

    parents: list[Set]
    marginals: Floats
    lost: dict[tuple[int, int], float]
    beliefs: Beliefs
    notes: list[str] = field(default_factory=list)


def beliefs(
    names: Sequence[str],
    knowledge: Knowledge,
    prior: StructurePrior | None,
    comparable: Bools | None = None,
    degree: float | None = None,
) -> Beliefs:
    """Knowledge and prior as matrices over `names`; what says something of other variables is left aside.

    With a `degree`, the number of neighbours that a variable is expected to have, every arc starts from its odds.

    Raises
    ------
    ConfigError : the prior's log odds are not finite.
    """
    size = len(names)
    tiers = np.array([np.nan if (tier := knowledge.tiers.get(n)) is None else tier for n in names], float)
    allowed = ~(tiers[:, None] > tiers[None, :]) & ~np.eye(size, dtype=bool)
    if comparable is not None:
        allowed &= comparable
    place = {name: at for at, name in enumerate(names)}
    needed: list[list[int]] = [[] for _ in names]
    for a, b in knowledge.forbidden:
        if a in place and b in place:
            allowed[place[a], place[b]] = False
    for a, b in knowledge.required:
        if a in place and b in place:
            needed[place[b]].append(place[a])
            allowed[place[b], place[a]] = False
            allowed[place[a], place[b]] = True
    given = prior or StructurePrior()
    arcs = _matrix(given.edges, place) + rare(degree, size)
    return Beliefs(allowed, [tuple(sorted(own)) for own in needed], arcs, _matrix(given.orders, place))


def rare(degree: float | None, size: int) -> float:
    """Log odds of an arc one way against no edge, among `size` variables that have `degree` neighbours on average.

    Never above 0, where both ways and none are equally likely.
    """
    if degree is None or size < 2:
        return 0.0
    joined = min(degree / (size - 1), 2 / 3)
    return float(np.log(joined / 2 / (1 - joined)))


def _matrix(odds: Mapping[tuple[str, str], float], place: Mapping[str, int]) -> Floats:
    found = np.zeros((len(place), len(place)))
    wrong = [f"{a} -> {b}" for (a, b), value in odds.items() if not np.isfinite(value)]
    if wrong:
        raise ConfigError("prior", [Problem(arc, ": its log odds are not a finite number") for arc in sorted(wrong)])
    for (a, b), value in odds.items():
        if a in place and b in place:
            found[place[a], place[b]] = value
    return found


def unknown(prior: StructurePrior, names: Sequence[str]) -> None:
    """Raise `ConfigError` where a prior names variables that are not there."""
    named = {name for pair in (*prior.edges, *prior.orders) for name in pair}
    problems = [Problem(name, f": no such variable{close_name(name, names)}") for name in sorted(named - set(names))]
    if problems:
        raise ConfigError("prior", problems, f"Its source: {prior.source}.")


def find(scores: LocalScores, known: Beliefs, settings: Settings, context: Context) -> Found:
    """The best graph, and the probabilities of arcs under their posterior."""
    if scores.size < 2:
        return Found([()] * scores.size, np.zeros((scores.size, scores.size)), {}, known)
    tables, orders = best_orders(scores, known, settings, context)
    chance = _marginals(tables, orders, settings, context)
    parents = least_error(chance) if settings.least_error else tables.best_parents(orders[0])
    return Found(parents, chance, _lost(scores, parents), known, _notes(scores, known, settings))


def _marginals(tables: Tables, orders: npt.NDArray[np.intp], settings: Settings, context: Context) -> Floats:
    """The probability of each arc, from chains that begin near the best graph."""
    reached = tables.score(orders, tables.best)
    rng = context.rng("marginals")
    weight = np.exp(reached - reached[0])
    near = orders[rng.choice(len(orders), settings.chains, p=weight / weight.sum())]
    if tables.before.any():
        return sample(tables, near, rng, settings.draws, context)
    return draw_graphs(tables, [tables.best_parents(order) for order in near], rng, settings.draws, context)


def best_orders(
    scores: LocalScores, known: Beliefs, settings: Settings, context: Context
) -> tuple[Tables, npt.NDArray[np.intp]]:
    """Tables of the last candidates, and orders found on them, best first."""
    most = settings.candidates
    near = nearest(scores, known.allowed, known.arcs)
    candidates = screen(scores, near, known.arcs, known.required, most)
    starts = max(2, min(settings.starts, settings.starts * WIDE // scores.size))
    best, tried = -np.inf, {tuple(candidates)}
    for turn in range(ROUNDS):
        tables = tabulate(
            scores,
            candidates,
            arcs=known.arcs,
            required=known.required,
            before=known.before,
            max_parents=settings.max_parents,
        )
        rng = context.rng(f"orders {turn}")
        orders, reached = climb(tables, rng, starts=starts, sweeps=settings.sweeps, context=context)
        graphs = [tables.best_parents(order) for order in orders[:4]]
        better, best = reached[0] > best + 1e-6, max(best, float(reached[0]))
        candidates = widen(scores, graphs, candidates, near, known.arcs, known.required, most)
        if tuple(candidates) in tried or (turn and not better):
            break
        tried.add(tuple(candidates))
    return tables, orders


def _lost(scores: LocalScores, parents: Sequence[Set]) -> dict[tuple[int, int], float]:
    found = {}
    for i, own in enumerate(parents):
        for j in own:
            rest = [k for k in own if k != j]
            found[j, i] = scores.local(i, own) - scores.local(i, rest)
    return found


def _notes(scores: LocalScores, known: Beliefs, settings: Settings) -> list[str]:
    possible = int(known.allowed.sum(axis=0).max(initial=0))
    if possible <= settings.candidates:
        return list(scores.notes)
    return [
        *scores.notes,
        f"each variable chose its parents among at most {settings.candidates} candidates of the "
        f"{min(possible, REACH)} columns that it depends on most, and at most {settings.max_parents} of them",
    ]
