"""Pandas objects as Parquet files that give back what was saved, and the same bytes when saved again.

What Parquet does not keep is told beside: names of series and indexes, the order of categories, which text
columns are Python objects, and values of several types in one column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["FrameFacts", "as_frame"]

_GROUP = 100_000
_VALUE = "value"
Categories = Mapping[str, tuple["pd.Index[Any]", bool]]


def as_frame(value: pd.DataFrame | pd.Series[Any] | pd.Index[Any]) -> tuple[str, pd.DataFrame]:
    """`frame`, `series` or `index`, and the value as a frame."""
    if isinstance(value, pd.Series):
        return "series", value.rename(_VALUE).to_frame()
    if isinstance(value, pd.Index):
        return "index", value.to_frame(name=_VALUE, index=False)
    return "frame", value


@dataclass(frozen=True)
class FrameFacts:
    """What a Parquet file does not say of the object that it holds.

    `mixed` are columns, and `labels` whether the row labels are, of several types; they are stored as JSON.
    """

    sort: str
    name: str | None
    mixed: tuple[str, ...]
    labels: bool
    categorical: tuple[str, ...] = ()

    @classmethod
    def of(cls, sort: str, frame: pd.DataFrame, name: Any) -> FrameFacts:
        """The facts of a frame."""
        mixed = tuple(str(column) for column in frame.columns if _is_mixed(frame[column]))
        sorts = tuple(str(n) for n in frame.columns if isinstance(frame[n].dtype, pd.CategoricalDtype))
        return cls(sort, name if sort != "frame" else None, mixed, _is_mixed(frame.index), sorts)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> FrameFacts:
        """What `to_json` gave."""
        return cls(told["sort"], told.get("name"), tuple(told.get("json", ())), bool(told.get("labels")))

    def to_json(self) -> dict[str, Any]:
        """The facts that are not as usual."""
        told = {"name": self.name, "json": list(self.mixed), "labels": self.labels}
        return {"sort": self.sort} | {key: value for key, value in told.items() if value}

    def write(self, frame: pd.DataFrame, path: Path) -> None:
        """Write the file, in row groups of a fixed size."""
        _with_json(frame, self.mixed, self.labels, _written).to_parquet(path, row_group_size=_GROUP)

    def read(self, path: Path, categories: Categories) -> Any:
        """The object as it was when saved; `categories` are those of each categorical column, and their order."""
        from pyarrow import parquet

        stored = parquet.read_table(path)
        frame = _with_objects(stored.to_pandas(), (stored.schema.pandas_metadata or {}).get("columns", ()))
        changes = {
            name: pd.Series(pd.Categorical(frame[name], values, ordered), frame.index)
            for name, (values, ordered) in categories.items()
        }
        frame = _with_json(frame.assign(**changes) if changes else frame, self.mixed, self.labels, json.loads)
        if self.sort == "frame":
            return frame
        return frame[_VALUE].rename(self.name) if self.sort == "series" else pd.Index(frame[_VALUE]).rename(self.name)


def _with_objects(frame: pd.DataFrame, told: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Text columns and labels as Python objects where they were: pandas 3 reads them as `str`."""
    objects = {column["name"] or column["field_name"] for column in told if column["numpy_type"] == "object"}
    texts = [name for name in frame if name in objects and frame[name].dtype != object]
    changes = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in texts}
    frame = frame.assign(**changes) if changes else frame
    if frame.index.dtype != object and {frame.index.name, "__index_level_0__"} & objects:
        return frame.set_axis(frame.index.astype(object))
    return frame


def _with_json(frame: pd.DataFrame, columns: Sequence[str], labels: bool, change: Callable[[Any], Any]) -> pd.DataFrame:
    """The frame with some columns, and its labels, changed value by value."""
    changes = {name: pd.Series([change(v) for v in frame[name]], frame.index, object) for name in columns}
    made = frame.assign(**changes) if changes else frame
    return made.set_axis(pd.Index([change(v) for v in frame.index], object, name=frame.index.name)) if labels else made


def _written(value: Any) -> str:
    """A value of a mixed column as JSON; what JSON cannot hold as its text."""
    return json.dumps(value, default=lambda v: v.item() if isinstance(v, np.generic) else str(v))


def _is_mixed(values: Any) -> bool:
    """Whether numbers and texts stand side by side, such as users' integer ids and segments' names."""
    plain = values.dtype == object and not isinstance(values, pd.MultiIndex)
    told: str = pd.api.types.infer_dtype(values, skipna=True) if plain else ""
    return told in ("mixed", "mixed-integer")
