"""Strangers' code: whatever it raises is told apart from what the user asks for."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["StrayError", "contained", "put_back", "said"]

_MOST = 1000
_STOPS = ("SIGINT", "SIGTERM", "SIGHUP")


class StrayError(Exception):
    """A stranger's code raised; `str` says what."""


@contextmanager
def contained() -> Iterator[None]:
    """Turn whatever the code within raises, exits among it, into a `StrayError`.

    A `KeyboardInterrupt` goes through where a signal was heard (Ctrl-C, a request to end); one that the code raises
    by itself does not. What ends the process without raising (`os._exit`, a crash) can't be contained here.
    """
    heard: list[int] = []
    with _listening(heard.append), put_back():
        try:
            yield
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and heard:
                raise
            raise StrayError(said(error)) from error


@contextmanager
def put_back(*, streams: bool = True) -> Iterator[None]:
    """What the code within changes for the whole process is as before after it: the folder, Python's recursion limit.

    So are `sys.stdout` and `sys.stderr`, unless `streams` is false.
    """
    folder, limit, before = _folder(), sys.getrecursionlimit(), (sys.stdout, sys.stderr)
    try:
        yield
    finally:
        if streams:
            sys.stdout, sys.stderr = before
        sys.setrecursionlimit(limit)
        if folder and folder != _folder():
            with suppress(OSError):
                os.chdir(folder)


def _folder() -> str:
    """Where the process is; empty where that folder is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def said(error: BaseException) -> str:
    """What was raised, one line that can be printed; whatever its own `__str__` does."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "(it can't say what is wrong)"
    text = text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return f"{type(error).__name__}: {shown}".strip().rstrip(":")


@contextmanager
def _listening(hear: Callable[[int], None]) -> Iterator[None]:
    """Tell `hear` of signals to stop, then handle them as before; what is changed meanwhile is put back."""
    if threading.current_thread() is not threading.main_thread():  # only there are signals handled
        yield
        return
    numbers = [getattr(signal, name) for name in _STOPS if hasattr(signal, name)]
    before: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}
    handled = {number: handler for number, handler in before.items() if callable(handler)}

    def listen(number: int, frame: Any) -> None:
        hear(number)
        handled[number](number, frame)

    try:
        for number in handled:
            signal.signal(number, listen)
        yield
    finally:
        for number in handled:
            signal.signal(number, handled[number])
