"""Text to vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context, Encoder
from causalkit.errors import ComponentError, ConfigError, Problem
from causalkit.steps.work import Work
from causalkit.store.vectors import VectorStore, text_keys
from causalkit.types import Dataset, Embeddings, EmbeddingTable

__all__ = ["encode"]

SHARD = 1024
"""Texts whose vectors are kept together: what is lost at most when a run is killed."""


def encode(work: Work) -> Work:
    """Vectors of items and users, from their text."""
    tables: dict[str, EmbeddingTable | None] = {"item": None, "user": None}
    for side, selection in work.config.encode.items():
        if selection is None:
            continue
        texts = work.log.item_texts() if side == "item" else _user_texts(work.log)
        encoder = work.build("encoder", selection)
        context = work.under(f"encode.{side}")
        vectors = _encoded(encoder, selection.use, list(texts), context, work.vectors.get(side))
        tables[side] = EmbeddingTable(texts.index, vectors, selection.use)
    return work.with_outputs(embeddings=Embeddings(**tables))


def _encoded(
    encoder: Encoder, use: str, texts: list[str], context: Context, kept: VectorStore | None
) -> npt.NDArray[np.float32]:
    """A vector for each text; of an encoder that takes each text alone, those that are kept are not made again."""
    if not getattr(encoder, "pointwise", False):
        vectors = encoder.fit(texts, context=context).encode(texts, context=context)
        return _checked_vectors(vectors, len(texts), use)
    context = replace(context, root_seed=0)  # vectors are kept for runs with other seeds
    distinct = sorted(dict.fromkeys(texts), key=lambda text: (-len(text), text))
    keys = text_keys(distinct)
    vectors, known = kept.find(keys) if kept is not None else _nothing(len(keys))
    fitted = encoder if known.all() else encoder.fit(texts, context=context)
    for start in range(0, len(distinct), SHARD):
        lacking = start + np.flatnonzero(~known[start : start + SHARD])
        if not len(lacking):
            continue
        context.begin("texts", start // SHARD)
        made = fitted.encode([distinct[i] for i in lacking], context=context)
        made = _checked_vectors(made, len(lacking), use)
        if kept is not None:
            kept.keep(keys[lacking], made)
        vectors = vectors if vectors.shape[1] else np.zeros((len(distinct), made.shape[1]), np.float32)
        vectors[lacking] = made
    place = {text: i for i, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]


def _nothing(texts: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    return np.empty((texts, 0), np.float32), np.zeros(texts, bool)


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
