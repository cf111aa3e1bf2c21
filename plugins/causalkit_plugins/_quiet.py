"""Loading without a network, pickles, or the libraries' own bars; and what their errors say, in a line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

__all__ = ["loading", "said"]

_LONGEST = 300
_TORCH = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
"""Variables by which torch is told of pickles: the first forbids them, the second allows them."""
_ALONE = RLock()
"""What is set while loading is set for the process."""


@contextmanager
def loading() -> Iterator[None]:
    """No progress bar and no warning of transformers while loading, and nothing unsafe; put back after.

    A model's settings reach far into the libraries. Whatever they ask for there, the hub is not asked, and torch
    builds no objects from a pickle.
    """
    from huggingface_hub import constants
    from transformers.utils import logging

    with _ALONE:
        own, offline = {name: os.environ.pop(name, None) for name in _TORCH}, constants.HF_HUB_OFFLINE
        os.environ[_TORCH[0]], constants.HF_HUB_OFFLINE = "1", True
        shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if shown:
                logging.enable_progress_bar()
            constants.HF_HUB_OFFLINE = offline
            del os.environ[_TORCH[0]]
            os.environ.update({name: value for name, value in own.items() if value is not None})


def said(error: Exception) -> str:
    """What an error says, on one line, and not pages of it."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= _LONGEST else line[:_LONGEST].rsplit(" ", 1)[0] + " …"
