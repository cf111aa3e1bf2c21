"""Texts as counts of their words."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, component


@component
class HashedWords:
    """Counts of words, each hashed to a place, brought to length 1 (Weinberger et al. 2009).

    A text without a word stays 0.
    """

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    dims: Annotated[int, Field(ge=1)] = 256
    "How many places there are; with few of them, words share places."

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Self:
        """Learn nothing: a vector depends on its own text alone."""
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), dims]`, row i for input i."""
        vectors = np.zeros((len(inputs), self.dims), np.float32)
        for vector, text in zip(vectors, context.track(inputs, "texts")):
            for word in re.findall(r"\w+", "" if text is None else str(text).lower()):
                vector[zlib.crc32(word.encode()) % self.dims] += 1
        size = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(size > 0, size, 1), np.float32)
