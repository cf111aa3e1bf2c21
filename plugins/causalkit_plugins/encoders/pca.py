"""Another encoder's vectors in fewer dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, Encoder, clone, component
from causalkit.errors import DataError
from causalkit_plugins.encoders._held_marks import marks_left

__all__ = ["Pca"]

Floats = npt.NDArray[np.float32]
_WIDEST = 16_384
"""Length of vectors whose covariance (2 GB) is still made."""
_SHORT = 1024
_BLOCK = 8192
_NOTHING = 1e-10
"""Share of the largest variance below which a direction holds nothing but rounding."""


@component
class Pca:
    """The principal components of another encoder's vectors (Hotelling 1933).

    Learned from training inputs: their mean and covariance, exact. Vectors that span fewer than `dims`
    directions get as many dimensions as they span. A component points where its largest entry is
    positive, so that the same vectors give the same components.

    Learned: `mean_` `[w]`, `components_` `[d, w]`, and `explained_variance_ratio_` `[d]`, the share of the
    variance that each component keeps.
    """

    of: Encoder
    "The encoder whose vectors are reduced."
    dims: Annotated[int, Field(ge=1)] = 64
    "Dimensions, at most."
    whiten: bool = False
    "Bring each dimension to variance 1 over the training inputs."

    @property
    def input(self) -> str:
        """What the encoder that it holds reads."""
        return str(getattr(self.of, "input", "texts"))

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Pca:
        """Fit `of`, and learn the components of its vectors of training inputs.

        Raises
        ------
        DataError : there are no inputs, or the vectors are too long.
        """
        self.of_ = clone(self.of).fit(inputs, context=context)
        vectors = self.of_.encode(inputs, context=context)
        _refuse_unfit(vectors)
        with _few_threads(vectors.shape[1]):
            self.mean_, covariance = _moments(vectors)
            variances, directions = np.linalg.eigh(covariance)
        variances, directions = np.maximum(variances[::-1], 0), directions[:, ::-1].T
        kept = min(self.dims, max(1, int((variances > _NOTHING * variances[0]).sum())))
        directions = directions[:kept]
        largest = directions[np.arange(kept), np.abs(directions).argmax(axis=1)]
        self.components_ = directions * np.where(largest < 0, -1, 1)[:, None]
        self.explained_variance_ratio_ = variances[:kept] / (variances.sum() or 1)
        self.scale_ = np.sqrt(variances[:kept]) if self.whiten and variances[0] > 0 else np.ones(kept)
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> Floats:
        """Vectors, float32 `[len(inputs), d]`, d at most `dims`; leaves the marks that `of` leaves."""
        mean, turned = self.mean_, (self.components_ / self.scale_[:, None]).T
        held = self.of_.encode(inputs, context=context)
        self.marks_ = marks_left(self.of_)
        vectors = np.empty((len(inputs), turned.shape[1]), np.float32)
        with _few_threads(len(mean)):
            for rows in _blocks(len(inputs)):
                vectors[rows] = (np.asarray(held[rows], float) - mean) @ turned
        return vectors


def _refuse_unfit(vectors: Floats) -> None:
    if not len(vectors):
        raise DataError("pca has no training inputs to learn from", "Leave `encode` out for a log without items.")
    if vectors.shape[1] > _WIDEST:
        raise DataError(
            f"pca is to reduce vectors of {vectors.shape[1]:,} numbers, and takes at most {_WIDEST:,}",
            "Choose fewer dimensions for the encoder that it holds.",
        )


def _moments(vectors: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and covariance, exact, by blocks of rows."""
    count, width = vectors.shape
    origin = np.asarray(vectors[0], float)  # nothing is lost then where the mean is far from 0
    total, products = np.zeros(width), np.zeros((width, width))
    for rows in _blocks(count):
        block = np.asarray(vectors[rows], float) - origin
        total += block.sum(axis=0)
        products += block.T @ block
    mean = total / count
    return origin + mean, products / count - np.outer(mean, mean)


def _few_threads(width: int) -> AbstractContextManager[Any]:
    """One BLAS thread for vectors so short that several would wait for each other more than they save."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

    limits: AbstractContextManager[Any] = threadpool_limits(1 if width <= _SHORT else None, user_api="blas")
    return limits


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))
