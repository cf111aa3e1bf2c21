"""Your own log, from Parquet or CSV files and a schema in the config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator

from causalkit.components import Context, component
from causalkit.errors import DataError, nearest
from causalkit.provenance import file_fingerprint
from causalkit.table_files import beside, header, read
from causalkit.types import ColumnKind, Dataset, Table
from causalkit_plugins.datasets._coercion import as_binary, as_ids, as_numbers, as_time, as_values, join_ids
from causalkit_plugins.datasets._columns import ID_ROLES, ColumnSpec, SchemaSpec, ids_of, make_schema, sources, whole
from causalkit_plugins.datasets._images import outside_note, presence

__all__ = ["Tables"]

_NUMBERS = ("propensity", "position", "weight", "margin", "cost")


@component
class Tables:
    """A log in your own Parquet or CSV files; each may be a file or a folder of files.

    Only columns that the schema names are read, by parts. Ids become categoricals and keep the form
    they have in the file; times stay times. Covariates of the users file are laid onto the rows, so
    that they are adjusted for. Paths in a column of `kind: image` that are relative start from the folder of the
    file that names them. An item is called by its `label`, `title` or `name` in the items file,
    the first of these that the schema names, else by its id. A treatment may be 0/1, boolean or plain words (`yes`,
    `treated`); for other values `treated: VALUE` in its column entry says which means 1.
    """

    interactions: str
    "The log: a row for each time that an item was, or could have been, shown. `.parquet` or `.csv`."
    schema: Annotated[SchemaSpec, AfterValidator(whole)]
    """What the columns are: `{columns: {NAME: {role, kind, tier, description, lag, treated, derive}},
    assignment: [NAME, …], words: {units, outcome, …}}`. `lag: N` adjusts for the column as it was N
    or more periods before, in the column's stead."""
    items: str | None = None
    "Item attributes, one row per item, with the item column of the log."
    users: str | None = None
    "User attributes, one row per user, with the user column of the log."

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the contents of the files, and of which of the images that they name are there."""
        paths = [Path(path).expanduser() for path in (self.interactions, self.items, self.users) if path is not None]
        if not all(path.exists() for path in paths):
            return ""
        images = [presence(table, self._images()) for table in (self.items, self.users) if table and self._images()]
        return "-".join([file_fingerprint(paths), *images])

    def load(self, *, context: Context = Context()) -> Dataset:
        """Read, coerce and join the files."""
        columns, ids = self.schema["columns"], ids_of(self.schema)
        item, user = self._one("item"), self._one("user", required=False)
        homes = self._homes(item, user)
        rows = read(self.interactions, homes["interactions"], ids, context)
        rows = rows.assign(**{name: _coerced(rows[name], name, columns[name]) for name in homes["interactions"]})
        rows, items = self._attributes(rows, self.items, item, homes["items"], ids, context)
        users = pd.DataFrame()
        if user is not None:
            rows, users = self._attributes(rows, self.users, user, homes["users"], ids, context)
            rows, users = self._with_segment(rows, users, user)
            rows = self._with_traits(rows, users, user)
        kinds = {name: _kind(values) for part in (items, users, rows) for name, values in part.items()}
        schema = make_schema(self.schema, kinds)
        notes = (*self._unmatched(items, homes["items"]), *self._outside(items, users))
        return Dataset(Table(rows), schema, items, users, name=_stem(self.interactions), notes=notes)

    def _one(self, role: str, *, required: bool = True) -> Any:
        named = [name for name, spec in self.schema["columns"].items() if spec["role"] == role]
        if len(named) == 1 or (not named and not required):
            return named[0] if named else None
        raise DataError(
            f"the schema gives the role {role!r} to {len(named)} columns, and one is needed",
            f"Add {{NAME: {{role: {role}}}}} to data.params.schema.columns." if not named else f"It names {named}.",
        )

    def _homes(self, item: str, user: str | None) -> dict[str, list[str]]:
        """Which file each column is read from; the log first, then items, then users."""
        paths = {"interactions": self.interactions, "items": self.items, "users": self.users}
        found = {home: header(path) for home, path in paths.items() if path is not None}
        homes: dict[str, list[str]] = {home: [] for home in paths}
        for name in sources(self.schema):
            home = next((home for home, names in found.items() if name in names), None)
            if home is None:
                known = [name for names in found.values() for name in names]
                where = " or ".join(str(path) for path in paths.values() if path is not None)
                raise DataError(f"there is no column {name!r} in {where}{nearest(name, known)}", f"They have {known}.")
            homes[home].append(name)
        for home, name in (("items", item), ("users", user)):
            if home in found and name not in found[home]:
                raise DataError(
                    f"{paths[home]} has no column {name!r} to join it by{nearest(str(name), found[home])}",
                    f"It has {found[home]}.",
                )
        self._must_be_in_log(homes["interactions"])
        return homes

    def _must_be_in_log(self, present: Iterable[str]) -> None:
        for name in sources(self.schema):
            role = self.schema["columns"][name]["role"]
            if name not in present and role in ("item", "user", "treatment", "outcome", "time", "weight", "propensity"):
                raise DataError(f"column {name!r} has the role {role} and is not in {self.interactions}")

    def _attributes(
        self, rows: pd.DataFrame, path: str | None, key: str, names: list[str], ids: tuple[str, ...], context: Context
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Rows with ids as the table has them, and the table with every id of the log."""
        if path is None:
            return rows, pd.DataFrame(index=pd.Index(rows[key].cat.categories, name=key))
        table = read(path, [key, *names], ids, context, encode=False).set_index(key)
        joined, known = join_ids(rows[key], table.index, key)
        table = table.set_axis(known.rename(key))
        columns = self.schema["columns"]
        coerced = {name: _coerced(table[name], name, columns[name]) for name in names}
        every = known.union(pd.Index(joined.cat.categories), sort=False).rename(key)
        images = {name: beside(table[name], path) for name in self._images() if name in names}
        return rows.assign(**{key: joined}), table.assign(**coerced | images).reindex(every)

    def _images(self) -> list[str]:
        return [name for name, spec in self.schema["columns"].items() if spec.get("kind") == "image"]

    def _with_segment(self, rows: pd.DataFrame, users: pd.DataFrame, user: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """A segment that only one of log and users table has, laid onto the other as well."""
        segment = self._one("segment", required=False)
        if segment is None:
            return rows, users
        if segment in rows:
            first = rows.drop_duplicates(user).set_index(user)[segment]
            if rows.groupby(user, observed=True)[segment].nunique().max() > 1:
                return rows, users
            return rows, users.assign(segment=first.reindex(users.index).to_numpy())
        known = as_ids(users[segment], segment, "segment")
        laid = known.reindex(pd.Index(rows[user].cat.categories))
        codes = laid.cat.codes.to_numpy()[rows[user].cat.codes.to_numpy()]
        values = pd.Categorical.from_codes(codes, laid.cat.categories)
        return rows.assign(**{segment: values}), users.assign(**{segment: known, "segment": known})

    def _with_traits(self, rows: pd.DataFrame, users: pd.DataFrame, user: str) -> pd.DataFrame:
        """Covariates and instruments of users, laid onto the rows: they vary within an item and can be adjusted for."""
        columns = self.schema["columns"]
        wanted = [
            name
            for name in users.columns
            if name in columns
            and name not in rows
            and columns[name]["role"] in ("covariate", "instrument")
            and columns[name].get("kind") not in ("text", "image")
        ]
        traits = users[wanted].reindex(rows[user].cat.categories)
        at = rows[user].cat.codes.to_numpy()
        return rows.assign(**{name: traits[name].take(at).set_axis(rows.index) for name in wanted})

    def _outside(self, items: pd.DataFrame, users: pd.DataFrame) -> Iterator[str]:
        """Notes where images lie outside the folder of the table that names them."""
        for file, table in ((self.items, items), (self.users, users)):
            for name in self._images():
                if file is not None and name in table:
                    yield from outside_note(table[name], file)

    def _unmatched(self, items: pd.DataFrame, names: list[str]) -> tuple[str, ...]:
        """A note where items of the log have no row among the attributes."""
        lost = int(items[names].isna().all(axis=1).sum()) if names else 0
        return (f"{lost} of {len(items)} items of the log have no attributes in {self.items}",) if lost else ()


def _coerced(values: pd.Series[Any], name: str, spec: ColumnSpec) -> pd.Series[Any]:
    role = spec["role"]
    if role in ID_ROLES:
        return as_ids(values, name, role)
    if role in ("treatment", "placebo-exposure") or "treated" in spec:
        return as_binary(values, name, role, spec.get("treated"))
    if role == "time":
        return as_time(values, name)
    if role in _NUMBERS:
        return as_numbers(values, name, role)
    if role == "outcome" and spec.get("kind", "binary") == "binary" and not _numeric(values):
        return as_binary(values, name, role)
    return as_values(values, name, role, spec.get("kind") or _kind(values))


def _numeric(values: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values.dtype))


def _kind(values: pd.Series[Any]) -> ColumnKind:
    """The kind that a column's values show."""
    dtype = values.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "binary"
    if pd.api.types.is_numeric_dtype(dtype):
        distinct = values.dropna().unique()
        return "binary" if len(distinct) <= 2 and np.isin(distinct, [0, 1]).all() else "continuous"
    return "time" if pd.api.types.is_datetime64_any_dtype(dtype) else "categorical"


def _stem(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].split(".")[0]
