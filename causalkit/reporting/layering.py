"""A layered layout of a graph, after Sugiyama, Tagawa & Toda 1981 (IEEE Trans. SMC 11(2)).

Layers follow the tiers, and within a tier the longest path; long edges run over placeholder nodes;
layers are ordered by barycentre sweeps, keeping the order with the fewest crossings; coordinates
are the least-squares positions that keep order and distance (pool adjacent violators).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

__all__ = ["Layout", "layered"]

PLACEHOLDER_WIDTH = 14.0
Key = str | tuple[int, int]
"""A node's name, or (edge, layer) for the placeholder of a long edge."""


@dataclass
class Layout:
    """Where nodes stand: layer by name, centre by key, and each edge's way over the layers.

    `routes[i]` are (centre, layer) from the upper to the lower end of edge i, `ends[i]` those two names;
    `flipped` holds the edges whose upper end is their target. `bands` are (tier, first layer, last layer).
    """

    layer: dict[str, int]
    centre: dict[Key, float]
    routes: list[list[tuple[float, int]]]
    ends: list[tuple[str, str]]
    flipped: set[int]
    bands: list[tuple[int, int, int]]
    width: float
    order: list[list[Key]] = field(default_factory=list)


def layered(
    names: Sequence[str],
    edges: Sequence[tuple[str, str]],
    tiers: Mapping[str, int],
    widths: Mapping[str, float],
    *,
    gap: float = 18.0,
    per_layer: int = 5,
) -> Layout:
    """Lay out nodes `names` and `edges` (pairs of them, each way) in layers from top to bottom.

    Parameters
    ----------
    tiers : tier of each node; those missing take one from their neighbours.
    widths : pixels of each node. gap : pixels between two. per_layer : most nodes side by side.
    """
    tier = _every_tier(names, edges, tiers)
    place = {name: i for i, name in enumerate(sorted(names, key=_ranking(names, edges, tier)))}
    flipped = {i for i, (a, b) in enumerate(edges) if place[a] > place[b]}
    downward = [(b, a) if i in flipped else (a, b) for i, (a, b) in enumerate(edges)]
    layer, bands = _layers(sorted(names, key=place.__getitem__), downward, tier, per_layer)
    chains: list[list[Key]] = [
        [a, *((i, k) for k in range(layer[a] + 1, layer[b])), b] for i, (a, b) in enumerate(downward)
    ]
    order = _ordered(_first_order(layer, chains), [pair for chain in chains for pair in pairwise(chain)])
    centre, width = _coordinates(order, chains, widths, gap)
    depth = {key: k for k, row in enumerate(order) for key in row}
    routes = [[(centre[key], depth[key]) for key in chain] for chain in chains]
    return Layout(layer, centre, routes, downward, flipped, bands, width, order)


def _every_tier(names: Sequence[str], edges: Sequence[tuple[str, str]], tiers: Mapping[str, int]) -> dict[str, int]:
    known = {name: tiers[name] for name in names if name in tiers}
    for _ in names:
        for name in names:
            if name not in known:
                causes = [known[a] for a, b in edges if b == name and a in known]
                effects = [known[b] for a, b in edges if a == name and b in known]
                if causes or effects:
                    known[name] = max(causes) if causes else min(effects)
    lowest = min(known.values(), default=0)
    return {name: known.get(name, lowest) for name in names}


def _ranking(names: Sequence[str], edges: Sequence[tuple[str, str]], tier: Mapping[str, int]) -> Callable[[str], Any]:
    """A key that sorts by tier, then causes before effects; cycles are cut where first closed."""
    after: dict[str, list[str]] = {name: [] for name in names}
    for a, b in edges:
        if tier[a] == tier[b]:
            after[a].append(b)
    finished: dict[str, int] = {}

    def visit(name: str, open_: set[str]) -> None:
        for follower in after[name]:
            if follower not in finished and follower not in open_:
                visit(follower, open_ | {follower})
        finished.setdefault(name, -len(finished))

    for name in reversed(names):
        if name not in finished:
            visit(name, {name})
    return lambda name: (tier[name], finished[name])


def _layers(
    names: Sequence[str], downward: Sequence[tuple[str, str]], tier: Mapping[str, int], per_layer: int
) -> tuple[dict[str, int], list[tuple[int, int, int]]]:
    layer: dict[str, int] = {}
    bands: list[tuple[int, int, int]] = []
    start = 0
    for value in sorted(set(tier.values())):
        filled: list[int] = []
        for name in (n for n in names if tier[n] == value):
            above = [layer[a] - start for a, b in downward if b == name and tier[a] == value]
            row = max(above, default=-1) + 1
            while row < len(filled) and filled[row] >= per_layer:
                row += 1
            filled += [0] * (row + 1 - len(filled))
            filled[row] += 1
            layer[name] = start + row
        bands.append((value, start, start + len(filled) - 1))
        start += len(filled)
    return layer, bands


