"""PC written for reading, not for speed: random worlds, d-separation, and what a right answer is.

Nothing here is shared with causalkit: graphs are sets of names, tests are textbook formulas on numpy and scipy, the
skeleton is three nested loops, and a CPDAG is what its definition says it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

Arrow = tuple[str, str]
Test = Callable[[str, str, tuple[str, ...]], float]
"""`test(a, b, given) → p`; NaN where it is not to be made."""


@dataclass(frozen=True)
class Dag:
    """Nodes in an order of time, and the causes of each."""

    nodes: tuple[str, ...]
    arrows: frozenset[Arrow]

    def causes(self, node: str) -> set[str]:
        return {a for a, b in self.arrows if b == node}

    def joined(self, a: str, b: str) -> bool:
        return (a, b) in self.arrows or (b, a) in self.arrows

    def colliders(self) -> set[tuple[str, str, str]]:
        """Open triples (a, middle, b), a < b, in which both arrows point at the middle."""
        return {
            (a, k, b)
            for k in self.nodes
            for a, b in itertools.combinations(sorted(self.causes(k)), 2)
            if not self.joined(a, b)
        }


def random_dag(rng: np.random.Generator, size: int, degree: float) -> Dag:
    """`degree` neighbours a node on average; names say nothing of the order."""
    names = tuple(f"v{i:02d}" for i in rng.permutation(size))
    chance = degree / max(size - 1, 1)
    return Dag(names, frozenset(pair for pair in itertools.combinations(names, 2) if rng.random() < chance))


def reachable(dag: Dag, start: str, given: Iterable[str]) -> set[str]:
    """What an active path joins to `start` (Koller & Friedman 2009, algorithm 3.1)."""
    given = set(given)
    causes = {node: dag.causes(node) for node in dag.nodes}
    effects = {node: {b for a, b in dag.arrows if a == node} for node in dag.nodes}
    above, ahead = set(), set(given)
    while ahead:
        node = ahead.pop()
        above.add(node)
        ahead |= causes[node] - above
    found, seen, todo = set(), set(), {(start, "up")}
    while todo:
        node, way = step = todo.pop()
        seen.add(step)
        if node not in given:
            found.add(node)
        following: set[tuple[str, str]] = set()
        if node not in given and way == "up":
            following |= {(c, "up") for c in causes[node]}
        if node not in given:
            following |= {(e, "down") for e in effects[node]}
        if way == "down" and node in above:
            following |= {(c, "up") for c in causes[node]}
        todo |= following - seen
    return found - {start}


def directions_in_all(dag: Dag, allowed: Callable[[str, str], bool]) -> tuple[set[Arrow], set[frozenset[str]]]:
    """The arrows that every DAG with this skeleton and these colliders has, and the edges on which they differ.

    By definition: an edge differs where the class, less the DAGs that `allowed` rules out, has a DAG either way.
    """
    fixed = {arrow for a, k, b in dag.colliders() for arrow in ((a, k), (b, k))}
    fixed |= {(a, b) for a, b in dag.arrows if not allowed(b, a)}
    directed, either = set(fixed), set()
    for a, b in dag.arrows - fixed:
        turned = {frozenset(arrow) for arrow in fixed} | {frozenset((a, b))}
        loose = {frozenset(arrow) for arrow in dag.arrows} - turned
        other = extension(dag.nodes, fixed | {(b, a)}, loose)
        if other is not None and Dag(dag.nodes, frozenset(other)).colliders() == dag.colliders():
            either.add(frozenset((a, b)))
        else:
            directed.add((a, b))
    return directed, either


def extension(nodes: Iterable[str], arrows: set[Arrow], loose: set[frozenset[str]]) -> set[Arrow] | None:
    """A DAG with these arrows, `loose` edges directed, and no collider but those of arrows (Dor & Tarsi 1992)."""
    left, dag = set(nodes), set(arrows)
    near = {node: set() for node in left}
    for pair in (*(frozenset(arrow) for arrow in arrows), *loose):
        for a, b in itertools.permutations(pair):
            near[a].add(b)
    while left:
        for x in sorted(left):
            beside = near[x] & left
            free = {y for y in beside if frozenset((x, y)) in loose}
            if any((x, y) in arrows for y in beside):
                continue
            if all(beside - {y} <= near[y] for y in free):
                dag |= {(y, x) for y in free}
                left.remove(x)
                break
        else:
            return None
    return dag


def gaussian_table(rng: np.random.Generator, dag: Dag, rows: int) -> dict[str, np.ndarray]:
    """Linear causes with weights of 0.3 to 1 either way, noise of variance 1."""
    table: dict[str, np.ndarray] = {}
    for node in dag.nodes:
        table[node] = rng.normal(size=rows)
        for cause in sorted(dag.causes(node)):
            table[node] = table[node] + rng.choice([-1, 1]) * rng.uniform(0.3, 1) * table[cause]
    return table


def discrete_table(rng: np.random.Generator, dag: Dag, rows: int) -> dict[str, np.ndarray]:
    """Two to four levels, a random distribution for each combination of the causes' levels."""
    table: dict[str, np.ndarray] = {}
    for node in dag.nodes:
        levels = int(rng.integers(2, 5))
        stratum = np.zeros(rows, np.int64)
        for cause in sorted(dag.causes(node)):
            stratum = stratum * 4 + table[cause]
        chances = rng.dirichlet(np.ones(levels), int(stratum.max()) + 1)
        table[node] = (rng.random(rows)[:, None] > np.cumsum(chances[stratum], axis=1)[:, :-1]).sum(axis=1)
    return table


