"""Tables to Parquet, CSV or JSON files, block by block: whole at the end, or not there at all.

The file's ending says which: `.parquet`, `.csv`, `.json` (one document, an array of rows) or
`.jsonl` (a row a line). Memory holds a block of rows, however long the table is.

In CSV a text that a spreadsheet would take for a formula gets a leading `'`; numbers never do. Strip
it with `unguarded` where the exact text matters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from causalkit.errors import StoreError, UsageError
from causalkit.store.atomic import replacing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ENDINGS", "check_destination", "guarded", "unguarded", "write_table"]

ENDINGS = (".parquet", ".csv", ".json", ".jsonl")
"""What a table can be written to."""
GROUP = 100_000
"""Rows that are written at a time, and rows of a Parquet row group."""
_AT_ONCE = 5_000
"""Rows that are Python objects at a time."""
_ENDLESS = (float("inf"), float("-inf"))
"""No numbers of JSON: null there, as NaN is."""
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


def guarded(text: str) -> str:
    """The text, after a `'` where a spreadsheet would take it for a formula.

    >>> guarded("=1+1"), guarded("'=1"), guarded("tea"), guarded("'tis")
    ("'=1+1", "''=1", 'tea', "'tis")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given.

    >>> [unguarded(guarded(text)) for text in ("=1+1", "'=1", "tea", "'tis")]
    ['=1+1', "'=1", 'tea', "'tis"]
    """
    return text[1:] if _GUARDED.match(text) else text


def write_table(blocks: Iterable[pd.DataFrame], path: Path, columns: Sequence[str] = ()) -> int:
    """Write the rows of all `blocks`, which have the same columns, to `path`; returns how many.

    What is at `path` is replaced when all is written, so that a failure leaves it as it was. Columns of
    ids, categories and mixed objects become text; missing values are null, in CSV an empty cell, and so
    are infinities in JSON.
    `columns` names those of a table without any block.

    Raises
    ------
    UsageError : an ending that is none of `ENDINGS`.
    StoreError : `path` is a folder, or cannot be written.
    """
    check_destination(path, ENDINGS)
    writer = {".parquet": _parquet, ".csv": _csv, ".json": _json, ".jsonl": _json_lines}[path.suffix.lower()]
    with replacing(path.resolve()) as temporary:
        return writer(_gathered(blocks, columns), temporary)


def check_destination(path: Path, endings: Sequence[str] = ()) -> None:
    """Refuse what can't be written, before any work is done for it.

    Raises
    ------
    UsageError : an ending that is none of `endings`, where there are any.
    StoreError : a folder, no regular file, or a parent that is not there.
    """
    if endings and path.suffix.lower() not in endings:
        got = f"ends in {path.suffix!r}" if path.suffix else "has no ending"
        raise UsageError(f"{path} {got}", f"The ending says what is written: {', '.join(endings)}.")
    if path.is_dir():
        raise StoreError(f"{path} is a folder", "Name a file in it.")
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is no regular file", "Name a file.")
    if not path.absolute().parent.is_dir():
        raise StoreError(f"there is no folder {path.absolute().parent}", "Make it first, or name another file.")


def _gathered(blocks: Iterable[pd.DataFrame], columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Blocks put together to about `GROUP` rows; one without rows where there are none at all."""
    import pandas as pd

    held: list[pd.DataFrame] = []
    rows, given, empty = 0, False, pd.DataFrame(columns=list(columns))
    for block in blocks:
        if not len(block):
            empty = block
            continue
        held.append(block)
        rows += len(block)
        if rows >= GROUP:
            yield pd.concat(held, ignore_index=True)
            held, rows, given = [], 0, True
    if held:
        yield pd.concat(held, ignore_index=True)
    elif not given:
        yield empty


def _arrow_tables(blocks: Iterable[pd.DataFrame], change: Callable[[str], str] = str) -> Iterator[Any]:
    """Each block as an Arrow table of the first one's types; `change` is applied to names and texts."""
    import pyarrow as pa

    schema = None
    for block in blocks:
        if schema is None:
            schema = pa.schema([(change(str(name)), _type_of(block[name])) for name in block.columns])
        arrays = [
            _texts(block[name], change) if pa.types.is_string(kind) else pa.array(block[name], kind, from_pandas=True)
            for name, kind in zip(block.columns, schema.types, strict=True)
        ]
        yield pa.Table.from_arrays(arrays, schema=schema)


def _type_of(values: pd.Series[Any]) -> Any:
    import pandas as pd
    import pyarrow as pa

    kind = pd.api.types
    if kind.is_bool_dtype(values.dtype):
        return pa.bool_()
    if kind.is_integer_dtype(values.dtype):
        return pa.int64()
    if kind.is_float_dtype(values.dtype):
        return pa.float64()
    return pa.timestamp("us") if kind.is_datetime64_dtype(values.dtype) else pa.string()


def _texts(values: pd.Series[Any], change: Callable[[str], str]) -> Any:
    """Anything as text; each distinct value is looked at once."""
    import pandas as pd
    import pyarrow as pa

    codes, seen = pd.factorize(values, use_na_sentinel=True)
    words = pa.array([change(str(value)) for value in seen], pa.string())
    return words.take(pa.array(codes, mask=codes < 0))


def _parquet(blocks: Iterable[pd.DataFrame], path: Path) -> int:
    from pyarrow.parquet import ParquetWriter

    return _write_tables(_arrow_tables(blocks), partial(ParquetWriter, path))


def _csv(blocks: Iterable[pd.DataFrame], path: Path) -> int:
    from pyarrow.csv import CSVWriter

    return _write_tables(_arrow_tables(blocks, guarded), partial(CSVWriter, path))


def _write_tables(tables: Iterable[Any], opened: Callable[[Any], Any]) -> int:
    """Each table through the writer that `opened` gives for the schema of the first."""
    rows, writer = 0, None
    try:
        for table in tables:
            writer = writer or opened(table.schema)
            writer.write_table(table)
            rows += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rows


def _json(blocks: Iterable[pd.DataFrame], path: Path) -> int:
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        rows = _write_rows(blocks, file, before=("\n", ",\n"), after="")
        file.write("\n]\n")
    return rows


def _json_lines(blocks: Iterable[pd.DataFrame], path: Path) -> int:
    with path.open("w", encoding="utf-8") as file:
        return _write_rows(blocks, file, before=("", ""), after="\n")


def _write_rows(blocks: Iterable[pd.DataFrame], file: IO[str], *, before: tuple[str, str], after: str) -> int:
    """Each row as a JSON object; `before` is what precedes the first one, and every other."""
    rows = 0
    parts = (part for table in _arrow_tables(blocks) for part in table.to_batches(_AT_ONCE))
    for row in (row for part in parts for row in part.to_pylist()):
        known = {name: None if value in _ENDLESS else value for name, value in row.items()}
        text = json.dumps(known, ensure_ascii=False, allow_nan=False, default=str)
        file.write(f"{before[rows > 0]}{text}{after}")
        rows += 1
    return rows
