"""What an answer about two variables says of the edge between them: a table of P(answer | edge, reverse, none)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

import numpy as np
import numpy.typing as npt

from causalkit.errors import InvalidParameter, Problem
from causalkit.types import Opinion
from causalkit.types.graph import Relation

__all__ = [
    "ANSWERS",
    "RELATIONS",
    "SHIPPED",
    "Pair",
    "Table",
    "evidence",
    "fit_table",
    "read_table",
    "shares",
    "tilted",
]

Floats = npt.NDArray[np.float64]
Pair = tuple[str, str]
Table = Floats
"""`[3, 4]`, rows as `RELATIONS`, columns as `ANSWERS`; each row sums to 1."""

RELATIONS = ("edge", "reverse", "none")
"""What is true of two variables a and b, in the order in which they were asked about: a -> b, b -> a, no edge."""
ANSWERS: tuple[Relation, ...] = get_args(Relation)
SHIPPED: Mapping[str, Mapping[str, float]] = {
    "edge": {"a->b": 0.90, "b->a": 0.034, "none": 0.007, "unsure": 0.059},
    "reverse": {"a->b": 0.063, "b->a": 0.79, "none": 0.043, "unsure": 0.104},
    "none": {"a->b": 0.436, "b->a": 0.188, "none": 0.228, "unsure": 0.148},
}
"""GPT-4, asked of pairs in five published networks (asia, cancer, child, insurance, alarm); fitted by
`benchmarks/discovery/likelihood.py`."""
FLOOR = 0.005
"""No answer is less likely than this, so that none can decide alone."""


def read_table(given: Mapping[str, Mapping[str, float]]) -> Table:
    """A table as numbers, each row scaled to sum 1.

    Raises
    ------
    InvalidParameter : a row or an answer is missing or unknown, or a number is no probability.
    """
    problems = []
    if set(given) != set(RELATIONS):
        problems.append(Problem("likelihood", f" has the rows {sorted(given)}; give {', '.join(RELATIONS)}"))
    for row, said in given.items():
        if set(said) - set(ANSWERS):
            problems.append(Problem(f"likelihood.{row}", f": {sorted(set(said) - set(ANSWERS))} are no answers"))
        values = np.array([said.get(answer, 0.0) for answer in ANSWERS], float)
        if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
            problems.append(Problem(f"likelihood.{row}", f" = {dict(said)} holds what is no probability"))
    if problems:
        raise InvalidParameter("Fused", problems, f"Answers: {', '.join(ANSWERS)}.")
    rows = np.array([[given[row].get(answer, 0.0) for answer in ANSWERS] for row in RELATIONS], float)
    rows = np.maximum(rows / rows.sum(axis=1, keepdims=True), FLOOR)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def fit_table(asked: Iterable[tuple[Iterable[Opinion], Iterable[Pair]]], smooth: float = 1.0) -> Table:
    """The table of answers about graphs that are known; (opinions, true edges) of each.

    Rows are Dirichlet-smoothed with `smooth` answers spread evenly. A pair counts once, however often it was asked.
    """
    counts = np.full((len(RELATIONS), len(ANSWERS)), smooth / len(ANSWERS))
    for opinions, edges in asked:
        told, true = list(opinions), set(edges)
        often = Counter(frozenset((o.a, o.b)) for o in told)
        for o in told:
            row = 0 if (o.a, o.b) in true else 1 if (o.b, o.a) in true else 2
            counts[row] += shares(o) / often[frozenset((o.a, o.b))]
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def tilted(table: Table, opinions: Sequence[Opinion], prior: float = 10.0) -> Table:
    """The table with this model's own position bias, read off pairs that were asked in both orders.

    A model without bias names the first of the two as the cause as often as the second there, whatever is true. How
    often it does is shrunk towards what the table expects, which is worth `prior` answers.
    """
    orders = {(o.a, o.b) for o in opinions}
    both = [shares(o) for o in opinions if (o.b, o.a) in orders]
    expected = table[:2].mean(axis=0)
    before = expected[0] / (expected[0] + expected[1])
    named = np.sum(both, axis=0)[:2] if both else np.zeros(2)
    now = (named[0] + prior * before) / (named.sum() + prior)
    turned = table * np.array([now / before, (1 - now) / (1 - before), 1.0, 1.0])
    return np.asarray(turned / turned.sum(axis=1, keepdims=True))


def evidence(opinions: Sequence[Opinion], table: Table, tempering: float) -> dict[Pair, Floats]:
    """(a, b) → log-likelihood of what was said of the two, `[3]`: of a -> b, b -> a, no edge; a before b by name.

    Several answers about one pair are not independent: m of them count as m ** (1 - tempering).
    """
    often = Counter(frozenset((o.a, o.b)) for o in opinions)
    found: dict[Pair, Floats] = {}
    for o in opinions:
        told = np.log(table @ shares(o)) * often[frozenset((o.a, o.b))] ** -tempering
        first, told = ((o.a, o.b), told) if o.a < o.b else ((o.b, o.a), told[[1, 0, 2]])
        found[first] = found.get(first, np.zeros(3)) + told
    return found


def shares(opinion: Opinion) -> Floats:
    """How probable each answer was to the model; all on what it said, where it gives no probabilities."""
    given = opinion.probabilities
    values = np.array([float(given.get(a, 0.0)) if given else float(opinion.said == a) for a in ANSWERS])
    total = values.sum()
    return np.asarray(values / total) if np.isfinite(total) and total > 0 else np.eye(4)[ANSWERS.index(opinion.said)]
