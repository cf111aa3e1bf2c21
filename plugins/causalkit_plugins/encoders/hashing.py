"""Feature hashing: words, and runs of characters, counted in so many buckets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, component
from causalkit_plugins.encoders._texts import blocks, normalised, text_of

__all__ = ["Hashing"]

Floats = npt.NDArray[np.float32]


@component
class Hashing:
    """Texts as signed counts of their words, each hashed to a bucket (Weinberger et al. 2009).

    Nothing is learned and no model is needed. A count weighs 1 + log count; words, and runs of two and
    more characters where these are hashed too, weigh alike. Vectors have length 1; that of a text without
    a word is 0. Words that share a bucket are not told apart: the cosine of two texts is off by about
    1 / √dims.
    """

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    dims: Annotated[int, Field(ge=1, le=65_536)] = 256
    "Buckets; more tell more words apart."
    words: Annotated[int, Field(ge=1, le=16)] = 1
    "The longest run of neighbouring words that is hashed; 2 hashes pairs too."
    characters: Annotated[int, Field(ge=0, le=16)] = 0
    "The longest run of characters within a word that is hashed too; 4 helps with typos and codes, 0 hashes none."

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Hashing:
        """Nothing is learned; returns self."""
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> Floats:
        """Vectors, float32 `[len(inputs), dims]`."""
        vectors = np.zeros((len(inputs), self.dims), np.float32)
        if len(inputs):
            hashers = self._hashers()
            for rows, block in blocks(inputs, context):
                written = [text_of(one).encode("utf-8", "replace") for one in block]  # half an emoji cannot be hashed
                vectors[rows] = normalised(sum(normalised(_weighted(hasher.transform(written))) for hasher in hashers))
        return vectors

    def _hashers(self) -> list[Any]:
        from sklearn.feature_extraction.text import HashingVectorizer

        wanted: list[dict[str, Any]] = [{"ngram_range": (1, self.words), "token_pattern": r"(?u)\b\w+\b"}]
        if self.characters:
            wanted.append({"ngram_range": (min(2, self.characters), self.characters), "analyzer": "char_wb"})
        return [HashingVectorizer(n_features=self.dims, norm=None, dtype=np.float32, **one) for one in wanted]


def _weighted(counted: Any) -> Floats:
    """1 + log count in the place of each count, signs kept."""
    size = np.abs(counted.data)
    counted.data = np.sign(counted.data) * (1 + np.log(np.maximum(size, 1)))
    return np.asarray(counted.toarray(), np.float32)
