"""How one column of a log lies in Parquet, so that every part of it comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from causalkit.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["StoredColumn"]

How = Literal["plain", "text", "json", "codes", "labels"]
_ABSENT = {"None": None, "nan": np.nan, "NA": pd.NA, "NaT": pd.NaT}


@dataclass(frozen=True)
class StoredColumn:
    """A column's name, its pandas dtype, and how its values are written.

    `plain`   as Arrow has them.
    `text`    an object column of strings; what stands for missing is `absent`.
    `json`    an object column of strings, numbers and truth values mixed, each as JSON.
    `codes`   a categorical as its codes, -1 where missing; its categories lie elsewhere.
    `labels`  a categorical as its labels, as in a file that something else wrote.
    """

    name: str
    how: How
    dtype: Any
    absent: str = "None"

    @classmethod
    def of(cls, column: pd.Series[Any]) -> StoredColumn:
        """How `column` is to be stored; an object column must be whole, others may be a part."""
        name = str(column.name)
        if isinstance(column.dtype, pd.CategoricalDtype):
            return cls(name, "codes", column.dtype)
        if column.dtype != np.dtype(object):
            return cls(name, "plain", column.dtype)
        absent = {_absent_name(value) for value in column[column.isna()].unique()}
        if pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty") and len(absent) < 2:
            return cls(name, "text", column.dtype, next(iter(absent), "None"))
        return cls(name, "json", column.dtype)

    def encode(self, column: pd.Series[Any]) -> pa.Array:
        """The values as Arrow writes them; raises `DataError` where it cannot."""
        import pyarrow as pa

        try:
            if self.how == "codes":
                return pa.array(column.cat.codes.to_numpy())
            if self.how == "json":
                return pa.array([json.dumps(value, default=_in_json) for value in column], pa.string())
            if self.how == "text":
                return pa.array(column.to_numpy(), pa.large_string(), from_pandas=True)
            values = column.array if pd.api.types.is_extension_array_dtype(column.dtype) else column.to_numpy()
            array = pa.array(values)
        except (pa.ArrowException, TypeError, UnicodeEncodeError) as error:
            raise DataError(
                f"column {self.name!r} ({column.dtype}) cannot be written to Parquet: {error}",
                "Turn it into numbers, text or timestamps.",
            ) from error
        return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array

    def decode(self, values: pa.ChunkedArray) -> Any:
        """What `encode` was given, for one part: a numpy or pandas array of `dtype`."""
        if self.how == "codes":
            return pd.Categorical.from_codes(values.to_numpy(), dtype=self.dtype)
        if self.how == "labels":
            return pd.Categorical.from_codes(_codes(values, self.dtype.categories), dtype=self.dtype)
        if self.how == "json":
            return _objects([_from_json(text) for text in values.to_pylist()])
        if self.how == "text":
            texts = np.array(values.to_numpy(), object)
            texts[values.is_null().to_numpy()] = _ABSENT[self.absent]
            return texts
        if isinstance(self.dtype, pd.api.extensions.ExtensionDtype) and hasattr(self.dtype, "__from_arrow__"):
            return self.dtype.__from_arrow__(values)
        return values.to_numpy().astype(self.dtype, copy=False)

    def facts(self) -> dict[str, Any]:
        """What JSON can hold of it: for a categorical, all but the categories."""
        said: dict[str, Any] = {"name": self.name, "how": self.how, "absent": self.absent}
        if self.how == "codes":
            return said | {"ordered": bool(self.dtype.ordered)}
        return said | {"dtype": _dtype_facts(self.dtype)}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], categories: pd.Index[Any] | None = None) -> StoredColumn:
        """What `facts` told, with the categories of a categorical."""
        dtype = pd.CategoricalDtype(categories, facts["ordered"]) if facts["how"] == "codes" else _dtype(facts["dtype"])
        return cls(facts["name"], facts["how"], dtype, facts["absent"])


def _codes(values: pa.ChunkedArray, categories: pd.Index[Any]) -> Any:
    found = []
    for chunk in values.dictionary_encode().chunks:
        place = np.append(categories.get_indexer(pd.Index(chunk.dictionary.to_pylist())), -1)
        found.append(place[chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)])
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _objects(values: list[Any]) -> Any:
    found = np.empty(len(values), object)
    found[:] = values
    return found


def _absent_name(value: Any) -> str:
    if isinstance(value, float):
        return "nan"
    return next(name for name, known in _ABSENT.items() if value is known)


def _in_json(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if value is pd.NA or value is pd.NaT:
        return {"absent": "NA" if value is pd.NA else "NaT"}
    raise TypeError(f"it holds a {type(value).__name__}")


def _from_json(text: str) -> Any:
    value = json.loads(text)
    return _ABSENT[value["absent"]] if isinstance(value, dict) else value


def _dtype_facts(dtype: Any) -> Any:
    if isinstance(dtype, pd.StringDtype):
        return {"storage": dtype.storage, "absent": _absent_name(dtype.na_value)}
    return str(dtype)


def _dtype(facts: Any) -> Any:
    if isinstance(facts, str):
        return pd.api.types.pandas_dtype(facts)
    if facts["absent"] == "NA":
        return pd.StringDtype(facts["storage"])
    made = pd.api.types.pandas_dtype("str")  # pandas 3's own text, which pandas 2 has not
    return pd.StringDtype(facts["storage"], na_value=np.nan) if isinstance(made, pd.StringDtype) else np.dtype(object)
