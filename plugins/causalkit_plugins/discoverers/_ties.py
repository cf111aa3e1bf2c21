"""What a prior decides where the data do not: edges without a direction, and evidence that points both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from causalkit.types import StructurePrior
from causalkit_plugins.discoverers._meek import close
from causalkit_plugins.discoverers._orientation import Arrow, Marks, reaches


def break_ties(marks: Marks, odds: Mapping[Arrow, float]) -> dict[Arrow, Arrow]:
    """Direct what is undirected by log odds, the surest first, with all that follows by Meek's rules.

    A direction is not taken where it, or what follows of it, would make a cycle, or a collider of a triple
    that is none.

    Parameters
    ----------
    odds : (i, j) → log of P(i -> j) / P(j -> i), above 0.

    Returns
    -------
    dict : each arrow so directed, and the arrow of `odds` that it follows of (itself, for one of `odds`).
    """
    decided: dict[Arrow, Arrow] = {}
    for (a, b), _ in sorted(odds.items(), key=lambda item: (-item[1], item[0])):
        if b not in marks.near[a] or b in marks.children[a] or b in marks.parents[a]:
            continue
        undecided = set(marks.undecided)
        marks.point(a, b)
        fresh = [(a, b), *close(marks, [(a, b)])]
        if marks.undecided <= undecided and all(_fits(marks, arrow) for arrow in fresh):
            decided |= dict.fromkeys(fresh, (a, b))
        else:
            _take_back(marks, fresh, undecided)
    return decided


def _fits(marks: Marks, arrow: Arrow) -> bool:
    a, b = arrow
    others = marks.parents[b] - marks.near[a] - {a}
    return not any(marks.no_collider(a, b, c) for c in others) and not reaches(marks, b, a)


def _take_back(marks: Marks, arrows: Sequence[Arrow], undecided: set[Arrow]) -> None:
    for a, b in arrows:
        marks.doubt(a, b)
    for a, b in marks.undecided - undecided:
        marks.loose[a].add(b)
        marks.loose[b].add(a)
    marks.undecided = undecided


def directions(prior: StructurePrior, names: Sequence[str]) -> dict[Arrow, float]:
    """(i, j) → log odds of `i -> j` against `j -> i`, by place in `names`; pairs without any are left out."""
    place = {name: at for at, name in enumerate(names)}
    odds: dict[Arrow, float] = {}
    for beliefs in (prior.edges, prior.orders):
        for (a, b), value in beliefs.items():
            if a in place and b in place:
                i, j = place[a], place[b]
                odds[i, j] = odds.get((i, j), 0.0) + value
                odds[j, i] = odds.get((j, i), 0.0) - value
    return {arrow: value for arrow, value in odds.items() if value > 0}
