"""Strangers' code: whatever it raises is told apart from what the user asks for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["StrayError", "contained", "said"]

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
    with _listening(heard.append):
        try:
            yield
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and heard:
                raise
            raise StrayError(said(error)) from error


def said(error: BaseException) -> str:
    """What was raised, one line."""
    return f"{type(error).__name__}: {error}".strip().rstrip(":")


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
