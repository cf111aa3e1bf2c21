"""What the images that a log names must be, and what of them a reader of the report should know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from causalkit.content import is_there, refuse_addresses
from causalkit.errors import DataError
from causalkit.types import Dataset

__all__ = ["check_images", "image_columns"]

_SHOWN = 60


def image_columns(dataset: Dataset) -> Iterator[tuple[str, pd.Series[str]]]:
    """Whose images they are (`"items"`, `"users"`), and their paths, empty ones left out: a column at a time."""
    for whose, table in (("items", dataset.items), ("users", dataset.users)):
        for name in dataset.schema.of_kind("image", table):
            paths = table[name].astype("string").str.strip()
            yield whose, paths[paths.fillna("") != ""]


def check_images(dataset: Dataset) -> tuple[str, ...]:
    """Notes on images that are not there.

    Raises
    ------
    DataError : a column of images none of which is there, or that names web addresses.
    """
    notes: list[str] = []
    first: dict[str, Any] = {}
    for whose, paths in image_columns(dataset):
        if first.setdefault(whose, paths.name) != paths.name:
            notes.append(f"of several columns of images of {whose}, encoders read {first[whose]!r}, not {paths.name!r}")
        refuse_addresses(paths)
        lost = [path for path in paths if not is_there(path)]
        if lost and len(lost) == len(paths):
            raise DataError(
                f"not one of the {len(lost):,} images of column {paths.name!r} is there, such as {_shown(lost[0])}",
                f"`tables` takes relative paths from the folder of the {whose} file.",
            )
        if lost:
            notes.append(
                f"{len(lost):,} of {len(paths):,} images of {whose} (column {paths.name!r}) are not there, such as"
                f" {_shown(lost[0])}"
            )
    return tuple(notes)


def _shown(path: str) -> str:
    return repr(path if len(path) <= _SHOWN else f"…{path[-_SHOWN:]}")
