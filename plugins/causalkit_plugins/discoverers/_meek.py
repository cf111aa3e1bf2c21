"""Meek's four rules, from each new arrow to what follows of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalkit_plugins.discoverers._orientation import Arrow, Marks


def close(marks: Marks, fresh: Iterable[Arrow]) -> list[Arrow]:
    """Apply the rules until nothing follows; says which arrows did.

    A rule holds from the moment at which the last of its arrows is there, so only what is near a fresh
    arrow is looked at.
    """
    followed: list[Arrow] = []
    fresh = list(fresh)
    while fresh:
        fresh = marks.turn({arrow for a, b in fresh for arrow in _implied(marks, a, b)})
        followed += fresh
    return followed


def _implied(marks: Marks, a: int, b: int) -> Iterator[Arrow]:
    """What follows of `a -> b` and the rest."""
    loose, near = marks.loose, marks.near
    for j in loose[b] - near[a]:  # 1: a -> b -- j, a and j apart: b -> j
        if marks.no_collider(a, b, j):
            yield b, j
    for j in marks.children[b] & loose[a]:  # 2: a -> b -> j and a -- j: a -> j
        yield a, j
    for i in marks.parents[a] & loose[b]:
        yield i, b
    if not loose[b] and not loose[a]:
        return
    for other in marks.parents[b] - near[a] - {a}:  # 3: i -- a -> b, i -- other -> b, a and other apart: i -> b
        for i in loose[a] & loose[other] & loose[b]:
            if marks.no_collider(a, i, other):
                yield i, b
    for j in marks.children[b] - near[a]:  # 4: i -- a -> b -> j, i adjacent to b, a and j apart: i -> j
        yield from _long_chain(marks, a, b, j)
    for k in marks.parents[a] - near[b]:  # the same, a -> b its second arrow
        yield from _long_chain(marks, k, a, b)


def _long_chain(marks: Marks, k: int, middle: int, j: int) -> Iterator[Arrow]:
    for i in marks.loose[k] & marks.near[middle] & marks.loose[j]:
        if marks.no_collider(k, i, j):
            yield i, j
