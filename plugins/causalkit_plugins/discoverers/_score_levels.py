"""Which score a table gets, and how rows count that repeat units or depend on each other.

Two columns are compared where `_routes.py` says: a coin per week with anything by the weeks' means, as many as there
are weeks. Rows of one user, item or week that resemble each other in both columns count for less: n is divided by
the design effect 1 + (m - 1) r s, for clusters of m rows within which the columns correlate by r and s (Moulton
1986, J. Econometrics 32), rounded up to a power of 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causalkit.types import Variables
from causalkit_plugins.discoverers._columns import Columns
from causalkit_plugins.discoverers._routes import Place, Routes, routes
from causalkit_plugins.discoverers._scores import BDeu, Floats, GaussianBIC, Ints, LocalScores, Set
from causalkit_plugins.discoverers._tree_scores import TreeBDeu

Bools = npt.NDArray[np.bool_]
_FLAT = 1e-7


def scores_of(columns: Columns, variables: Variables, ess: float, trees: bool = False) -> tuple[LocalScores, Bools]:
    """BDeu of discrete columns, else BIC; and `[p, p]`, whether two columns vary where they can be compared.

    With `trees`, BDeu in the leaves of trees.
    """
    found = routes(variables, columns.names)
    size, rows = len(columns.names), len(variables.table)
    if found.plain or not size:
        return _at(columns, None, rows, rows, ess, trees), np.ones((size, size), bool)
    met = found.met[found.level[:, None], found.level[None, :]]
    comparable = met[:, :, 0] == met[:, :, 1]
    place, halvings = met[:, :, 0], _halvings(columns, found, rows)
    keys = sorted({(int(at), int(k)) for at, k in zip(place[comparable], halvings[comparable], strict=True)})
    units = [_units(found.places[at], rows) / 2**k for at, k in keys]
    each = [_at(columns, found.places[at], n, rows, ess, trees) for (at, _), n in zip(keys, units, strict=True)]
    of_pair = np.full((size, size), -1)
    for number, (at, k) in enumerate(keys):
        of_pair[(place == at) & (halvings == k) & comparable] = number
    scores = Levelled(each, of_pair, units)
    scores.notes = _notes(found, keys, units, rows, comparable)
    return scores, comparable


def _units(place: Place, rows: int) -> float:
    return float(rows if place.unit is None else place.unit.max() + 1)


def _at(columns: Columns, place: Place | None, n: float, rows: int, ess: float, trees: bool) -> LocalScores:
    """The scores at one place, with n units behind it."""
    if columns.codes is not None:
        return (TreeBDeu if trees else BDeu)(columns.codes, ess, n / max(rows, 1))
    assert columns.scores is not None
    values = _means(columns.scores, place)
    correlation = values.T @ values / max(len(values), 1)
    np.fill_diagonal(correlation, 1)
    return GaussianBIC(correlation, n, columns.blocks)


def _means(values: Floats, place: Place | None) -> Floats:
    """The columns at a place, centred and of variance 1; one that does not vary there is 0."""
    if place is not None and place.unit is not None:
        count = np.bincount(place.unit)
        values = np.column_stack([np.bincount(place.unit, column) / count for column in values.T])
    centred = values - values.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    return np.asarray(np.where(spread > _FLAT, centred / np.maximum(spread, _FLAT), 0))


def _halvings(columns: Columns, found: Routes, rows: int) -> Ints:
    """How often n of each pair is halved for its design effect, `[p, p]`, at the place where the pair is compared."""
    size = len(columns.names)
    halvings = np.zeros((size, size), np.intp)
    met = found.met[found.level[:, None], found.level[None, :], 0]
    for at, place in enumerate(found.places):
        effect = np.ones((size, size))
        for cluster in place.clusters:
            largest = float((np.bincount(cluster) ** 2).sum() / len(cluster))
            alike = _alike(columns, place, cluster)
            effect += (largest - 1) * np.outer(alike, alike)
        needed = np.ceil(np.log2(effect / 1.1)).clip(0).astype(np.intp)
        halvings = np.where(met == at, needed, halvings)
    np.fill_diagonal(halvings, 0)
    return halvings


def _alike(columns: Columns, place: Place, cluster: Ints) -> Floats:
    """The correlation of each column within clusters, `[p]`; of several indicators, the largest."""
    sizes = np.bincount(cluster).astype(float)
    pairs = (sizes**2).sum() - len(cluster)
    found = []
    for i in range(len(columns.names)):
        values = _means(_indicators(columns, i), place)
        sums = np.column_stack([np.bincount(cluster, column) for column in values.T])
        varies = values.any(axis=0)
        alike = ((sums**2).sum(axis=0) - len(cluster)) / max(pairs, 1)
        found.append(float(np.where(varies, alike, 0).max(initial=0)))
    return np.clip(found, 0, 1)


def _indicators(columns: Columns, i: int) -> Floats:
    if columns.codes is not None:
        return np.asarray(columns.codes[:, [i]] == np.arange(columns.codes[:, i].max() + 1), float)
    assert columns.scores is not None
    return columns.scores[:, columns.blocks[i]]


def _notes(
    found: Routes, keys: Sequence[tuple[int, int]], units: Sequence[float], rows: int, comparable: Bools
) -> tuple[str, ...]:
    fewer = {found.places[at].said: n for (at, _), n in zip(keys, units, strict=True) if n < rows}
    told = ", ".join(f"{place} as {n:.0f} at least" for place, n in fewer.items())
    said = [f"rows repeat units or depend on each other, and {rows} of them count: {told}"] if told else []
    if crossing := int(np.triu(~comparable).sum()):
        said.append(f"{crossing} pairs of columns have no level in common, and no edge")
    return tuple(said)


class Levelled(LocalScores):
    """Scores of columns that are compared at several places, such as weeks and rows.

    A parent counts where it and the child are compared, given the parents that are compared with it at more units: a
    week's weather adds to sales what it adds to the weekly means, with as many units as weeks.

    Parameters
    ----------
    each : the scores at each place.
    of_pair : `[p, p]`, at which of them two columns are compared.
    units : how many units there are at each.
    """

    def __init__(self, each: Sequence[LocalScores], of_pair: Ints, units: Sequence[float]) -> None:
        super().__init__(each[0].size)
        self.each = each
        self.of_pair = of_pair
        self.most_first = [int(at) for at in np.argsort(np.negative(units), kind="stable")]

    def _joint(self, sets: Ints) -> Floats:
        raise NotImplementedError("scores of several places have no joint score")

    def locals(self, child: int, parent_sets: Sequence[Set]) -> Floats:
        """The score of `child` given each set of parents."""
        own = self.of_pair[child]
        found = np.full(len(parent_sets), self.each[own[child]].local(child, ()))
        held: list[Set] = [()] * len(parent_sets)
        for at in self.most_first:
            more = [
                tuple(sorted((*h, *(j for j in s if own[j] == at)))) for h, s in zip(held, parent_sets, strict=True)
            ]
            if more != held:
                with_more, without = self.each[at].locals(child, more), self.each[at].locals(child, held)
                found += np.where(np.isfinite(with_more), with_more, 0) - np.where(np.isfinite(without), without, 0)
                found[~np.isfinite(with_more)] = -np.inf
            held = more
        return found