def fisher_z(table: dict[str, np.ndarray]) -> Test:
    """Partial correlation by the inverse of the correlation matrix; Fisher's z."""
    names = sorted(table)
    every = np.corrcoef([table[name] for name in names])
    rows = len(table[names[0]])

    def test(a: str, b: str, given: tuple[str, ...]) -> float:
        at = [names.index(name) for name in (a, b, *given)]
        precision = np.linalg.inv(every[np.ix_(at, at)])
        r = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
        return float(2 * stats.norm.sf(np.sqrt(rows - len(given) - 3) * abs(np.arctanh(r))))

    return test


def g_squared(table: dict[str, np.ndarray], least: int = 5) -> Test:
    """G² over strata, degrees of freedom from the levels that occur in each; not made given something where there
    are fewer than `least` rows a degree of freedom.
    """

    def test(a: str, b: str, given: tuple[str, ...]) -> float:
        rows = len(table[a])
        stratum = np.unique(np.column_stack([np.zeros(rows), *(table[g] for g in given)]), axis=0, return_inverse=True)[
            1
        ]
        statistic, freedom = 0.0, 0
        for s in range(int(stratum.max()) + 1):
            x, y = table[a][stratum.ravel() == s], table[b][stratum.ravel() == s]
            counts = np.array([[np.sum((x == u) & (y == v)) for v in np.unique(y)] for u in np.unique(x)])
            expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
            filled = counts > 0
            statistic += 2 * float((counts[filled] * np.log(counts[filled] / expected[filled])).sum())
            freedom += (counts.shape[0] - 1) * (counts.shape[1] - 1)
        if freedom == 0 or (given and rows < least * freedom):
            return float("nan") if least else 1.0
        return float(stats.chi2.sf(max(statistic, 0), freedom))

    return test


@dataclass
class Skeleton:
    """Which pairs are adjacent, and how close to the threshold the closest test came: |p - alpha| / alpha."""

    joined: set[frozenset[str]] = field(default_factory=set)
    closest: float = np.inf
    tests: int = 0


def skeleton(names: Iterable[str], test: Test, alpha: float) -> Skeleton:
    """PC-stable (Colombo & Maathuis 2014), by loops: neighbours are those from before each size of set."""
    names = sorted(names)
    near = {a: set(names) - {a} for a in names}
    found, size = Skeleton(), 0
    while any(len(near[a]) > size for a in names):
        before = {a: set(near[a]) for a in names}
        for a in names:
            for b in before[a]:
                for given in itertools.combinations(sorted(before[a] - {b}), size):
                    p = test(a, b, given)
                    found.tests += 1
                    found.closest = min(found.closest, abs(p - alpha) / alpha) if p == p else found.closest
                    if p > alpha:
                        near[a].discard(b)
                        near[b].discard(a)
        size += 1
    found.joined = {frozenset((a, b)) for a in names for b in near[a]}
    return found
