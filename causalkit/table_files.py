"""Parquet and CSV files, read by parts: only the columns asked for, texts dictionary-encoded."""

from __future__ import annotations

import csv
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from causalkit.components import Context
from causalkit.content import is_address
from causalkit.errors import DataError

__all__ = ["beside", "folder_of", "header", "read"]

Parts = Generator[pd.DataFrame, None, None]

_CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_PARQUET = (".parquet", ".pq")
_NO_VALUE = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>"]


def header(path: str) -> list[str]:
    """Column names of a file, or of the first file of a folder.

    Raises
    ------
    DataError : no such file, a kind that is not read, a doubled name, or a file that is broken.
    """
    place, sort = _locate(path)
    if sort == "parquet":
        names = list(_parquet(place).schema.names)
    else:
        names = _csv_header(_csv_files(place)[0])
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{path} has the column {doubled[0]!r} twice", "Rename one of them.")
    return names


def read(
    path: str, columns: Sequence[str], ids: Sequence[str], context: Context, *, encode: bool = True
) -> pd.DataFrame:
    """The named columns of a file or folder.

    Ids in CSV stay as written (`007` keeps its zeros, `NA` is an id). With `encode`, texts and ids
    become categoricals part by part, so that a log is never held as Python strings.
    """
    place, sort = _locate(path)
    try:
        parts = (
            _parquet_parts(place, columns, context) if sort == "parquet" else _csv_parts(place, columns, ids, context)
        )
        with closing(parts):  # the file too, where the user asks to stop
            read_now = context.track(parts, f"reading {place.name}")
            made = [_encoded(part, ids) if encode else part for part in read_now]
    except (UnicodeDecodeError, UnicodeError) as error:
        raise DataError(f"{path} is not UTF-8: {error}", "Save it as UTF-8.") from None
    except (ValueError, OSError) as error:  # pyarrow's ArrowInvalid and pandas' ParserError are ValueErrors
        raise DataError(f"{path} cannot be read: {error}", "Write the file again, or check that it is whole.") from None
    if not made:
        return pd.DataFrame({name: [] for name in columns})
    return pd.concat([_aligned(part, made) for part in made], ignore_index=True) if len(made) > 1 else made[0]


def beside(paths: pd.Series[Any], table: str) -> pd.Series[Any]:
    """Paths that a table names, as they can be opened from here: relative ones start from its folder.

    Missing ones stay; so do addresses, for whoever reads them to refuse.
    """
    folder = folder_of(table)
    told = paths.astype("string").str.strip()
    return told.map(lambda path: _joined(folder, path), na_action="ignore").astype("string")


def folder_of(table: str) -> str:
    """The folder that a file lies in; of a folder of files, that folder."""
    place = Path(table).expanduser()
    return str(place if place.is_dir() else place.parent)


def _joined(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, os.path.expanduser(path))) if path and not is_address(path) else path


def _locate(path: str) -> tuple[Path, str]:
    place = Path(path).expanduser()
    if not place.exists():
        raise DataError(f"there is no file {path}", "Give a path from the folder you run in, or a full one.")
    names = sorted(f.name for f in place.iterdir() if f.is_file()) if place.is_dir() else [place.name]
    if any(name.endswith(_PARQUET) for name in names) or (place.is_dir() and next(place.rglob("*.parquet"), None)):
        return place, "parquet"
    if any(name.endswith(_CSV) for name in names):
        return place, "csv"
    raise DataError(f"{path} is neither Parquet nor CSV", f"Name it with one of {', '.join(_PARQUET + _CSV)}.")


def _parquet(place: Path) -> Any:
    import pyarrow.dataset

    try:
        return pyarrow.dataset.dataset(str(place), format="parquet", partitioning="hive")
    except (ValueError, OSError) as error:
        raise DataError(f"{place} cannot be read as Parquet: {error}", "Write the file again.") from None


