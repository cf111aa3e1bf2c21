"""What an encoder is given of a log, by the input that it declares: texts, images, both, or histories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from causalkit.components import INPUTS
from causalkit.errors import ConfigError, Problem
from causalkit.steps import soundness
from causalkit.steps.histories import histories_of
from causalkit.types import Dataset, EmbeddingTable, Multimodal, Split

__all__ = ["inputs_of"]


def inputs_of(
    kind: str, side: str, dataset: Dataset, split: Split, items: EmbeddingTable | None, by: str
) -> tuple[pd.Index, Sequence[Any], tuple[str, ...]]:
    """Ids of `side` (`"item"`, `"user"`), an input for each, and notes for the table of vectors.

    Histories are a `causalkit.types.Histories`: to be handed on as they are, for a list of them is large and slow.

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
    texts = dataset.item_texts() if side == "item" else _user_texts(dataset)
    if kind == "texts":
        return texts.index, list(texts), ()
    images = _images(side, dataset)
    if kind == "images":
        return images.index, list(images), ()
    return texts.index, [Multimodal(text, image) for text, image in zip(texts, images, strict=True)], ()


def _user_texts(dataset: Dataset) -> pd.Series[str]:
    named = [c.name for c in dataset.schema.columns if c.kind == "text" and c.name in dataset.users.columns]
    if not named:
        raise ConfigError(
            "config", [Problem("encode.user", ": the users table has no column of kind text")], "Leave encode.user out."
        )
    return dataset.users[named].astype("string").fillna("").agg(" ".join, axis=1)


def _images(side: str, dataset: Dataset) -> pd.Series[str]:
    """The path of each item's or user's image; empty where there is none."""
    table = dataset.items if side == "item" else dataset.users
    named = [c.name for c in dataset.schema.columns if c.kind == "image" and c.name in table.columns]
    if not named:
        raise ConfigError(
            "config",
            [Problem(f"encode.{side}", f": the {side}s table has no column of kind image")],
            "Give a column of paths `kind: image`, or choose an encoder of texts.",
        )
    return table[named[0]].astype("string").fillna("").str.strip()
