"""A healthy encoder, of which mutants are made."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from causalkit.components import Context, component


@component
class Words:
    """Counts the words of each text, over the root of how many it has."""

    input: ClassVar[str] = "texts"

    most: Annotated[int, Field(ge=1)] = 200
    "Words kept, the most frequent first."
    ignored: list[str] = []  # noqa: RUF012
    "Words that are not counted."

    def fit(self, inputs, *, context: Context = Context()):
        counts = Counter(word for text in inputs for word in _split(text) if word not in self.ignored)
        kept = sorted(counts, key=lambda word: (-counts[word], word))[: self.most]
        self.words_ = {word: place for place, word in enumerate(kept)}
        return self

    def encode(self, inputs, *, context: Context = Context()):
        vectors = np.zeros((len(inputs), max(len(self.words_), 1)), np.float32)
        for row, text in enumerate(context.track(inputs, "counting words", len(inputs))):
            words = _split(text)
            for word in words:
                if word in self.words_:
                    vectors[row, self.words_[word]] += 1 / max(len(words), 1) ** 0.5
        return vectors


def _split(text):
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
