"""Experts whose accuracy is known, recorded experts turned against the data, and networks that nobody has read of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from _networks import Network, Pair

from causalkit.types import Opinion

FLIPPED: dict[Any, Any] = {"a->b": "b->a", "b->a": "a->b", "none": "none", "unsure": "unsure"}
RELATIONS: tuple[Any, ...] = ("a->b", "b->a", "none")


def flipped(opinions: Iterable[Opinion]) -> list[Opinion]:
    """Every direction turned round."""
    return [replace(o, said=FLIPPED[o.said], probabilities=None) for o in opinions]


def coin(opinions: Iterable[Opinion], rng: np.random.Generator) -> list[Opinion]:
    """The same questions answered by chance: a causes b, b causes a, or neither, each as likely."""
    return [replace(o, said=RELATIONS[rng.integers(3)], probabilities=None) for o in opinions]


def expert(pairs: Sequence[Pair], true: frozenset[Pair], accuracy: float, rng: np.random.Generator) -> list[Opinion]:
    """An expert who is right about a pair with probability `accuracy`, and else says one of the other two."""
    found = []
    for a, b in pairs:
        truth = "a->b" if (a, b) in true else "b->a" if (b, a) in true else "none"
        wrong = [said for said in RELATIONS if said != truth]
        found.append(Opinion(a, b, truth if rng.random() < accuracy else wrong[rng.integers(2)], "scripted"))
    return found


def renamed(network: Network, rng: np.random.Generator) -> Network:
    """The same under neutral words, in an order that says nothing."""
    words = dict(zip(rng.permutation(sorted(network.states)), (f"v{i:02d}" for i in range(99)), strict=False))
    return Network(
        f"{network.name}, renamed",
        {words[v]: own for v, own in network.states.items()},
        {words[v]: tuple(words[c] for c in own) for v, own in network.parents.items()},
        {words[v]: own for v, own in network.tables.items()},
    )


def invented(size: int, rng: np.random.Generator) -> Network:
    """A network of an invented domain: up to three causes a variable, two to four values, tables drawn at random."""
    names = [str(name) for name in rng.permutation([f"w{i:02d}" for i in range(size)])]
    states = {name: tuple(f"s{k}" for k in range(rng.integers(2, 5))) for name in names}
    parents, tables = {}, {}
    for place, name in enumerate(names):
        count = min(place, int(rng.integers(0, 4)))
        causes = tuple(str(c) for c in rng.choice(names[:place], count, replace=False)) if count else ()
        shape = [len(states[c]) for c in causes]
        parents[name] = causes
        tables[name] = rng.dirichlet(np.full(len(states[name]), 0.5), size=shape)
    return Network("invented", states, parents, tables)
