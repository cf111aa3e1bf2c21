"""Types to files and back: JSON for structure, Parquet for tables, safetensors for arrays; no pickle.

A frozen dataclass of `causalkit.types` becomes a JSON object `{"$type": name, …}`; tables, series,
indexes and arrays inside it become files beside it, named by their place.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from causalkit import types
from causalkit.errors import StoreError

__all__ = ["load", "save"]

Write = Callable[[Path, Callable[[Path], None]], None]
_STRUCTURE = "object.json"


def save(value: Any, folder: Path, write: Write) -> None:
    """Write `value` into `folder`; `write(path, writer)` does each file atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    tree = _Saver(folder, write).tree(value, "")
    text = json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False)
    write(folder / _STRUCTURE, lambda path: _write_text(path, text))


def load(folder: Path) -> Any:
    """Read what `save` wrote.

    Raises
    ------
    StoreError : a file is missing, cut short, or of an unknown type.
    """
    try:
        tree = json.loads((folder / _STRUCTURE).read_text(encoding="utf-8"))
        return _read(tree, folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{folder} cannot be read: {type(error).__name__}: {error}", "Run again; the rest of the run stands."
        ) from error


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class _Saver:
    folder: Path
    write: Write

    def tree(self, value: Any, place: str) -> Any:
        if value is None or (isinstance(value, str | bool | int) and not isinstance(value, np.generic)):
            return value
        if isinstance(value, np.generic):
            return self.tree(value.item(), place)
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$float": repr(value)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value, place)
        if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
            return self._table(value, place)
        if isinstance(value, np.ndarray):
            return self._array(value, place)
        if isinstance(value, Mapping):
            pairs = [[self.tree(k, place), self.tree(v, f"{place}.{k}")] for k, v in value.items()]
            return {"$map": pairs}
        if isinstance(value, frozenset | set):
            return {"$set": [self.tree(v, place) for v in sorted(value)]}
        if isinstance(value, tuple | list):
            return [self.tree(v, f"{place}.{i}") for i, v in enumerate(value)]
        raise TypeError(f"{place or 'value'}: a {type(value).__name__} cannot be stored")

    def _dataclass(self, value: Any, place: str) -> dict[str, Any]:
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {"$type": type(value).__name__} | {k: self.tree(v, f"{place}.{k}".strip(".")) for k, v in fields.items()}

    def _table(self, value: Any, place: str) -> dict[str, Any]:
        name = f"{place.strip('.') or 'table'}.parquet"
        sort = "series" if isinstance(value, pd.Series) else "index" if isinstance(value, pd.Index) else "frame"
        frame = (
            value
            if sort == "frame"
            else value.rename("value").to_frame()
            if sort == "series"
            else value.to_frame(name="value", index=False)
        )
        mixed = [str(column) for column in frame.columns if _is_mixed(frame[column])]
        labels = _is_mixed(frame.index)
        stored = _with_json(frame, mixed, labels, _written)
        self.write(self.folder / name, lambda path: stored.to_parquet(path, row_group_size=100_000))
        told = {"$table": name, "sort": sort} | ({"json": mixed} if mixed else {}) | ({"labels": 1} if labels else {})
        sorts = [str(n) for n in frame.columns if isinstance(frame[n].dtype, pd.CategoricalDtype)]
        place = place.strip(".") or "table"
        kept = {
            n: [self.tree(frame[n].cat.categories, f"{place}.{n}.categories"), bool(frame[n].cat.ordered)]
            for n in sorts
        }
        return told | ({"categories": kept} if kept else {})

    def _array(self, value: Any, place: str) -> dict[str, str]:
        from safetensors.numpy import save_file

        name = f"{place.strip('.') or 'array'}.safetensors"
        self.write(self.folder / name, lambda path: save_file({"array": np.ascontiguousarray(value)}, path))
        return {"$array": name}


def _with_json(frame: pd.DataFrame, columns: Sequence[str], labels: bool, change: Callable[[Any], Any]) -> pd.DataFrame:
    """The frame with some columns, and its labels, changed value by value: Parquet columns have one type."""
    made = frame.assign(**{name: pd.Series([change(v) for v in frame[name]], frame.index, object) for name in columns})
    return made.set_axis(pd.Index([change(v) for v in frame.index], object, name=frame.index.name)) if labels else made


def _written(value: Any) -> str:
    """A value of a mixed column as JSON; what JSON cannot hold as its text."""
    return json.dumps(value, default=lambda v: v.item() if isinstance(v, np.generic) else str(v))


def _is_mixed(values: Any) -> bool:
    """Whether numbers and texts stand side by side, such as users' integer ids and segments' names."""
    plain = values.dtype == object and not isinstance(values, pd.MultiIndex)
    told: str = pd.api.types.infer_dtype(values, skipna=True) if plain else ""
    return told in ("mixed", "mixed-integer")


def _read(tree: Any, folder: Path) -> Any:
    if isinstance(tree, list):
        return tuple(_read(part, folder) for part in tree)
    if not isinstance(tree, dict):
        return tree
    if "$float" in tree:
        return float(tree["$float"])
    if "$map" in tree:
        return {_read(k, folder): _read(v, folder) for k, v in tree["$map"]}
    if "$set" in tree:
        return frozenset(_read(part, folder) for part in tree["$set"])
    if "$table" in tree:
        categories = {name: _read(part, folder) for name, part in tree.get("categories", {}).items()}
        return _read_table(folder / tree["$table"], tree["sort"], tree.get("json", ()), "labels" in tree, categories)
    if "$array" in tree:
        from safetensors.numpy import load_file

        return load_file(folder / tree["$array"])["array"]
    kind = _known_type(tree["$type"])
    return kind(**{name: _read(part, folder) for name, part in tree.items() if name != "$type"})


def _read_table(
    path: Path, sort: str, mixed: Sequence[str], labels: bool, categories: Mapping[str, tuple[pd.Index[Any], bool]]
) -> Any:
    """A table as it was when saved: saving it again gives the same bytes."""
    from pyarrow import parquet

    stored = parquet.read_table(path)
    frame = stored.to_pandas()
    told = (stored.schema.pandas_metadata or {}).get("columns", ())
    objects = {column["name"] or column["field_name"] for column in told if column["numpy_type"] == "object"}
    changes = {name: frame[name].astype(object) for name in frame if name in objects and frame[name].dtype != object}
    for name, (values, ordered) in categories.items():
        changes[name] = pd.Series(pd.Categorical(frame[name], values, ordered), frame.index)
    frame = frame.assign(**changes) if changes else frame
    if frame.index.dtype != object and {frame.index.name, "__index_level_0__"} & objects:
        frame.index = frame.index.astype(object)
    frame = _with_json(frame, mixed, labels, json.loads)
    if sort == "series":
        return frame["value"]
    return pd.Index(frame["value"]) if sort == "index" else frame


def _known_type(name: str) -> Any:
    if name not in types.__all__:
        raise StoreError(
            f"the run holds a {name!r}, which this causalkit does not know", "Read it with the version that wrote it."
        )
    return getattr(types, name)
