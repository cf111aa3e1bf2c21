"""Texts, images and histories to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.components import Context, Encoder
from causalkit.steps import soundness
from causalkit.steps.inputs import inputs_of
from causalkit.steps.work import Work
from causalkit.store.vectors import VectorStore, text_keys
from causalkit.types import Embeddings, EmbeddingTable, Histories

__all__ = ["encode"]

SHARD = 1024
"""Texts whose vectors are kept together: what is lost at most when a run is killed."""


def encode(work: Work) -> Work:
    """Vectors of items and users, from their texts, images or histories."""
    tables: dict[str, EmbeddingTable | None] = {"item": None, "user": None}
    for side in tables:  # items first: histories are read through their vectors
        selection = work.config.encode.get(side)
        if selection is None:
            continue
        encoder = work.build("encoder", selection)
        context = work.under(f"encode.{side}")
        by = work.whose("encoder", selection)
        assert work.split is not None
        kind = getattr(encoder, "input", "texts")
        ids, inputs, notes = inputs_of(kind, side, work.log, work.split, tables["item"], by)
        vectors = _encoded(encoder, by, inputs, context, work.vectors.get(side))
        tables[side] = EmbeddingTable(ids, vectors, selection.use, notes)
    return work.with_outputs(embeddings=Embeddings(**tables))


def _encoded(
    encoder: Encoder, by: str, texts: Sequence[Any], context: Context, kept: VectorStore | None
) -> npt.NDArray[np.float32]:
    """A vector for each text; of an encoder that takes each text alone, those that are kept are not made again."""
    if not getattr(encoder, "pointwise", False):
        made = _fitted(encoder, texts, context, by).encode(_lent(texts), context=context)
        return soundness.vectors(made, len(texts), by)
    context = replace(context, root_seed=0)  # vectors are kept for runs with other seeds
    distinct = sorted(dict.fromkeys(texts), key=lambda text: (-len(text), text))
    keys = text_keys(distinct)
    vectors, known = kept.find(keys) if kept is not None else _nothing(len(keys))
    fitted = encoder if known.all() else _fitted(encoder, texts, context, by)
    for start in range(0, len(distinct), SHARD):
        lacking = start + np.flatnonzero(~known[start : start + SHARD])
        if not len(lacking):
            continue
        context.begin("texts", start // SHARD)
        made = fitted.encode([distinct[i] for i in lacking], context=context)
        made = soundness.vectors(made, len(lacking), by)
        if vectors.shape[1] not in (0, made.shape[1]):
            soundness.refuse(
                by, f"vectors of {made.shape[1]} dimensions after some of {vectors.shape[1]}", "as many for all"
            )
        if kept is not None:
            kept.keep(keys[lacking], made)
        vectors = vectors if vectors.shape[1] else np.zeros((len(distinct), made.shape[1]), np.float32)
        vectors[lacking] = made
    place = {text: i for i, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]


def _fitted(encoder: Encoder, texts: Sequence[Any], context: Context, by: str) -> Encoder:
    fitted: Encoder = soundness.itself(encoder.fit(_lent(texts), context=context), ("encode",), by)
    return fitted


def _lent(inputs: Sequence[Any]) -> Sequence[Any]:
    """Inputs as an encoder is given them: a list of its own; histories as they are, for nothing writes to them."""
    return inputs if isinstance(inputs, Histories) else [*inputs]


def _nothing(texts: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    return np.empty((texts, 0), np.float32), np.zeros(texts, bool)
