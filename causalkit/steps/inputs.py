"""What an encoder is given of a log, by the input that it declares: texts, images, both, or histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from causalkit.components import INPUTS
from causalkit.errors import ConfigError, Problem
from causalkit.steps import soundness
from causalkit.steps.histories import histories_of
from causalkit.steps.lazily import Lazily
from causalkit.types import ColumnKind, Dataset, EmbeddingTable, Multimodal, Split

__all__ = ["inputs_of"]

_USED: dict[str, tuple[ColumnKind, ...]] = {"texts": ("text",), "images": ("image",), "multimodal": ("text", "image")}
"""Kinds of column that each input is made of."""
_NEEDED = _USED | {"multimodal": ("image",)}


def inputs_of(
    kind: str, side: str, dataset: Dataset, split: Split, items: EmbeddingTable | None, by: str
) -> tuple[pd.Index, Sequence[Any], tuple[str, ...]]:
    """Ids of `side` (`"item"`, `"user"`), an input for each, and notes for the table of vectors.

    They are to be handed on as they are, for a list of them is large: histories are a `causalkit.types.Histories`,
    all else is made from rows of the table when it is asked for.

    Parameters
    ----------
    kind : what the encoder declares as its `input`.
    items : the vectors of items, for histories.
    by : whose the encoder is, for errors.

    Raises
    ------
    ConfigError : the log has no such input for that side.
    ComponentError : an `input` that the frame does not know.
    """
    if kind not in INPUTS:
        soundness.refuse(by, f"`input = {kind!r}`", f"one of {', '.join(INPUTS)}")
    if kind == "histories":
        if side != "user":
            raise ConfigError(
                "config",
                [Problem(f"encode.{side}", ": histories are of users, and items have none")],
                "Choose it under encode.user, and an encoder of texts or images for items.",
            )
        return histories_of(dataset, split, items)
    table = dataset.items if side == "item" else dataset.users
    used = table[_columns(kind, side, dataset)]
    return table.index, Lazily(used, lambda part: _read(kind, replace(dataset, **{f"{side}s": part}), side)), ()


def _read(kind: str, dataset: Dataset, side: str) -> list[Any]:
    """An input for each item or user of `dataset`."""
    images = [] if kind == "texts" else list(_images(side, dataset))
    if kind == "images":
        return images
    if kind == "texts":
        return list(_texts(side, dataset))
    told = _named("text", side, dataset)  # beside an image, an id says nothing
    texts = _texts(side, dataset) if told else [""] * len(images)
    return [Multimodal(text, image) for text, image in zip(texts, images, strict=True)]


def _columns(kind: str, side: str, dataset: Dataset) -> list[str]:
    """The columns of the items or users that inputs are made of; an item without any text is called by its id."""
    found = {sort: _named(sort, side, dataset) for sort in _USED[kind]}
    for sort, named in found.items():
        if not named and sort in _NEEDED[kind] and (sort, side) != ("text", "item"):
            _refuse_lacking(sort, side)
    return [name for named in found.values() for name in named]


def _named(sort: ColumnKind, side: str, dataset: Dataset) -> list[str]:
    return dataset.schema.of_kind(sort, dataset.items if side == "item" else dataset.users)


def _refuse_lacking(sort: str, side: str) -> None:
    raise ConfigError(
        "config",
        [Problem(f"encode.{side}", f": the {side}s table has no column of kind {sort}")],
        "Give it a column of that kind, choose an encoder of something else, or leave the encoder out.",
    )


def _texts(side: str, dataset: Dataset) -> pd.Series[str]:
    return dataset.item_texts() if side == "item" else dataset.user_texts()


def _images(side: str, dataset: Dataset) -> pd.Series[str]:
    """The path of each item's or user's image; empty where there is none."""
    table = dataset.items if side == "item" else dataset.users
    return table[_named("image", side, dataset)[0]].astype("string").fillna("").str.strip()
