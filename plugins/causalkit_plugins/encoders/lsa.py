"""Latent semantic analysis: TF-IDF and a truncated singular value decomposition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, component
from causalkit.errors import DataError

__all__ = ["Lsa"]


@component
class Lsa:
    """Texts as their strongest word patterns (Deerwester et al. 1990); needs no model.

    Words and pairs of neighbouring words, weighted by (1 + log count) × inverse document frequency.
    A corpus with fewer texts or words than `dims` gets as many dimensions as it has. The seed of the
    decomposition is fixed: the same texts give the same vectors.
    """

    input: ClassVar[str] = "texts"

    dims: Annotated[int, Field(ge=1)] = 64
    "Dimensions, at most."
    normalise: bool = True
    "Bring each vector to length 1; a text without a known word stays 0."
    max_words: Annotated[int, Field(ge=1)] = 50_000
    "Words and pairs kept, the most frequent first."

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Lsa:
        """Learn words and patterns from training texts.

        Raises
        ------
        DataError : no text holds a word.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.utils.extmath import randomized_svd

        words = TfidfVectorizer(
            ngram_range=(1, 2),
            token_pattern=r"(?u)\b\w+\b",  # noqa: S106  # no password: single letters are words too
            sublinear_tf=True,
            max_features=self.max_words,
        )
        try:
            counted = words.fit_transform(_texts(inputs))
        except ValueError:
            raise DataError(
                f"not one of {len(inputs)} texts holds a word",
                "Give a column of the items table `kind: text`, or leave `encode` out.",
            ) from None
        self.words_ = words
        _, _, self.patterns_ = randomized_svd(counted, min(self.dims, *counted.shape), n_iter=7, random_state=0)
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), d]`, d at most `dims`."""
        patterns = self.patterns_
        if not len(inputs):
            return np.empty((0, len(patterns)), np.float32)
        vectors = self.words_.transform(_texts(inputs)) @ patterns.T
        if self.normalise:
            size = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.where(size > 1e-12, size, 1)
        return np.asarray(vectors, np.float32)


def _texts(inputs: Sequence[Any]) -> list[str]:
    return ["" if text is None else str(text) for text in inputs]