def _first_order(layer: Mapping[str, int], chains: Sequence[Sequence[Key]]) -> list[list[Key]]:
    rows: list[list[Key]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name, k in layer.items():
        rows[k].append(name)
    for chain in chains:
        for key in chain[1:-1]:
            rows[key[1]].append(key)  # type: ignore[index]
    return rows


def _ordered(rows: list[list[Key]], links: Sequence[tuple[Key, Key]], sweeps: int = 24) -> list[list[Key]]:
    """Barycentre sweeps down and up; the order with the fewest crossings is kept."""
    above: dict[Key, list[Key]] = {}
    below: dict[Key, list[Key]] = {}
    for a, b in links:
        above.setdefault(b, []).append(a)
        below.setdefault(a, []).append(b)
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(sweeps):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows[1:] if sweep % 2 == 0 else rows[-2::-1]:
            place = {key: i for r in rows for i, key in enumerate(r)}

            def barycentre(key: Key, near: dict[Key, list[Key]] = neighbours, at: dict[Key, int] = place) -> float:
                found = near.get(key)
                return sum(at[n] for n in found) / len(found) if found else at[key]

            row.sort(key=barycentre)
        crossings = _crossings(rows, links)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: Sequence[Sequence[Key]], links: Sequence[tuple[Key, Key]]) -> int:
    place = {key: (k, i) for k, row in enumerate(rows) for i, key in enumerate(row)}
    by_layer: dict[int, list[tuple[int, int]]] = {}
    for a, b in links:
        by_layer.setdefault(place[a][0], []).append((place[a][1], place[b][1]))
    return sum(
        (a - c) * (b - d) < 0
        for pairs in by_layer.values()
        for i, (a, b) in enumerate(pairs)
        for c, d in pairs[i + 1 :]
    )


def _coordinates(
    rows: Sequence[Sequence[Key]], chains: Sequence[Sequence[Key]], widths: Mapping[str, float], gap: float
) -> tuple[dict[Key, float], float]:
    def width(key: Key) -> float:
        return widths[key] if isinstance(key, str) else PLACEHOLDER_WIDTH

    near: dict[Key, list[tuple[Key, float]]] = {}
    for chain in chains:
        for a, b in pairwise(chain):
            pull = 1.0 + 2.0 * (not isinstance(a, str)) + 2.0 * (not isinstance(b, str))  # long edges run straight
            near.setdefault(a, []).append((b, pull))
            near.setdefault(b, []).append((a, pull))
    centre: dict[Key, float] = {}
    for row in rows:
        _pack(row, [0.0] * len(row), [1.0] * len(row), width, gap, centre)
    for _ in range(30):
        for row in [*rows, *reversed(rows)]:
            wanted, pulls = [], []
            for key in row:
                pull = sum(p for _, p in near.get(key, ()))
                mean = sum(p * centre[n] for n, p in near[key]) / pull if pull else centre[key]
                wanted.append(mean)
                pulls.append(max(pull, 0.2))
            _pack(row, wanted, pulls, width, gap, centre)
    left = min((centre[key] - width(key) / 2 for key in centre), default=0.0)
    right = max((centre[key] + width(key) / 2 for key in centre), default=0.0)
    return {key: x - left for key, x in centre.items()}, right - left


def _pack(
    row: Sequence[Key],
    wanted: Sequence[float],
    pulls: Sequence[float],
    width: Callable[[Key], float],
    gap: float,
    out: dict[Key, float],
) -> None:
    """Least-squares centres near `wanted` that keep the order and the distances of a row."""
    offset, at = [], 0.0
    for i, key in enumerate(row):
        if i:
            at += (width(row[i - 1]) + width(key)) / 2 + gap
        offset.append(at)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for w, pull, shift in zip(wanted, pulls, offset, strict=True):
        mean, weight, size = w - shift, pull, 1
        while blocks and blocks[-1][0] >= mean:
            before, heavy, many = blocks.pop()
            mean, weight, size = (before * heavy + mean * weight) / (heavy + weight), heavy + weight, many + size
        blocks.append((mean, weight, size))
    level = [mean for mean, _, size in blocks for _ in range(size)]
    for key, mean, shift in zip(row, level, offset, strict=True):
        out[key] = mean + shift
