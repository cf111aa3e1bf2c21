"""From what a foreign search found to our graph: marks after knowledge, strength, confidence, evidence, notes."""

from __future__ import annotations

import math

import numpy as np

from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, Mark, Separation
from causalkit_plugins.discoverers._causal_learn_mending import mend_latent, mend_sufficient, readable
from causalkit_plugins.discoverers._causal_learn_methods import Found
from causalkit_plugins.discoverers._foreign_table import ForeignTable

__all__ = ["make_graph"]

Read = tuple[float, float | None, str]
"""Of a pair: p-value, strength, and what was read."""


def make_graph(
    latent: bool, nodes: tuple[str, ...], table: ForeignTable, found: Found | None, known: Knowledge
) -> CausalGraph:
    """The graph over `nodes`; columns that took no part have no edge from data."""
    names = table.names
    notes = [*table.notes, *([] if found is None else [*found.notes, *_repeating(table, found)])]
    drawn = {} if found is None else readable(found.ends, names, latent)
    read = {pair: _read(table, found, *pair) for pair in drawn if found is not None}
    if latent:
        edges, said = mend_latent(drawn, known)
    else:
        rank = sorted(drawn, key=lambda pair: (read[pair][0], -(read[pair][1] or 0), sorted(pair)))
        edges, said = mend_sufficient(drawn, known, rank)
    told = [_edge(pair, mark, drawn, read, known) for pair, mark in sorted(edges.items())]
    separations = () if found is None else _separations(table, found)
    kept = {frozenset(pair) for pair in edges}
    apart = tuple(s for s in separations if frozenset((s.a, s.b)) not in kept)
    return CausalGraph(nodes, tuple(told), apart, (*notes, *said), latent=latent)


def _edge(
    pair: tuple[str, str],
    mark: Mark,
    drawn: dict[tuple[str, str], Mark],
    read: dict[tuple[str, str], Read],
    known: Knowledge,
) -> Edge:
    a, b = pair
    back = (b, a)
    seen = pair if pair in drawn else back if back in drawn else None
    evidence = []
    if pair in known.required:
        evidence.append(Evidence("knowledge", f"required: {known.because(a, b)}"))
    elif seen is not None and (seen != pair or drawn[seen] != mark):
        said = f"{seen[0]} {drawn[seen]} {seen[1]} before knowledge ({known.source})"
        evidence.append(Evidence("knowledge", said))
    if seen is None:
        return Edge(a, b, mark, 1.0, tuple(evidence))
    p, strength, what = read[seen]
    evidence.append(Evidence("data", what, p))
    return Edge(a, b, mark, 1.0 if pair in known.required else 1 - p, tuple(evidence), strength)


def _read(table: ForeignTable, found: Found, a: str, b: str) -> Read:
    x, y = table.names.index(a), table.names.index(b)
    if found.weights is not None:
        p, _ = _partial(table, x, y)
        weight = float(abs(found.weights[x, y] or found.weights[y, x]))
        return p, weight, "weight between standardised columns; p of their partial correlation given all others"
    if table.discrete:
        p, nats = _g_squared(table, x, y)
    else:
        p, nats = _partial(table, x, y)
    scale = "G²/2n of the two alone, in nats" if table.discrete else "partial correlation given all other columns"
    if found.tried is not None:
        _, p = found.tried.weakest(x, y)
        return p, nats, f"largest p-value of its tests; strength: {scale}"
    return p, nats, scale


def _partial(table: ForeignTable, x: int, y: int) -> tuple[float, float]:
    """Fisher's z of two columns given all others: p-value and |partial correlation|."""
    inverse = np.linalg.pinv(np.corrcoef(table.values.T))
    r = min(abs(float(inverse[x, y])) / math.sqrt(abs(float(inverse[x, x] * inverse[y, y])) or 1.0), 1 - 1e-15)
    spare = int(min(table.units[x], table.units[y])) - len(table.names) - 1
    return (math.erfc(math.sqrt(spare / 2) * math.atanh(r)) if spare > 0 else 1.0), r


def _g_squared(table: ForeignTable, x: int, y: int) -> tuple[float, float]:
    from scipy.stats import chi2_contingency

    codes = table.values[:, [x, y]].astype(np.int64)
    counts = np.zeros(codes.max(axis=0) + 1)
    np.add.at(counts, (codes[:, 0], codes[:, 1]), 1)
    told = chi2_contingency(counts, correction=False, lambda_="log-likelihood")
    return float(told.pvalue), float(told.statistic) / (2 * len(codes))


def _separations(table: ForeignTable, found: Found) -> tuple[Separation, ...]:
    """For each pair that a test took apart, the set of greatest p-value."""
    if found.tried is None:
        return ()
    names = table.names
    apart = []
    for x, y in sorted(found.tried.results):
        if found.ends[x, y] == 0:
            given, p = found.tried.weakest(x, y)
            a, b = sorted((names[x], names[y]))
            apart.append(Separation(a, b, tuple(sorted(names[g] for g in given)), p))
    return tuple(sorted(apart, key=lambda s: (s.a, s.b)))


def _repeating(table: ForeignTable, found: Found) -> list[str]:
    """Which columns have fewer units than rows, where the search counted rows."""
    if found.tried is not None and found.tried.method == "fisherz":
        return []
    few = [f"{name} ({n})" for name, n in sorted(zip(table.names, table.units, strict=True)) if n < len(table.values)]
    if not few:
        return []
    return [f"{len(table.values)} rows counted as independent, though fewer units have a value of {', '.join(few)}"]
