"""Another encoder's vectors in fewer dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, Encoder, clone, component
from causalkit.errors import DataError
from causalkit_plugins.encoders._blocks import blocks
from causalkit_plugins.encoders._held_marks import Marks, marks_left, of_blocks

__all__ = ["Pca"]

Floats = npt.NDArray[np.float32]
_WIDEST = 16_384
"""Length of vectors whose covariance (2 GB) is still made."""
_NOTHING = 1e-10
"""Share of the largest variance below which a direction holds nothing but rounding."""


@component
class Pca:
    """The principal components of another encoder's vectors (Hotelling 1933).

    Learned from training inputs, by blocks of them: mean and covariance are exact, and memory does not grow with
    their number. Vectors that span fewer than `dims` directions get as many dimensions as they span. A component
    points where its largest entry is positive, so that the same vectors give the same components.

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
        """What the encoder reads that it holds."""
        return str(getattr(self.of, "input", "texts"))

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Pca:
        """Fit `of`, and learn the components of its vectors of training inputs.

        Raises
        ------
        DataError : there are no inputs, or the vectors are too long.
        """
        self.of_ = clone(self.of).fit(inputs, context=context)
        self.mean_, covariance = self._moments(inputs, context)
        variances, directions = np.linalg.eigh(covariance)
        variances, directions = np.maximum(variances[::-1], 0), directions[:, ::-1].T
        kept = min(self.dims, max(1, int((variances > _NOTHING * variances[0]).sum())))
        directions = directions[:kept]
        largest = directions[np.arange(kept), np.abs(directions).argmax(axis=1)]
        self.components_ = directions * np.where(largest < 0, -1, 1)[:, None]
        self.explained_variance_ratio_ = variances[:kept] / (variances.sum() or 1)
        self.scale_ = np.sqrt(variances[:kept]) if self.whiten and variances[0] > 0 else np.ones(kept)
        return self

    def _moments(self, inputs: Sequence[Any], context: Context) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Mean and covariance of the vectors of training inputs."""
        rows, origin, total, products = 0, 0.0, 0.0, 0.0
        for _, block in blocks(inputs, context):
            vectors = np.asarray(self.of_.encode(block, context=context), float)
            if vectors.shape[1] > _WIDEST:
                raise DataError(
                    f"pca is to reduce vectors of {vectors.shape[1]:,} numbers, and takes at most {_WIDEST:,}",
                    "Choose fewer dimensions for the encoder that it holds.",
                )
            if not rows:
                origin = vectors.mean(axis=0)  # so that nothing is lost where the mean is far from 0
            vectors -= origin
            rows, total, products = rows + len(vectors), total + vectors.sum(axis=0), products + vectors.T @ vectors
        if not rows:
            raise DataError("pca has no training inputs to learn from", "Leave `encode` out for a log without items.")
        mean = total / rows
        return origin + mean, products / rows - np.outer(mean, mean)

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> Floats:
        """Vectors, float32 `[len(inputs), d]`, d at most `dims`; leaves the marks that `of` leaves."""
        mean, turned = self.mean_, (self.components_ / self.scale_[:, None]).T
        vectors = np.empty((len(inputs), turned.shape[1]), np.float32)
        marks: list[Marks] = []
        sizes: list[int] = []
        for rows, block in blocks(inputs, context):
            vectors[rows] = (np.asarray(self.of_.encode(block, context=context), float) - mean) @ turned
            marks.append(marks_left(self.of_))
            sizes.append(len(block))
        self.marks_ = of_blocks(marks, sizes)
        return vectors