def _parquet_parts(place: Path, columns: Sequence[str], context: Context) -> Parts:
    scanner = _parquet(place).scanner(columns=list(columns), batch_size=context.part_rows)
    for batch in scanner.to_batches():
        broken = _not_utf8(batch)
        if broken is not None:
            raise DataError(f"column {broken!r} of {place} holds bytes that are not UTF-8", "Write it again as UTF-8.")
        yield batch.to_pandas()


def _not_utf8(batch: Any) -> str | None:
    """The first text column whose bytes are no UTF-8; Parquet may hold such, and says nothing."""
    for name in batch.schema.names:
        try:
            batch.column(name).validate(full=True)
        except ValueError:
            return str(name)
    return None


def _csv_files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    return sorted(f for f in place.iterdir() if f.name.endswith(_CSV))


def _separator(place: Path) -> str:
    return "\t" if ".tsv" in place.name else ","


def _csv_header(place: Path) -> list[str]:
    import gzip

    opener = gzip.open if place.name.endswith(".gz") else open
    try:
        with opener(place, "rt", encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file, delimiter=_separator(place)), [])
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise DataError(f"{place} cannot be read as UTF-8 CSV: {error}", "Save it as UTF-8 CSV.") from None


def _csv_parts(place: Path, columns: Sequence[str], ids: Sequence[str], context: Context) -> Parts:
    missing: dict[Any, list[str]] = {name: [""] if name in ids else _NO_VALUE for name in columns}
    for file in _csv_files(place):
        _refuse_nul(file)
        with pd.read_csv(
            file,
            sep=_separator(file),
            usecols=list(columns),
            dtype=dict.fromkeys((name for name in columns if name in ids), str),
            keep_default_na=False,
            na_values=missing,
            encoding="utf-8-sig",
            chunksize=context.part_rows,
            low_memory=False,
        ) as parts:
            yield from (part[list(columns)] for part in parts)  # in the order asked, whatever the file's


def _refuse_nul(file: Path) -> None:
    """Before pandas 3 a text ends at its first NUL, so that two ids could become one, and nothing says so."""
    import gzip

    if int(pd.__version__.partition(".")[0]) >= 3:
        return
    with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as opened:
        while block := opened.read(1 << 22):
            if b"\0" in block:
                raise DataError(
                    f"{file} holds NUL characters, which pandas {pd.__version__} cuts texts at",
                    "Remove them, write Parquet, or install pandas 3.",
                )


def _encoded(part: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
    """Texts, objects and ids of one part as categoricals; categories in order of first sight."""
    texts = [n for n in part if n in ids or not _is_plain(part[n])]
    return part.assign(**{str(name): _categorical(part[name]) for name in texts})


def _categorical(values: pd.Series[Any]) -> pd.Series[Any]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values
    codes, seen = pd.factorize(values, use_na_sentinel=True)
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(seen)), values.index)


def _is_plain(values: pd.Series[Any]) -> bool:
    kind = pd.api.types
    return bool(
        kind.is_numeric_dtype(values.dtype)
        or kind.is_bool_dtype(values.dtype)
        or kind.is_datetime64_any_dtype(values.dtype)
    )


def _aligned(part: pd.DataFrame, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One part with each categorical over the categories of all parts."""
    changed = {}
    for name in part:
        seen = [p[name] for p in parts]
        if any(isinstance(values.dtype, pd.CategoricalDtype) for values in seen):
            changed[str(name)] = _as_category(part[name]).cat.set_categories(_all_categories(seen))
    return part.assign(**changed)


def _as_category(values: pd.Series[Any]) -> pd.Series[Any]:
    """A part that held only numbers in a column where another part held text reads as text too."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values
    return values.astype("string").astype(object).astype("category")


def _all_categories(seen: Sequence[pd.Series[Any]]) -> pd.Index:
    found: dict[Any, None] = {}
    for values in seen:
        found |= dict.fromkeys(_as_category(values).cat.categories)
    return pd.Index(list(found))
