"""Loading without the libraries' own bars and warnings, and what their errors say, in a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["loading", "said"]

_LONGEST = 300


@contextmanager
def loading() -> Iterator[None]:
    """No progress bar and no warning of transformers while loading; put back after."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def said(error: Exception) -> str:
    """What an error says, on one line, and not pages of it."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= _LONGEST else line[:_LONGEST].rsplit(" ", 1)[0] + " …"
