"""Items whose text says something of their effects, and items whose text says nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

__all__ = ["TEXT_WORLDS", "TextWorld", "text_world"]

TEXTS = 400
NOISE = 0.3
"""Standard deviation of what the text does not tell, where it matters; what it tells has 1."""

_THINGS = (
    *("bread", "soap", "milk", "tea", "candle", "rice", "butter", "apple"),
    *("sponge", "yoghurt", "battery", "carrot", "shampoo", "coffee", "towel", "honey"),
)
_MAKES = ("organic", "cheap", "fresh", "large", "mild", "frozen", "scented", "strong")
_MAKERS = ("Nordhof", "Belmont", "Tilda", "Casa", "Orrin", "Vesper")
_FRAMES = (
    "{make} {thing} by {maker}",
    "{maker}: {thing}, {make}",
    "our {make} {thing}, made by {maker}",
    "{thing} ({make}). {maker}.",
)


@dataclass(frozen=True)
class TextWorld:
    """Texts, and a number for each that they tell (`matters`) or that has nothing to do with them.

    Parameters
    ----------
    name : how `text_world` finds it.
    summary : one line: what is planted.
    matters : whether the texts tell the number.
    texts : what is written of each item.
    told : the number, by item, in the order of `texts`; mean 0 and standard deviation near 1.
    """

    name: str
    summary: str
    matters: bool
    texts: tuple[str, ...]
    told: pd.Series[float]


TEXT_WORLDS: dict[str, Callable[[int], TextWorld]] = {}
"""World name → what draws it from a seed."""


@lru_cache(maxsize=64)
def text_world(name: str, seed: int = 0) -> TextWorld:
    """The planted world of that name; the same seed draws the same texts."""
    return TEXT_WORLDS[name](seed)


def _matters(seed: int) -> TextWorld:
    rng = np.random.default_rng([seed, 1])
    thing, make, maker = _drawn(rng)
    number = 0.9 * rng.normal(size=len(_THINGS))[thing] + 0.5 * rng.normal(size=len(_MAKES))[make]
    number = number / number.std() + NOISE * rng.normal(size=TEXTS)
    summary = "What a thing is and how it is made tell the number, to within noise; who made it does not."
    return _world("matters", summary, True, _written(rng, thing, make, maker), number)


def _does_not(seed: int) -> TextWorld:
    rng = np.random.default_rng([seed, 2])
    texts = _written(rng, *_drawn(rng))
    return _world("does-not", "The number is drawn apart from the texts.", False, texts, rng.normal(size=TEXTS))


TEXT_WORLDS |= {"matters": _matters, "does-not": _does_not}


def _drawn(rng: np.random.Generator) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """For each text what it is of, how that is made, and by whom, as places in the lists of words."""
    return [rng.integers(0, len(words), TEXTS) for words in (_THINGS, _MAKES, _MAKERS)]


def _written(rng: np.random.Generator, *words: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[str, ...]:
    frames = rng.integers(0, len(_FRAMES), TEXTS)
    return tuple(
        _FRAMES[frame].format(thing=_THINGS[thing], make=_MAKES[make], maker=_MAKERS[maker])
        for frame, thing, make, maker in zip(frames, *words, strict=True)
    )


def _world(
    name: str, summary: str, matters: bool, texts: tuple[str, ...], number: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> TextWorld:
    ids = pd.Index([f"item-{place:03d}" for place in range(TEXTS)])
    return TextWorld(name, summary, matters, texts, pd.Series(number - number.mean(), ids))
