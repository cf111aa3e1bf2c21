"""A table whose rows lie in Parquet files and are read by parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError
from causalkit.types.foreign_parquet import columns_of, opened, schema_of, unreadable
from causalkit.types.stored_column import StoredColumn
from causalkit.types.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ParquetTable"]

ROWS, CATEGORIES = "rows.parquet", "categories.parquet"
_GROUP = 100_000
_KEPT_IN_MEMORY = 5_000_000
_FACTS = b"causalkit"

Write = Callable[[Path, Callable[[Path], None]], None]


def _plainly(path: Path, writer: Callable[[Path], None]) -> None:
    """Beside first, so that a table can be written over the files that it is read from."""
    beside = path.with_name(f".{path.name}.new")
    writer(beside)
    beside.replace(path)


class ParquetTable(Table):
    """Rows in Parquet files, with the methods and answers of a `Table` in memory.

    `parts` holds about one part at a time; `only` filters while reading. `frame` reads everything, and
    keeps what it read where that is at most 5 million rows. Row labels are not stored: they count
    the rows of the files, from 0. A copy sent to a worker carries paths and no rows.
    """

    files: tuple[Path, ...]
    stored: tuple[StoredColumn, ...]
    filters: tuple[tuple[str, tuple[Any, ...]], ...]
    _held: dict[str, Any]

    def __init__(
        self,
        files: Sequence[Path],
        stored: Sequence[StoredColumn],
        filters: tuple[tuple[str, tuple[Any, ...]], ...] = (),
    ) -> None:
        vars(self).update(files=tuple(files), stored=tuple(stored), filters=filters, _held={})

    @classmethod
    def write(cls, table: Table, folder: Path, write: Write = _plainly) -> ParquetTable:
        """Write a table's rows by parts into `folder`, and open them.

        Categoricals are written as codes and their categories beside, so that all parts have the
        same ones. Equal tables give equal bytes. `write(path, writer)` puts each file in place.

        Raises
        ------
        DataError : a column that Parquet cannot hold, or two of the same name.
        """
        stored = _stored(table)
        folder.mkdir(parents=True, exist_ok=True)
        digest = ""
        if any(column.how == "codes" for column in stored):
            write(folder / CATEGORIES, lambda path: _write_categories(path, stored))
            digest = _digest(folder / CATEGORIES)
        facts = json.dumps({"columns": [column.facts() for column in stored], "categories": digest})
        write(folder / ROWS, lambda path: _write_rows(path, table, stored, facts))
        return cls([folder / ROWS], stored)

    @classmethod
    def open(cls, path: Path | str) -> ParquetTable:
        """The rows that `write` left in a folder, or those of any Parquet file or folder of them.

        Text columns of such files become categoricals over all files' values.

        Raises
        ------
        DataError : nothing there, a file that is cut short, or files whose columns differ.
        """
        path = Path(path)
        files = _files(path)
        schema = schema_of(files)
        told = (schema.metadata or {}).get(_FACTS)
        if told is None:
            return cls(files, columns_of(files, schema))
        try:
            return cls(files, _read_stored(files[0].parent / CATEGORIES, json.loads(told)))
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{files[0]} cannot be read: {error}", "Write the table again.") from error

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_held": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @property
    def data(self) -> pd.DataFrame:
        """All rows, in memory."""
        return self.frame()

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(column.name for column in self.stored)

    def __len__(self) -> int:
        if "rows" not in self._held:
            self._held["rows"] = sum(len(at) for _, at in self._pieces([])) if self.filters else self._rows()
        return int(self._held["rows"])

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """All rows in memory; with `columns`, those only. See `Table.frame`."""
        names = list(self.columns) if columns is None else self._known(columns)
        if len(self) > _KEPT_IN_MEMORY:
            return next(self.parts(names, len(self)))
        frames = self._held.setdefault("frames", {})
        lacking = [name for name in dict.fromkeys(names) if name not in frames]
        if lacking or "index" not in self._held:
            read = next(self.parts(lacking, max(len(self), 1)))
            self._held["index"] = read.index
            frames.update({name: read[name] for name in lacking})
        found = pd.DataFrame({name: frames[name] for name in names}, index=self._held["index"])
        return found[names]

    def parts(
        self, columns: Sequence[str] | None = None, rows: int = 1_000_000, skip: int = 0
    ) -> Iterator[pd.DataFrame]:
        """The rows in order, `rows` at a time, as a table in memory would part them. See `Table.parts`."""
        names = list(self.columns) if columns is None else self._known(columns)
        if self.filters:  # where a part begins is only known when those before it are filtered
            return islice(self._parts(names, rows, 0), skip, None)
        return self._parts(names, rows, skip * rows)

    def _parts(self, names: Sequence[str], rows: int, first: int) -> Iterator[pd.DataFrame]:
        """The rows of the files from the row `first` on, `rows` at a time."""
        held: list[tuple[pa.Table, npt.NDArray[np.int64]]] = []
        waiting, given = 0, first > 0
        for piece, at in self._pieces(names, first):
            while waiting + len(at) >= rows:
                need = rows - waiting
                yield self._decoded([*held, (piece.slice(0, need), at[:need])], names)
                piece, at = piece.slice(need), at[need:]
                held, waiting, given = [], 0, True
            if len(at):
                held, waiting = [*held, (piece, at)], waiting + len(at)
        if held or not given:
            yield self._decoded(held, names)

    def head(self, rows: int = 0) -> pd.DataFrame:
        """The first rows; none by default, which tells the columns' types."""
        return next(self.parts(rows=rows)) if rows else self._decoded([], list(self.columns))

    def only(self, column: str, values: Sequence[Any]) -> ParquetTable:
        """The rows in which `column` is one of `values`; filtered while they are read."""
        self._known([column])
        return ParquetTable(self.files, self.stored, (*self.filters, (column, tuple(values))))

    def _rows(self) -> int:
        return sum(opened(path).metadata.num_rows for path in self.files)

    def _pieces(self, names: Sequence[str], first: int = 0) -> Iterator[tuple[pa.Table, npt.NDArray[np.int64]]]:
        """Rows as Arrow has them, and where in the files they are, a row group or less at a time."""
        import pyarrow as pa

        by_name = {column.name: column for column in self.stored}
        wanted = list(dict.fromkeys([*names, *(name for name, _ in self.filters)]))
        for start, batch in self._batches(wanted, first):
            table = pa.Table.from_batches([batch])
            at = np.arange(start, start + len(table))
            for name, values in self.filters:
                mask = pd.Series(by_name[name].decode(table[name])).isin(list(values)).to_numpy()
                table, at = table.filter(pa.array(mask)), at[mask]
            yield table.select(list(dict.fromkeys(names))), at

    def _batches(self, names: Sequence[str], first: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches of rows from `first` on, each with the place of its first row; earlier row groups are not read."""
        import pyarrow as pa

        labels = [column.name for column in self.stored if column.how == "labels"]
        start = 0
        for path in self.files:
            try:
                file = opened(path, labels)
                for group in range(file.num_row_groups):  # over all at once, Arrow would read ahead without bound
                    rows = file.metadata.row_group(group).num_rows
                    if start + rows <= first:
                        start += rows
                        continue
                    for batch in file.iter_batches(_GROUP, row_groups=[group], columns=list(names)):
                        before = min(max(first - start, 0), len(batch))
                        yield start + before, batch.slice(before)
                        start += len(batch)
            except (OSError, pa.ArrowException) as error:
                raise unreadable(path, error) from error

    def _decoded(self, pieces: Sequence[tuple[pa.Table, npt.NDArray[np.int64]]], names: Sequence[str]) -> pd.DataFrame:
        import pyarrow as pa

        at = np.concatenate([at for _, at in pieces]) if pieces else np.empty(0, np.int64)
        whole = len(at) == 0 or at[-1] - at[0] == len(at) - 1
        first = int(at[0]) if len(at) else 0
        index: Any = pd.RangeIndex(first, first + len(at)) if whole else pd.Index(at)
        table = pa.concat_tables([table for table, _ in pieces]) if pieces else None
        columns = {
            column.name: pd.Series(
                column.decode(table[column.name]) if table is not None else [], index, column.dtype, copy=False
            )
            for column in self.stored
            if column.name in names
        }
        return pd.DataFrame(columns, index=index, copy=False)[list(names)]


def _stored(table: Table) -> list[StoredColumn]:
    """How each column is to be stored; object columns are looked through, others by their dtype."""
    head = table.head()
    if head.columns.duplicated().any():
        raise DataError(f"two columns are called {head.columns[head.columns.duplicated()][0]!r}", "Rename one.")
    objects = {name for name, dtype in head.dtypes.items() if dtype == np.dtype(object)}
    return [StoredColumn.of(table.frame([name])[name] if name in objects else head[name]) for name in head.columns]


def _write_rows(path: Path, table: Table, stored: Sequence[StoredColumn], facts: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    texts = [column.name for column in stored if column.how in ("text", "json")]
    try:
        for part in table.parts(rows=_GROUP):
            arrays = [column.encode(part[column.name]) for column in stored]
            rows = pa.table(arrays, [column.name for column in stored]).replace_schema_metadata({_FACTS: facts})
            writer = writer or parquet.ParquetWriter(path, rows.schema, use_dictionary=texts, write_page_checksum=True)
            writer.write_table(rows, row_group_size=_GROUP)
    finally:
        if writer is not None:
            writer.close()


def _write_categories(path: Path, stored: Sequence[StoredColumn]) -> None:
    """One row, a list per categorical."""
    import pyarrow as pa
    from pyarrow import parquet

    lists, facts = {}, {}
    for column in stored:
        if column.how == "codes":
            values = pd.Series(column.dtype.categories, name=column.name)
            kind = StoredColumn.of(values)
            encoded = kind.encode(values)
            lists[column.name] = pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), encoded)
            facts[column.name] = kind.facts()
    parquet.write_table(pa.table(lists).replace_schema_metadata({_FACTS: json.dumps(facts)}), path)


def _read_stored(categories: Path, facts: dict[str, Any]) -> list[StoredColumn]:
    known = _read_categories(categories, facts["categories"]) if facts["categories"] else {}
    return [StoredColumn.from_facts(told, known.get(told["name"])) for told in facts["columns"]]


def _read_categories(path: Path, digest: str) -> dict[str, pd.Index[Any]]:
    import pyarrow as pa
    from pyarrow import parquet

    if _digest(path) != digest:
        raise ValueError(f"{path.name} beside it is not the one it was written with")
    table = parquet.read_table(path)
    facts = json.loads(table.schema.metadata[_FACTS])
    found = {}
    for name, told in facts.items():
        values = StoredColumn.from_facts(told).decode(pa.chunked_array([table[name].combine_chunks().flatten()]))
        found[name] = pd.Index(values)
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(path: Path) -> list[Path]:
    """The Parquet files meant by a file, a folder that `write` made, or a folder of files."""
    if path.is_file():
        return [path]
    if (path / ROWS).is_file():
        return [path / ROWS]
    found = sorted(path.glob("*.parquet")) if path.is_dir() else []
    if not found:
        raise DataError(f"there is no Parquet file at {path}", "Give a file, or a folder with *.parquet in it.")
    return found
