"""Columns of image paths: relative ones lie beside the table that names them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from causalkit.components import Context
from causalkit.content import is_address, is_there
from causalkit.table_files import header, read

__all__ = ["beside", "outside_note", "presence"]


def beside(values: pd.Series[Any], table: str) -> pd.Series[Any]:
    """Paths as they can be opened from here; those that are relative, from the folder of `table`. Missing stay."""
    folder = _folder(table)
    told = values.astype("string").str.strip()
    return told.map(lambda path: path if is_address(path) else _joined(folder, path), na_action="ignore").astype(
        "string"
    )


def outside_note(paths: pd.Series[Any], table: str) -> Iterator[str]:
    """Says how many paths lead out of the folder of `table`."""
    folder, given = os.path.abspath(_folder(table)), [path for path in paths.dropna() if path]
    out = [path for path in given if os.path.commonpath([folder, os.path.abspath(path)]) != folder]
    if out:
        yield (
            f"{len(out):,} of {len(given):,} images of column {paths.name!r} lie outside the folder of {table},"
            f" such as {out[0]!r}"
        )


def presence(table: str, columns: Iterable[str]) -> str:
    """Hash of which images of a table are there: another one where some came or went."""
    known = header(table)
    parts = read(table, [name for name in columns if name in known], (), Context(), encode=False)
    there = [is_there(path) for name in parts for path in beside(parts[name], table).fillna("")]
    return hashlib.sha256(bytes(there)).hexdigest()


def _folder(table: str) -> str:
    place = Path(table).expanduser()
    return str(place if place.is_dir() else place.parent)


def _joined(folder: str, path: str) -> str:
    """Where an address is no path, it stays as it is, and is refused by whoever reads it."""
    return os.path.normpath(os.path.join(folder, os.path.expanduser(path))) if path and not is_address(path) else path
