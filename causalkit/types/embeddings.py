"""Vectors of items and users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["EmbeddingTable", "Embeddings"]


@dataclass(frozen=True)
class EmbeddingTable:
    """Vectors by id: row i of `vectors` (float32 `[n, d]`) belongs to `ids[i]`; `encoder` made them.

    `vectors` may be read-only, and those of many ids lie on disk: numpy reads what is used of them.
    `notes` say what was met on the way: texts that were cut, images that were missing ….
    """

    ids: pd.Index
    vectors: npt.NDArray[np.float32]
    encoder: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"EmbeddingTable({len(self.ids):,} × {self.vectors.shape[1]} by {self.encoder})"

    def at(self, ids: pd.Index) -> npt.NDArray[np.float32]:
        """Vectors of `ids`, float32 `[len(ids), d]`; rows of NaN for ids without one."""
        place = self.ids.get_indexer(ids)
        found: npt.NDArray[np.float32] = self.vectors[place]  # a copy
        found[place < 0] = np.nan
        return found


@dataclass(frozen=True)
class Embeddings:
    """Item and user vectors; either may be None."""

    item: EmbeddingTable | None = None
    user: EmbeddingTable | None = None
