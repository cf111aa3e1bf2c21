"""A request to end is treated as Ctrl-C is, from the first import of a command on."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["terminated_as_interrupted"]


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """A request to end, or a terminal that is closed, is the same as Ctrl-C meanwhile: exit code 130.

    Under `nohup` the closed terminal stays ignored.
    """

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there can signals be handled
        yield
        return
    named = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in named}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
