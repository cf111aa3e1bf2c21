"""Texts, images and histories to vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.components import Context, Encoder
from causalkit.registry import parse_selection
from causalkit.steps import soundness
from causalkit.steps.inputs import inputs_of
from causalkit.steps.kept import Kept, can_be_kept
from causalkit.steps.keys import written
from causalkit.steps.marks import Marks, marks_of, notes
from causalkit.steps.work import Work
from causalkit.types import Embeddings, EmbeddingTable

__all__ = ["built", "encode", "encoded"]


def encode(work: Work) -> Work:
    """Vectors of items and users, from their texts, images or histories."""
    tables: dict[str, EmbeddingTable | None] = {"item": None, "user": None}
    for side in tables:  # items first: histories are read through their vectors
        selection = work.config.encode.get(side)
        if selection is None:
            continue
        encoder, by = built(work, selection.to_dict()), work.whose("encoder", selection)
        assert work.split is not None
        kind = getattr(encoder, "input", "texts")
        ids, inputs, told = inputs_of(kind, side, work.log, work.split, tables["item"], by)
        vectors, marks = encoded(encoder, inputs, inputs, work.under(f"encode.{side}"), by)
        told += tuple(notes(marks, kind, side, len(ids)))
        tables[side] = EmbeddingTable(ids, vectors, selection.use, told)
    return work.with_outputs(embeddings=Embeddings(**tables))


def built(work: Work, selection: Any) -> Encoder:
    """The encoder of a selection; a pointwise one keeps what it makes, and so do those that any other holds."""
    use, params = parse_selection(selection)
    made: Encoder = work.registry.build("encoder", selection)
    if can_be_kept(made):
        by = f"encoder {use!r} of {work.registry.find('encoder', use).maker}"
        return Kept(made, by, work.vectors.get(written(selection)), work.scratch)
    held = {name: params[name] for name, kind in work.registry.held(type(made), params).items() if kind == "encoder"}
    own = {name: _all_built(work, value) for name, value in held.items()}
    return work.registry.build("encoder", {"use": use, "params": params | own}) if own else made


def _all_built(work: Work, value: Any) -> Any:
    """What a parameter holds: one encoder, several in a list, or several by name."""
    if isinstance(value, str) or (isinstance(value, Mapping) and "use" in value):
        return built(work, value)
    if isinstance(value, Mapping):
        return {name: _all_built(work, inner) for name, inner in value.items()}
    return [_all_built(work, inner) for inner in value] if isinstance(value, Sequence) else value


def encoded(
    encoder: Encoder, training: Sequence[Any], inputs: Sequence[Any], context: Context, by: str
) -> tuple[npt.NDArray[np.float32], Marks]:
    """Vectors and marks of `inputs`, by an encoder fitted to `training`; raises `ComponentError` where not sound."""
    fitted: Encoder = soundness.itself(encoder.fit(training, context=context), ("encode",), by)
    vectors = fitted.encode(inputs, context=context)
    if not isinstance(fitted, Kept):  # which has looked at them shard by shard
        vectors = soundness.vectors(vectors, len(inputs), by)
    return vectors, marks_of(fitted, len(inputs), by)
