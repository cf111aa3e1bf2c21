"""Parquet files that something else wrote: what their columns are as parts of one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from causalkit.errors import DataError
from causalkit.types.stored_column import StoredColumn

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

__all__ = ["columns_of", "opened", "schema_of", "unreadable"]


def unreadable(path: Path, error: Exception) -> DataError:
    """What to raise for a file that is missing, cut short or damaged."""
    return DataError(f"{path} cannot be read: {error}", "Is it a whole Parquet file?")


def opened(path: Path, dictionaries: Sequence[str] = ()) -> parquet.ParquetFile:
    """The file, its metadata read; columns named in `dictionaries` come as codes and labels."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(
            path, read_dictionary=list(dictionaries), pre_buffer=False, page_checksum_verification=True
        )
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def schema_of(files: Sequence[Path]) -> pa.Schema:
    """The schema that all files share.

    Raises
    ------
    DataError : a file that cannot be read, or one whose columns differ from the first's.
    """
    found: list[pa.Schema] = []
    for path in files:
        found.append(opened(path).schema_arrow)
        if not found[-1].equals(found[0]):
            raise DataError(f"the columns of {path} are not those of {files[0]}", "Write both with one schema.")
    return found[0]


def columns_of(files: Sequence[Path], schema: pa.Schema) -> list[StoredColumn]:
    """The columns as pandas holds them, the same in every part.

    Text becomes a categorical, its labels sorted; whole numbers that are missing somewhere become
    floats, truth values nullable; a pandas index is left out, and so is what no table can hold.
    """
    named = {field.name: field.type for field in schema if not field.name.startswith("__index_level_")}
    labels = _labels(files, [name for name, kind in named.items() if _is_text(kind)])
    return [_column(files, name, kind, labels.get(name)) for name, kind in named.items() if not _is_nested(kind)]


def _column(files: Sequence[Path], name: str, kind: pa.DataType, labels: pd.Index[Any] | None) -> StoredColumn:
    import pyarrow as pa

    if labels is not None:
        return StoredColumn(name, "labels", pd.CategoricalDtype(labels))
    if pa.types.is_date(kind):
        return StoredColumn(name, "plain", np.dtype("datetime64[s]"))
    if pa.types.is_decimal(kind):
        return StoredColumn(name, "plain", np.dtype(np.float64))
    if pa.types.is_boolean(kind) and _has_missing(files, name):
        return StoredColumn(name, "plain", pd.BooleanDtype())
    if pa.types.is_integer(kind) and _has_missing(files, name):
        return StoredColumn(name, "plain", np.dtype(np.float64))
    return StoredColumn(name, "plain", pa.array([], kind).to_pandas().dtype)


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_nested(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_null(kind))


def _has_missing(files: Sequence[Path], name: str) -> bool:
    """Whether a column is missing in any row; read from the files' statistics, else from their rows."""
    for path in files:
        file = opened(path)
        place = file.metadata.schema.names.index(name)
        groups = [file.metadata.row_group(g).column(place).statistics for g in range(file.num_row_groups)]
        if all(told is not None and told.has_null_count for told in groups):
            if any(told.null_count for told in groups):
                return True
        elif any(batch.column(0).null_count for batch in file.iter_batches(columns=[name])):
            return True
    return False


def _labels(files: Sequence[Path], names: Sequence[str]) -> dict[str, pd.Index[Any]]:
    """Every text of each column, gathered by parts and sorted."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for path in files if names else ():
        for batch in opened(path, names).iter_batches(columns=list(names)):
            for name in names:
                found[name].update(text for text in batch[name].unique().to_pylist() if text is not None)
    return {name: pd.Index(sorted(texts)) for name, texts in found.items()}
