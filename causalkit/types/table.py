"""Rows that are read whole or by parts, in memory here; `parquet_table` keeps them on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError, nearest

__all__ = ["Table"]

_HASHED_AT_ONCE = 1_000_000


class _Origin:
    """Stands for the rows of a table, and of its copies."""


@dataclass(frozen=True)
class Table:
    """Rows that are read whole or by parts.

    In memory here; a `ParquetTable` has the same methods and answers, from files.
    """

    data: pd.DataFrame

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} rows: {', '.join(self.columns)})"

    @property
    def origin(self) -> object:
        """The same object for this table and whatever it is lent as; what was computed from its rows is kept by it."""
        return vars(self).setdefault("_origin", _Origin())

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(str(name) for name in self.data.columns)

    def __len__(self) -> int:
        return len(self.data)

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows in memory; with `columns`, those only.

        Raises
        ------
        DataError : a column that is not there, with the nearest name that is.
        """
        return self.data if columns is None else self.data[self._known(columns)]

    def parts(
        self, columns: Sequence[str] | None = None, rows: int = 1_000_000, skip: int = 0
    ) -> Iterator[pd.DataFrame]:
        """The rows in order, at most `rows` at a time; one empty part where there are none.

        `skip` leaves out the first parts, without reading them.
        """
        data = self.frame(columns)
        for start in range(skip * rows, max(len(data), 1), rows):
            yield data.iloc[start : start + rows]

    def head(self, rows: int = 0) -> pd.DataFrame:
        """The first rows, reading no others; none by default, which tells the columns' types."""
        return self.data.iloc[:rows]

    def distinct(self, column: str, rows: int = 1_000_000, most: int | None = None) -> pd.Index[Any]:
        """The values of a column, each once, in order of appearance, without missing ones.

        Read by parts: memory grows with the values and not with the rows. Reading ends once more than `most`
        have been found.
        """
        self._known([column])
        found, waiting = [self.head()[column]], 0
        for part in self.parts([column], rows):
            found.append(part[column].drop_duplicates())
            waiting += len(found[-1])
            if waiting > (rows if most is None else most):
                found, waiting = [pd.concat(found).drop_duplicates()], 0
                if most is not None and found[0].notna().sum() > most:
                    break
        return pd.Index(pd.concat(found).dropna().unique())

    def only(self, column: str, values: Sequence[Any]) -> Table:
        """The rows in which `column` is one of `values`."""
        return Table(self.data[self.frame([column])[column].isin(list(values))])

    def with_columns(self, **columns: npt.ArrayLike) -> Table:
        """The table with columns added or replaced, in memory."""
        return Table(self.frame().assign(**columns))

    def fingerprint(self) -> str:
        """A hash of the contents, the same for the same values in the same order, wherever they lie."""
        digests = [hashlib.sha256(f"{name}:{dtype}".encode()) for name, dtype in self.head().dtypes.items()]
        for part in self.parts(rows=_HASHED_AT_ONCE):
            for digest, name in zip(digests, part.columns, strict=True):
                digest.update(pd.util.hash_pandas_object(part[name], index=False, categorize=True).to_numpy())
        return hashlib.sha256(b"".join(digest.digest() for digest in digests)).hexdigest()

    def _known(self, columns: Sequence[str]) -> list[str]:
        for name in columns:
            if name not in self.columns:
                raise DataError(
                    f"the log has no column {name!r}{nearest(name, self.columns)}", f"It has {list(self.columns)}."
                )
        return list(columns)
