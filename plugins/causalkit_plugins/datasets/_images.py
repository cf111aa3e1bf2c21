"""What is known of the images that a table names before any is read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from causalkit.components import Context
from causalkit.content import is_there
from causalkit.table_files import beside, folder_of, header, read

__all__ = ["outside_note", "presence"]


def outside_note(paths: pd.Series[Any], table: str) -> Iterator[str]:
    """Says how many paths lead out of the folder of `table`."""
    folder, given = os.path.abspath(folder_of(table)), [path for path in paths.dropna() if path]
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
