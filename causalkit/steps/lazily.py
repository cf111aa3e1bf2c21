"""Inputs that are made from rows of a table when they are asked for, so that ten million are never there at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Lazily", "at_places"]

BLOCK = 4096
"""Inputs that are made at once where all are asked for, one after another."""


class Lazily(Sequence[Any]):
    """An input for each row of `table`; `read` makes those of some rows."""

    def __init__(self, table: pd.DataFrame, read: Callable[[pd.DataFrame], list[Any]]) -> None:
        self._table, self._read = _in_one_piece(table), read

    def __repr__(self) -> str:
        return f"{len(self):,} inputs, made when they are asked for"

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            part = self._table.iloc[place]
            return self._read(part) if len(part) else []
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self.take(np.array([place % len(self)]))[0]

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), BLOCK):
            yield from self[start : start + BLOCK]

    def take(self, places: npt.NDArray[np.integer[Any]]) -> list[Any]:
        """The inputs of some rows."""
        return self._read(self._table.iloc[places]) if len(places) else []


def at_places(inputs: Sequence[Any], places: npt.NDArray[np.integer[Any]]) -> list[Any]:
    """The inputs at some places of any sequence."""
    return inputs.take(places) if isinstance(inputs, Lazily) else [inputs[place] for place in places.tolist()]


def _in_one_piece(table: pd.DataFrame) -> pd.DataFrame:
    """The table with each column of Arrow chunks as one chunk: rows picked from many are slow to get."""
    whole = {str(name): _one_chunk(table[name]) for name in table.columns if _is_arrow(table[name].dtype)}
    table = table.assign(**whole) if whole else table
    if not _is_arrow(table.index.dtype):
        return table
    return table.set_axis(pd.Index(_one_chunk(table.index), name=table.index.name))


def _is_arrow(dtype: Any) -> bool:
    is_text = isinstance(dtype, pd.StringDtype) and dtype.storage.startswith("pyarrow")
    return is_text or isinstance(dtype, pd.ArrowDtype)


def _one_chunk(values: Any) -> Any:
    from pyarrow import ArrowInvalid

    chunks = values.array.__arrow_array__()
    if getattr(chunks, "num_chunks", 1) <= 1:
        return values.array
    try:
        return pd.array(chunks.combine_chunks(), dtype=values.dtype)
    except ArrowInvalid:  # more than 2 GB of text, of a type whose chunks hold no more
        return values.array
