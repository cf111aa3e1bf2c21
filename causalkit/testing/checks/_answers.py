"""What an estimator says of planted logs, each log fitted once for all checks; and how errors are judged.

A component *claims* a world where all that it `assumes` holds. What it says of an item is the item table's, after
the frame has written statuses. Components of segments or pairs are also read as their users are: `personal` is the
average over the log's users of what `Effects.matrix` gives them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from causalkit.assumptions import ASSUMPTIONS, assumed_by
from causalkit.errors import CausalkitError
from causalkit.statuses import write_statuses
from causalkit.testing.kit import Subject, Unverified
from causalkit.testing.worlds import EFFECT_WORLDS, EffectWorld, effect_world
from causalkit.types import EXCLUDED, Effects

SEEDS = (0, 1)
"""Each world is drawn with these."""
CLEARLY = 4.0
"""Errors of this many standard errors are no noise: a right answer has them once in 16,000 times."""
UNLIKELY = 1e-3
"""Intervals hold too few effects where ones that hold 90 % would hold so few with a probability below this."""
_COLUMNS = ["effect", "stderr", "lower", "upper", "raw", "treated", "status", "reason"]


@dataclass(frozen=True)
class Answer:
    """What a component said of one log: `effects` with statuses, or why it gave none.

    `refused` is the message of a causalkit error; `broke` of any other.
    """

    world: EffectWorld
    seed: int
    effects: Effects | None = None
    refused: str = ""
    broke: str = ""

    @cached_property
    def items(self) -> pd.DataFrame:
        """By item: what was said (`_COLUMNS`), `truth`, `noise` (the reference error), `readable`, `marked`."""
        assert self.effects is not None
        world = self.world
        table = self.effects.item[_COLUMNS].reindex(world.effect.index)
        reference = world.reference
        found = table.assign(truth=world.effect, noise=reference["stderr"], readable=reference["effect"].notna())
        own = found["status"].eq("predicted") | found["status"].isin(EXCLUDED)
        found["marked"] = own | found["reason"].fillna("").ne("")
        found["answered"] = found["effect"].notna() & ~found["status"].isin(EXCLUDED)
        return found

    @cached_property
    def personal(self) -> pd.DataFrame:
        """`items` with the effect of each as the log's users are told it, on average; errors are averages too."""
        assert self.effects is not None
        users = self.world.dataset.user_ids()
        effect, stderr, _ = self.effects.matrix(users, list(self.items.index))
        return self.items.assign(effect=effect.mean(0), stderr=stderr.mean(0))


def answer(subject: Subject, name: str, seed: int = 0, *, blind: bool = False) -> Answer:
    """What the component says of the world `name`; kept while the same component is under check.

    `blind` leaves the vectors out.
    """
    key = (name, seed, blind)
    kept = _kept_for(subject)
    if key not in kept:
        kept[key] = _ask(subject, effect_world(name, seed), seed, blind)
    return kept[key]


_KEPT: list[tuple[Any, str, dict[tuple[str, int, bool], Answer]]] = []


def _kept_for(subject: Subject) -> dict[tuple[str, int, bool], Answer]:
    """The answers of the component that was asked last; those of one before it are let go."""
    if not _KEPT or _KEPT[0][0] is not subject.example or _KEPT[0][1] != repr(subject.example):
        _KEPT[:] = [(subject.example, repr(subject.example), {})]
    return _KEPT[0][2]


def _ask(subject: Subject, world: EffectWorld, seed: int, blind: bool) -> Answer:
    try:
        fitted = subject.fresh().fit(world.dataset, world.estimand, None if blind else world.embeddings)
        found = Answer(world, seed, write_statuses(fitted.effects_, world.estimand))
        _ = found.items
    except CausalkitError as error:
        return Answer(world, seed, refused=str(error))
    except Exception as error:  # a stranger's component may raise anything
        return Answer(world, seed, broke=f"{type(error).__name__}: {error}")
    return found


def answers(subject: Subject, names: list[str]) -> Iterator[Answer]:
    """What it says of each world and seed, those left out of which it gave no effects."""
    for name in names:
        for seed in SEEDS:
            found = answer(subject, name, seed)
            if found.effects is not None:
                yield found


def assumptions_of(subject: Subject) -> frozenset[str]:
    """What it says it rests on; raises `Unverified` where that is nothing, or cannot be read."""
    try:
        told = assumed_by(subject.example)
    except (CausalkitError, TypeError):
        raise Unverified("what it assumes cannot be read: see estimator/says-what-it-assumes") from None
    if told is None:
        raise Unverified("it does not say what it rests on: see estimator/says-what-it-assumes")
    return told


def claimed(subject: Subject) -> list[str]:
    """Worlds in which all holds that it rests on; raises `Unverified` where there is none, or it refuses them all."""
    told = assumptions_of(subject)
    names = [name for name in EFFECT_WORLDS if told <= effect_world(name).holds]
    if not names:
        raise Unverified(f"no planted world has all that it assumes: {', '.join(sorted(told))}")
    if not any(answers(subject, names)):
        raise Unverified(f"it refuses every world that it claims: {answer(subject, names[0]).refused}")
    return names


def unclaimed(subject: Subject) -> dict[str, frozenset[str]]:
    """Every other world, and what it rests on that does not hold there."""
    told = assumptions_of(subject)
    broken = {name: told - effect_world(name).holds for name in EFFECT_WORLDS}
    return {name: missing for name, missing in broken.items() if missing}


def bias(tables: list[pd.DataFrame]) -> tuple[float, float]:
    """Mean error over the items of some tables that have an effect, and the noise of that mean.

    An item's noise is its own error or the reference's, whichever is larger, so that errors that are too small
    are not taken for bias, nor an estimator that is less precise than the reference for a wrong one.
    """
    table = pd.concat(tables)
    table = table[table["effect"].notna()]
    noise = np.fmax(table["stderr"].astype(float), table["noise"])
    error = table["effect"].astype(float) - table["truth"]
    return float(error.mean()), float(np.sqrt((noise**2).sum()) / max(len(table), 1))


def is_wrong(tables: list[pd.DataFrame]) -> bool:
    """Whether their mean error is no noise."""
    error, noise = bias(tables)
    return abs(error) > CLEARLY * noise


def held(table: pd.DataFrame) -> tuple[int, int]:
    """How many intervals hold the planted effect, of how many items with an effect."""
    table = table[table["effect"].notna()]
    inside = (table["lower"] <= table["truth"]) & (table["truth"] <= table["upper"])
    return int(inside.sum()), len(table)


def too_few(hits: int, of: int) -> bool:
    """Whether intervals that hold 90 % of effects would hardly ever have held so few."""
    from scipy.special import bdtr

    return of > 0 and float(bdtr(hits, of, 0.9)) < UNLIKELY


def sentences(names: frozenset[str] | set[str]) -> str:
    """Assumptions with what they say."""
    return "; ".join(f"{name} ({ASSUMPTIONS[name].sentence.rstrip('.')})" for name in sorted(names))
