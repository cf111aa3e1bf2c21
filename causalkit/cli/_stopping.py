"""A request to end is treated as Ctrl-C is, from the first import of a command on."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["end_in_spite_of_threads", "terminated_as_interrupted"]

PATIENCE = 30.0
"""Seconds that threads of plugins are given to end after the command's work is done."""


def end_in_spite_of_threads(code: int) -> None:
    """Once Python begins to end, end the process with `code` where a thread keeps it for longer than `PATIENCE`.

    Python waits for every thread that is no daemon; one that a plugin has begun may never end.
    """
    if any(not one.daemon and one is not threading.main_thread() for one in threading.enumerate()):
        threading.Thread(target=_watch, args=(code,), daemon=True).start()


def _watch(code: int) -> None:
    threading.main_thread().join()  # until Python begins to wait for the others
    others = [one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    for one in others:
        one.join(PATIENCE / len(others))
    left = [one.name for one in others if one.is_alive()]
    if left:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"Ended in spite of threads that a plugin began and that do not end: {', '.join(left)}\n")
            sys.stderr.flush()
        os._exit(code)


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
