"""Texts to parts of token ids, one after the other, so that some are computed while the next are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from causalkit_plugins.encoders._batches import longest_first, plan
from causalkit_plugins.encoders._tokens import Tokens

__all__ = ["Part", "Reading", "spaced"]

WINDOW = 4096
"""Texts that are read at a time."""


@dataclass(frozen=True)
class Part:
    """Texts that are encoded together: their places, their token ids, and how many of these are of the prompt."""

    at: list[int]
    ids: list[list[int]]
    prompt: list[int]


@dataclass(frozen=True)
class Reading:
    """What is read of texts: parts of those whose tokens differ, and by then what they are the same as.

    Parameters
    ----------
    read : texts to tokens.
    texts : the texts.
    same : by place: an earlier text of the same tokens; filled as parts are made.
    cut : which texts were cut, `[n]`; filled as parts are made.
    """

    read: Callable[[Sequence[str]], Tokens]
    texts: Sequence[str]
    same: dict[int, int] = field(default_factory=dict)
    cut: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cut", np.zeros(len(self.texts), bool))

    def parts(self, most: int) -> Iterator[Part]:
        """Parts of at most `most` padded tokens, or one text, in a plan that depends on the texts alone."""
        seen: dict[tuple[int, ...], int] = {}
        order = longest_first([len(text) for text in self.texts])
        for start in range(0, len(order), WINDOW):
            yield from self._window(order[start : start + WINDOW], most, seen)

    def _window(self, window: list[int], most: int, seen: dict[tuple[int, ...], int]) -> Iterator[Part]:
        tokens = self.read([self.texts[i] for i in window])
        self.cut[window] = tokens.cut
        new = []
        for k, i in enumerate(window):
            first = seen.setdefault((tokens.prompt[k], *tokens.ids[k]), i)
            if first == i:
                new.append(k)
            else:
                self.same[i] = first
        new = [new[k] for k in longest_first([len(tokens.ids[k]) for k in new])]
        for start, stop in plan([len(tokens.ids[k]) for k in new], most):
            at = new[start:stop]
            yield Part([window[k] for k in at], [tokens.ids[k] for k in at], [tokens.prompt[k] for k in at])


def spaced(texts: Sequence[str], some: int) -> list[int]:
    """Places of `some` texts, short, long and between: a choice that depends on the texts alone."""
    order = longest_first([len(text) for text in texts])
    return [order[k] for k in np.unique(np.linspace(0, len(order) - 1, some).round().astype(int))] if order else []
