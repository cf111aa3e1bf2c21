"""A log that a run has never seen: its users, its items and what is known of them; no outcome is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from causalkit.components import Context
from causalkit.errors import DataError, nearest
from causalkit.table_files import beside, header, read
from causalkit.types import Dataset

__all__ = ["NewLog", "read_new_log"]


@dataclass(frozen=True)
class NewLog:
    """Who and what a new log names; ids that the run knows are in the run's form.

    Parameters
    ----------
    users : every user, in order of first sight.
    cold_users : those whom the run does not know.
    items : every item, in order of first sight; empty where the files name none.
    cold_items : attributes of the items that the run does not know, indexed by item, columns of the
        run's items table; missing where the files do not say.
    segment : segment by cold user, as far as the files say.
    dropped : rows without a user.
    """

    users: list[Any]
    cold_users: frozenset[Any]
    items: list[Any]
    cold_items: pd.DataFrame
    segment: pd.Series[Any]
    dropped: int = 0


def read_new_log(
    run: Dataset,
    known_users: Sequence[Any],
    path: str | Path,
    items: str | Path | None = None,
    users: str | Path | None = None,
) -> NewLog:
    """Read a new log for a run whose schema, items and users are those of `run`.

    Columns are called what the run's log calls them. `path` (Parquet or CSV, a file or a folder) needs the
    user column and may have the item column, the segment, and attributes of items; `items` and `users`
    are files of attributes by item and by user. Paths of images start from the folder of the file that names them.

    Raises
    ------
    DataError : a file that cannot be read, has no row, or lacks a column that joins it.
    """
    user, item = user_column(run), run.item
    attributes = [str(name) for name in run.items.columns]
    segment = [run.segment] if run.segment else []
    images = run.schema.of_kind("image")
    log = _read(path, [user], [item, *segment, *attributes], (user, item), images)
    _not_misspelt(path, log.attrs["header"], item, run)
    of_items, of_users = pd.DataFrame(), pd.DataFrame()
    if items is not None:
        of_items = _read(items, [item], attributes, (item,), images)
    if users is not None:
        of_users = _read(users, [user], [*segment, "segment"], (user,))
    ids, cold_users = _matched(_ids(log[user]), known_users)
    if not len(ids):
        raise DataError(f"{path} names no user: {user!r} is empty in all its rows", "Give it rows with users.")
    named = [table for table in (log, of_items) if item in table]
    places, cold_items = _matched([i for table in named for i in _ids(table[item])], run.items.index)
    told = [table for table in (of_users, log) if any(name in table for name in [*segment, "segment"])]
    return NewLog(
        users=list(ids.values()),
        cold_users=frozenset(cold_users.values()),
        items=list(places.values()),
        cold_items=_attributes(named[::-1], item, cold_items, attributes),
        segment=_segments(told, user, cold_users, [*segment, "segment"]),
        dropped=int(log[user].isna().sum()),
    )


def user_column(run: Dataset) -> str:
    """What the users of a run are called in its files."""
    return run.user or str(run.users.index.name or "user")


def _not_misspelt(path: str | Path, header: Sequence[str], item: str, run: Dataset) -> None:
    """Refuse a log without items where one of its columns seems to be meant for them."""
    known = {column.name for column in run.schema.columns} | {str(name) for name in run.users.columns}
    close = nearest(item, [name for name in header if name not in known])
    if item not in header and close:
        raise DataError(f"{path} has no column {item!r}{close}", f"Rename it, or leave it out. It has {list(header)}.")


def _ids(values: pd.Series[Any]) -> list[Any]:
    """Distinct ids in order of first sight; whole floats, which pandas makes of integers with gaps, as integers."""
    found = values.dropna()
    if pd.api.types.is_float_dtype(found.dtype) and (found % 1 == 0).all():
        found = found.astype("int64")
    return [v for v in found.unique() if str(v) != ""]


def _matched(ids: Iterable[Any], known: Iterable[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every id by its text, in the form of the known ones; and those that are not known."""
    forms = {str(k): k for k in known}
    every = {str(i): forms.get(str(i), _plain(i)) for i in ids}
    return every, {text: i for text, i in every.items() if text not in forms}


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _attributes(
    tables: Sequence[pd.DataFrame], item: str, cold: dict[str, Any], attributes: Sequence[str]
) -> pd.DataFrame:
    """What the tables say of cold items; the first table and row that says anything counts."""
    found = pd.DataFrame(index=pd.Index(list(cold), dtype=object), columns=list(attributes), dtype=object)
    for table in tables:
        own = [name for name in attributes if name in table]
        first = table.dropna(subset=[item])
        first = first.set_axis(_as_text(first[item])).groupby(level=0)[own].first() if own else first
        for name in own:
            found[name] = found[name].where(found[name].notna(), first[name].astype(object).reindex(found.index))
    return found.set_axis(pd.Index(list(cold.values()), dtype=object, name=item))


def _as_text(values: pd.Series[Any]) -> pd.Index:
    whole = pd.api.types.is_float_dtype(values.dtype) and bool((values % 1 == 0).all())
    return pd.Index((values.astype("int64") if whole else values).astype(str), dtype=object)


def _segments(tables: Sequence[pd.DataFrame], user: str, cold: dict[str, Any], names: Sequence[str]) -> pd.Series[Any]:
    """The segment of each cold user, of the first table that has it."""
    found = pd.Series(index=pd.Index(list(cold), dtype=object), dtype=object)
    for table in tables:
        name = next(name for name in names if name in table)
        known = table.dropna(subset=[user, name])
        first = known.set_axis(_as_text(known[user]))[name].astype(str)
        first = first[~first.index.duplicated()]
        found = found.where(found.notna(), first.astype(object).reindex(found.index))
    return found.set_axis(pd.Index(list(cold.values()), dtype=object)).dropna()


def _read(
    path: str | Path, needed: Sequence[str], wanted: Sequence[str], ids: Sequence[str], images: Sequence[str] = ()
) -> pd.DataFrame:
    """The needed columns and those of the wanted ones that are there; `attrs["header"]` is all of them.

    Paths in columns of `images` that are relative start from the folder of the file.
    """
    names = header(str(path))
    lacking = [name for name in needed if name not in names]
    if lacking:
        raise DataError(
            f"{path} has no column {lacking[0]!r}{nearest(lacking[0], names)}",
            f"Call its columns what the run's log calls them. It has {names}.",
        )
    asked = [name for name in dict.fromkeys([*needed, *wanted]) if name in names]
    table = read(str(path), asked, ids, Context(), encode=False)
    if not len(table):
        raise DataError(f"{path} has no rows", "Give it a row for each user (and item) to score.")
    table = table.assign(**{name: beside(table[name], str(path)) for name in images if name in table})
    table.attrs["header"] = names
    return table
