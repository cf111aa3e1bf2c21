"""Inputs made when they are asked for: the same as all at once, and never more than a block of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalkit.errors import ConfigError
from causalkit.steps.inputs import inputs_of
from causalkit.steps.lazily import BLOCK, Lazily, at_places
from causalkit.types import Column, Dataset, Multimodal, Schema, Split, Table

NAMES = [f"item {i}" for i in range(9)]
SPLIT = Split("all", "week", {})


def texts_of(storage: str, chunks: int) -> pd.DataFrame:
    """A table of one text column and text labels, of a storage, in Arrow chunks where it has any."""
    import pyarrow as pa

    values = [f" text {i} " for i in range(9)]
    if storage == "object":
        return pd.DataFrame({"text": pd.Series(values, dtype=object).to_numpy()}, index=pd.Index(NAMES, dtype=object))
    dtype: Any = pd.ArrowDtype(pa.string()) if storage == "arrow" else pd.StringDtype(storage)
    parts = [pd.DataFrame({"text": pd.array([v], dtype=dtype)}, pd.array([n], dtype)) for v, n in zip(values, NAMES)]
    return pd.concat(parts) if chunks > 1 else parts[0]


@pytest.mark.parametrize("chunks", [1, 9])
@pytest.mark.parametrize("storage", ["object", "python", "pyarrow", "arrow"])
def test_inputs_are_those_of_the_rows_whatever_their_storage(storage: str, chunks: int) -> None:
    table = texts_of(storage, chunks).rename_axis("name")
    whole = [text.strip() for text in table["text"]]
    made = Lazily(table, lambda part: [text.strip() for text in part["text"]])
    assert [*made] == made[:] == whole
    assert (len(made), made[-1], made[0], made[2:4], made[5:5]) == (len(table), whole[-1], whole[0], whole[2:4], [])
    places = np.array([0, len(table) - 1, 0])
    assert made.take(places) == at_places(made, places) == at_places(whole, places) == [whole[p] for p in places]
    assert made.take(places[:0]) == []
    with pytest.raises(IndexError):
        made[len(table)]
    named = Lazily(table, lambda part: list(part.index))
    assert [*named] == named.take(np.arange(len(table))) == list(table.index)


def test_no_more_than_a_block_is_there_at_a_time() -> None:
    asked: list[int] = []

    def read(part: pd.DataFrame) -> list[Any]:
        asked.append(len(part))
        return list(part["n"])

    made = Lazily(pd.DataFrame({"n": range(2 * BLOCK + 5)}), read)
    assert asked == []
    assert sum(made) == sum(range(2 * BLOCK + 5))
    assert asked == [BLOCK, BLOCK, 5]


def log(**columns: Any) -> Dataset:
    """A log whose items have these columns, of the kind that their names begin with."""
    items = pd.DataFrame(columns, index=pd.Index(["a", "b", "c"], name="item"))
    schema = Schema(tuple(Column(name, "covariate", kind=name.rstrip("0123456789")) for name in columns))
    return Dataset(Table(pd.DataFrame()), schema, items)


def test_inputs_of_items_are_their_texts_images_or_both() -> None:
    data = log(text=[" soap", None, "bread "], text2=["", None, "new"], image=["a.png", None, " "], other=[1, 2, 3])
    ids, texts, notes = inputs_of("texts", "item", data, SPLIT, None, "x")
    assert (list(ids), [*texts], notes) == (["a", "b", "c"], [*data.item_texts()], ())
    assert [*texts] == ["soap", "", "bread  new"]
    _, both, _ = inputs_of("multimodal", "item", data, SPLIT, None, "x")
    _, images, _ = inputs_of("images", "item", data, SPLIT, None, "x")
    assert [*both] == [Multimodal(text, image) for text, image in zip(texts, images, strict=True)]
    assert both[1] == Multimodal()


def test_items_without_a_text_column_are_called_by_their_ids_and_lacking_images_are_said() -> None:
    data = log(other=[1, 2, 3])
    _, texts, _ = inputs_of("texts", "item", data, SPLIT, None, "x")
    assert ([*texts], texts.take(np.array([2, 0]))) == (["a", "b", "c"], ["c", "a"])  # type: ignore[attr-defined]
    for kind, side, lacks in (("images", "item", "image"), ("multimodal", "item", "image"), ("texts", "user", "text")):
        with pytest.raises(ConfigError, match=f"the {side}s table has no column of kind {lacks}"):
            inputs_of(kind, side, data, SPLIT, None, "x")


def test_users_texts_are_read_from_the_users_table() -> None:
    data = replace(log(text=["x"] * 3), users=pd.DataFrame({"text": ["likes tea", None]}, index=[7, 9]))
    ids, texts, _ = inputs_of("texts", "user", data, SPLIT, None, "x")
    assert (list(ids), [*texts]) == ([7, 9], ["likes tea", ""])
