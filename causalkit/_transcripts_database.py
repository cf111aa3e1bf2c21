"""The SQLite file of transcripts: opened when needed, in each process by itself, waiting for others."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from causalkit.errors import StoreError

__all__ = ["FORMAT", "Database"]

FORMAT = 1
_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""
_TABLES = """
CREATE TABLE IF NOT EXISTS exchanges (
    key TEXT PRIMARY KEY, asked TEXT, digest TEXT, model TEXT, prompt TEXT, schema TEXT, answer TEXT, system TEXT,
    repeat INTEGER, parameters TEXT, answered_by TEXT, refused TEXT, log_probabilities TEXT, prompt_tokens INTEGER,
    answer_tokens INTEGER, cost REAL, seconds REAL, time TEXT);
CREATE TABLE IF NOT EXISTS uses (
    go TEXT, step TEXT, key TEXT, new INTEGER, PRIMARY KEY (go, step, key, new)) WITHOUT ROWID;
"""


class Database:
    """Statements against one file, or against memory where there is no path."""

    def __init__(self, path: Path | None) -> None:
        self.path = None if path is None else Path(path)
        self._lock = RLock()
        self._open: tuple[int, sqlite3.Connection] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]

    def is_there(self) -> bool:
        """Whether anything can have been kept yet; reading makes no file, and of a closed folder says no."""
        return self._open is not None or (self.path is not None and os.path.isfile(self.path))

    def read(self, statement: str, values: Sequence[Any]) -> Iterator[Any]:
        """Rows, by name and by place; raises `StoreError`."""
        with self._lock:
            try:
                return iter(self._connection().execute(statement, values).fetchall())
            except sqlite3.Error as error:
                raise self._unreadable(error) from None

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Do a statement for each row, all or none; on disk when it returns. Raises `StoreError`."""
        with self._lock:
            try:
                connection = self._connection()
                with connection:
                    connection.executemany(statement, rows)
            except (sqlite3.Error, OSError, OverflowError, UnicodeError) as error:
                raise self._unreadable(error) from None

    def close(self) -> None:
        """Close what this process has open."""
        with self._lock:
            if self.path is not None and self._open is not None and self._open[0] == os.getpid():
                self._open[1].close()
            if self.path is not None:
                self._open = None

    def _connection(self) -> sqlite3.Connection:
        """A connection of this very process: one that crossed a fork would break the file."""
        if self._open is None or (self.path is not None and self._open[0] != os.getpid()):
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            place = ":memory:" if self.path is None else str(self.path)
            made = sqlite3.connect(place, timeout=_PATIENCE, check_same_thread=False)
            try:
                self._prepare(made)
            except BaseException:
                made.close()
                raise
            self._open = os.getpid(), made
        return self._open[1]

    def _prepare(self, made: sqlite3.Connection) -> None:
        made.row_factory = sqlite3.Row
        _keep_a_log(made)
        made.execute("PRAGMA synchronous = FULL")
        (version,) = made.execute("PRAGMA user_version").fetchone()
        if version not in (0, FORMAT):
            raise StoreError(
                f"{self.path} was written by another version of causalkit (format {version})",
                "Update causalkit, or move the file away: what it holds is then asked again.",
            )
        if version == 0:
            made.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")

    def _unreadable(self, error: Exception) -> StoreError:
        return StoreError(
            f"the transcripts {self.path or 'in memory'} cannot be used: {error}",
            "Free space or make the folder writable; a damaged file can be moved away: what it holds is then asked"
            " again.",
        )


def _keep_a_log(made: sqlite3.Connection) -> None:
    """Turn write-ahead logging on. SQLite does not wait by itself where another process does so at that moment."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            made.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
