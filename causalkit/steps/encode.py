"""Text to vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import ComponentError, ConfigError, Problem
from causalkit.steps.work import Work
from causalkit.types import Dataset, Embeddings, EmbeddingTable

__all__ = ["encode"]


def encode(work: Work) -> Work:
    """Vectors of items and users, from their text."""
    tables: dict[str, EmbeddingTable | None] = {"item": None, "user": None}
    for side, selection in work.config.encode.items():
        if selection is None:
            continue
        texts = work.log.item_texts() if side == "item" else _user_texts(work.log)
        encoder = work.build("encoder", selection)
        context = work.under(f"encode.{side}")
        vectors = encoder.fit(list(texts), context=context).encode(list(texts), context=context)
        tables[side] = EmbeddingTable(texts.index, _checked_vectors(vectors, len(texts), selection.use), selection.use)
    return work.with_outputs(embeddings=Embeddings(**tables))


def _user_texts(dataset: Dataset) -> pd.Series[str]:
    named = [c.name for c in dataset.schema.columns if c.kind == "text" and c.name in dataset.users.columns]
    if not named:
        raise ConfigError(
            "config", [Problem("encode.user", ": the users table has no column of kind text")], "Leave encode.user out."
        )
    return dataset.users[named].astype("string").fillna("").agg(" ".join, axis=1)


def _checked_vectors(vectors: Any, rows: int, name: str) -> npt.NDArray[np.float32]:
    array = np.asarray(vectors, np.float32)
    if array.ndim != 2 or len(array) != rows:
        raise ComponentError(f"encoder {name!r} gave an array of shape {array.shape} for {rows} inputs")
    if not np.isfinite(array).all():
        raise ComponentError(f"encoder {name!r} gave {int((~np.isfinite(array)).any(1).sum())} vectors with NaN")
    return array
