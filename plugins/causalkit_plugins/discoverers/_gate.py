"""The gate: does the data score graphs grown from a model's directions above graphs grown from their reverse?

On one half of the rows a search starts from the model's directions and another from their reverse, each continued on
that half alone. Both graphs are scored on the other half, so that no row is used twice; then the halves change places.
No true graph takes part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context
from causalkit.types import Knowledge, Variables
from causalkit_plugins.discoverers._columns import prepare
from causalkit_plugins.discoverers._likelihood import Pair
from causalkit_plugins.discoverers._score_levels import scores_of
from causalkit_plugins.discoverers._scores import LocalScores

__all__ = ["Gate", "Halves", "halves"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Parents = list[set[int]]
RIGHT = 0.85
"""How often a reliable model's graph wins; a blind one's wins half of the time."""
FEWEST = 20
"""Rows, or units, that a half needs."""


@dataclass(frozen=True)
class Gate:
    """What the other half said, fold by fold.

    Parameters
    ----------
    gains : what it scores the graph grown from the model's directions above that from their reverse, in nats.
    differ : pairs on which the two graphs point otherwise.
    """

    gains: tuple[float, ...]
    differ: tuple[int, ...]

    def log_likelihood(self, weights: Floats) -> Floats:
        """Of each reliability: a fold counts as the root of its pairs, which are not independent."""
        won = 0.5 + (RIGHT - 0.5) * weights
        found = np.zeros_like(weights)
        for gain, pairs in zip(self.gains, self.differ, strict=True):
            first = 1 / (1 + np.exp(-np.clip(gain, -50, 50)))
            found += np.sqrt(pairs) * np.log(first * won + (1 - first) * (1 - won))
        return found


@dataclass(frozen=True)
class Halves:
    """Scores of the whole and of its halves, over `names`; kept, so that several models can be judged by them."""

    names: tuple[str, ...]
    allowed: Bools
    whole: LocalScores
    each: tuple[LocalScores, LocalScores]

    def judge(self, joined: Iterable[Pair], odds: Mapping[Pair, float], context: Context = Context()) -> Gate:
        """The gate of a model.

        Parameters
        ----------
        joined : the pairs that a graph may join.
        odds : (a, b) → the model's log odds of a -> b against b -> a; only their signs and order count.
        """
        place = {name: i for i, name in enumerate(self.names)}
        pairs = [(place[a], place[b]) for a, b in joined if a in place and b in place]
        near = np.zeros((len(place), len(place)), bool)
        for i, j in pairs:
            near[i, j] = near[j, i] = True
        said = [((place[a], place[b]), value) for (a, b), value in odds.items() if a in place and b in place]
        arrows = [(arc if value > 0 else arc[::-1]) for arc, value in sorted(said, key=lambda s: -abs(s[1])) if value]
        arrows = [(i, j) for i, j in arrows if near[i, j]]
        ways = self.allowed & near
        gains, differ = [], []
        for half in self.each:
            first = climb(half, _start(arrows, ways), ways, context)
            second = climb(half, _start([(j, i) for i, j in arrows], ways), ways, context)
            gains.append(self._held_out(half, first) - self._held_out(half, second))
            differ.append(sum(j in second[i] for j, own in enumerate(first) for i in own))
        return Gate(tuple(gains), tuple(differ))

    def _held_out(self, half: LocalScores, parents: Parents) -> float:
        """What a graph scores on the rows outside `half`, given those in it."""
        return self.whole.graph_score(parents) - half.graph_score(parents)


def halves(variables: Variables, knowledge: Knowledge, ess: float, context: Context) -> Halves | None:
    """The scores of a table and of its halves; None where it is too small.

    Units that repeat over rows stay together. The same rows in another order are split alike.

    Raises
    ------
    DataError : the columns fit no score.
    """
    variables = variables.repeated()
    sides = _sides(variables, context)
    if min(sides.sum(), (~sides).sum()) < max(FEWEST, len(variables.names) + 2):
        return None
    parts = [_rows(variables, side) for side in (sides, ~sides)]
    names = set(variables.names)
    for part in (variables, *parts):
        names &= set(prepare(part, "auto").names)
    if len(names) < 2:
        return None
    kept = [part.select(sorted(names)) for part in (variables, *parts)]
    columns = [prepare(part, "auto") for part in kept]
    if any(set(one.names) != names for one in columns) or len({one.codes is None for one in columns}) > 1:
        return None
    scored = [scores_of(one, part, ess) for one, part in zip(columns, kept, strict=True)]
    order = columns[0].names
    allowed = np.array([[a != b and knowledge.allows(a, b) for b in order] for a in order])
    (whole, comparable), (first, _), (second, _) = scored
    return Halves(order, allowed & comparable, whole, (first, second))


def climb(scores: LocalScores, parents: Parents, ways: Bools, context: Context) -> Parents:
    """The nearest graph that no arc added, taken out or turned round betters."""
    pairs = [(int(i), int(j)) for i, j in zip(*np.nonzero(ways), strict=True)]
    while True:
        context.check()
        moves = [
            (round(gain, 6), -i, -j, after) for i, j in pairs for gain, after in _moves(scores, parents, i, j, ways)
        ]
        for gain, _, _, after in sorted(moves, key=lambda move: move[:3], reverse=True):
            if gain <= 0:
                return parents
            if _acyclic(changed := [after.get(k, own) for k, own in enumerate(parents)]):
                parents = changed
                break
        else:
            return parents


def _moves(
    scores: LocalScores, parents: Parents, i: int, j: int, ways: Bools
) -> Iterable[tuple[float, dict[int, set[int]]]]:
    """What can be done with i -> j, and what the score gains by it."""
    now = scores.local(j, parents[j])
    if i not in parents[j]:
        if j not in parents[i]:
            more = parents[j] | {i}
            yield scores.local(j, more) - now, {j: more}
        return
    less = parents[j] - {i}
    gain = scores.local(j, less) - now
    yield gain, {j: less}
    if ways[j, i]:
        turned = parents[i] | {j}
        yield gain + scores.local(i, turned) - scores.local(i, parents[i]), {j: less, i: turned}


def _start(arrows: Sequence[tuple[int, int]], ways: Bools) -> Parents:
    """The arrows, first come, that are allowed and close no cycle."""
    parents: Parents = [set() for _ in ways]
    for i, j in arrows:
        if ways[i, j]:
            parents[j].add(i)
            if not _acyclic(parents):
                parents[j].remove(i)
    return parents


def _acyclic(parents: Parents) -> bool:
    left = {k: set(own) for k, own in enumerate(parents)}
    while left:
        free = [k for k, own in left.items() if not own & left.keys()]
        if not free:
            return False
        for k in free:
            del left[k]
    return True


def _sides(variables: Variables, context: Context) -> Bools:
    """Which rows are in the first half; whole units together, whatever the order of rows."""
    rng = context.rng("halves")
    if not variables.units.empty:
        by = min(variables.clusters or variables.units.columns, key=lambda name: variables.units[name].nunique())
        values = sorted(variables.units[by].unique(), key=str)
        chosen = {value for value, first in zip(values, _half(rng, len(values)), strict=True) if first}
        if len(values) >= FEWEST:
            return np.asarray(variables.units[by].isin(chosen))
    order = np.lexsort([pd.factorize(variables.table[n], sort=True)[0] for n in sorted(variables.names)])
    sides = np.empty(len(order), bool)
    sides[order] = _half(rng, len(order))
    return sides


def _half(rng: np.random.Generator, size: int) -> Bools:
    return np.asarray(rng.permutation(size) < (size + 1) // 2)


def _rows(variables: Variables, rows: Bools) -> Variables:
    units = variables.units if variables.units.empty else variables.units[rows].reset_index(drop=True)
    return replace(variables, table=variables.table[rows].reset_index(drop=True), units=units)
