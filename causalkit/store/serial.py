"""Types to files and back: JSON for structure, Parquet for tables, safetensors for arrays; no pickle.

A frozen dataclass of `causalkit.types` becomes a JSON object `{"$type": name, …}`; tables, series,
indexes and arrays inside it become files beside it, named by their place.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from causalkit import types
from causalkit.errors import StoreError
from causalkit.store.arrays import read_array, write_array
from causalkit.store.frames import FrameFacts, as_frame

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
        place = place.strip(".") or "table"
        name = _file_name(place, ".parquet")
        sort, frame = as_frame(value)
        facts = FrameFacts.of(sort, frame, getattr(value, "name", None))
        self.write(self.folder / name, lambda path: facts.write(frame, path))
        kept = {
            column: [
                self.tree(frame[column].cat.categories.rename(None), f"{place}.{column}.categories"),
                bool(frame[column].cat.ordered),
            ]
            for column in facts.categorical
        }
        return {"$table": name} | facts.to_json() | ({"categories": kept} if kept else {})

    def _array(self, value: Any, place: str) -> dict[str, str]:
        name = _file_name(place.strip(".") or "array", ".safetensors")
        self.write(self.folder / name, lambda path: write_array(value, path))
        return {"$array": name}


def _file_name(place: str, ending: str) -> str:
    """The file of a place; the keys and column names in it may be anything that data holds, `../../x` too."""
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}", place)
    return (place if plain else hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:32]) + ending


def _beside(folder: Path, name: str) -> Path:
    """A file of the folder; one elsewhere is not read, whatever a structure from a stranger says."""
    if Path(name).name != name:
        raise StoreError(f"{folder / _STRUCTURE} names a file outside of its folder: {name!r}")
    return folder / name


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
        return FrameFacts.from_json(tree).read(_beside(folder, tree["$table"]), categories)
    if "$array" in tree:
        return read_array(_beside(folder, tree["$array"]))
    kind = _known_type(tree["$type"])
    return kind(**{name: _read(part, folder) for name, part in tree.items() if name != "$type"})


def _known_type(name: str) -> Any:
    if name not in types.__all__:
        raise StoreError(
            f"the run holds a {name!r}, which this causalkit does not know", "Read it with the version that wrote it."
        )
    return getattr(types, name)
