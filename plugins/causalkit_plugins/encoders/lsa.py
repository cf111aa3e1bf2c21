"""Latent semantic analysis: TF-IDF and a truncated singular value decomposition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, component
from causalkit.errors import DataError
from causalkit_plugins.encoders._texts import blocks, distinct, text_of

__all__ = ["Lsa"]

_NOTHING = 1e-6
"""Share of the largest singular value below which a direction holds nothing but rounding."""


@component
class Lsa:
    """Texts as their strongest word patterns (Deerwester et al. 1990); needs no model.

    Words and pairs of neighbouring words, weighted by (1 + log count) × inverse document frequency.
    A corpus whose texts span fewer than `dims` directions gets as many dimensions as they span. The seed of
    the decomposition is fixed: the same texts give the same vectors.
    """

    input: ClassVar[str] = "texts"

    dims: Annotated[int, Field(ge=1)] = 64
    "Dimensions, at most."
    normalise: bool = True
    "Bring each vector to length 1; a text without a known word stays 0."
    max_words: Annotated[int, Field(ge=1)] = 50_000
    "Words and pairs kept, the most frequent first."
    max_texts: Annotated[int, Field(ge=1)] = 200_000
    "Training texts that words and patterns are learned from, at most; of more, evenly spaced ones."

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Lsa:
        """Learn words and patterns from training texts.

        Raises
        ------
        DataError : no text holds a word.
        """
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.utils.extmath import randomized_svd
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

        texts = self._learned_from(inputs, context)
        times = np.fromiter(texts.values(), float, len(texts))
        words = CountVectorizer(
            ngram_range=(1, 2),
            token_pattern=r"(?u)\b\w+\b",  # noqa: S106  # no password: single letters are words too
            dtype=np.float64,
        )
        try:
            counts = words.fit_transform(list(texts))
        except ValueError:
            raise DataError(
                f"not one of {len(inputs)} texts holds a word",
                "Give a column of the items table `kind: text`, or leave `encode` out.",
            ) from None
        kept = np.sort(np.argsort(-(times @ counts), kind="stable")[: self.max_words])
        words.vocabulary_ = {word: place for place, word in enumerate(words.get_feature_names_out()[kept])}
        counts = counts[:, kept]
        self.words_ = words
        self.rarity_ = 1 + np.log((1 + times.sum()) / (1 + times @ (counts > 0)))
        weighted = _weighted(counts, self.rarity_).multiply(np.sqrt(times)[:, None]).tocsr()
        with threadpool_limits(1, user_api="blas"):  # tall and narrow: threads wait for each other more than they save
            _, sizes, patterns = randomized_svd(weighted, min(self.dims, *counts.shape), n_iter=7, random_state=0)
        self.patterns_ = patterns[sizes > _NOTHING * sizes[0]]
        return self

    def _learned_from(self, inputs: Sequence[Any], context: Context) -> Counter[str]:
        """The texts that are learned from, and how often each comes."""
        wanted = np.zeros(len(inputs), bool)
        wanted[np.linspace(0, len(inputs) - 1, min(len(inputs), self.max_texts)).astype(np.intp)] = True
        texts: Counter[str] = Counter()
        for rows, block in blocks(inputs, context):
            texts.update(text_of(one) for one, is_wanted in zip(block, wanted[rows], strict=True) if is_wanted)
        return texts

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), d]`, d at most `dims`."""
        patterns = np.ascontiguousarray(self.patterns_.T)
        vectors = np.empty((len(inputs), patterns.shape[1]), np.float32)
        for rows, block in blocks(inputs, context):
            texts, at = distinct(block)
            found = _weighted(self.words_.transform(texts), self.rarity_) @ patterns
            vectors[rows] = (_unit(found) if self.normalise else found)[at]
        return vectors


def _weighted(counts: Any, rarity: npt.NDArray[np.float64]) -> Any:
    """Sparse counts as (1 + log count) × rarity, each row brought to length 1."""
    counts.data = (1 + np.log(counts.data)) * rarity[counts.indices]
    size = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).reshape(-1, 1))
    return counts.multiply(1 / np.where(size > 0, size, 1)).tocsr()


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows of length 1; one that is nothing but rounding stays, for its direction is noise."""
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(size > 1e-12, size, 1)
