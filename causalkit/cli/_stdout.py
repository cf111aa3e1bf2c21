"""Stdout is for the result alone: whatever else is written there goes to stderr, however it is written."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO

__all__ = ["give_up_stdout", "kept_stdout"]


@contextlib.contextmanager
def kept_stdout() -> Iterator[IO[str]]:
    """The real stdout, to write the result to; meanwhile stdout is stderr.

    That holds for the descriptor too, so for what a library writes past Python and for what child processes print.
    """
    if _descriptor() is None:  # replaced by whoever calls us: only what goes through Python can be turned away
        real = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):
            yield real
        return
    sys.stdout.flush()
    stream = open(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)  # noqa: SIM115 (closed below)
    _to_stderr()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield stream
    finally:
        os.dup2(stream.fileno(), 1)
        with contextlib.suppress(OSError):  # a reader that has gone away; whoever wrote has been told
            stream.close()


def give_up_stdout() -> None:
    """Let nothing more reach stdout: what plugins print while Python ends is no result."""
    if _descriptor() is not None:
        _to_stderr()


def _to_stderr() -> None:
    try:
        os.dup2(2, 1)
    except OSError:  # stderr is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _descriptor() -> int | None:
    """1 where `sys.stdout` is the process's own; None where it was replaced or closed."""
    try:
        return 1 if sys.stdout.fileno() == 1 else None
    except (AttributeError, OSError, ValueError):
        return None
