"""What checks of several kinds ask: was an input changed, was it stopped, was it refused in the right way?"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from causalkit.components import Context
from causalkit.errors import CausalkitError, Interrupted

__all__ = ["answer_or_refusal", "digest", "left_alone", "told_to_stop"]

T = TypeVar("T")
PATIENCE = 1.0
"""Seconds in which a call may end that was told to stop and had nothing left to stop."""


def answer_or_refusal(call: Callable[[], T], given: str) -> T | None:
    """What `call` gives; None where it refuses with an error of causalkit. Any other error fails.

    `given` says in words what it was given.
    """
    try:
        return call()
    except CausalkitError:
        return None
    except Exception as error:
        raise AssertionError(
            f"given {given}, it raised {type(error).__name__}: {error}; "
            "raise a causalkit.errors.DataError that says what was wrong and what to do"
        ) from error


def told_to_stop(call: Callable[[Context], Any]) -> None:
    """Fail unless a cancelled call raises `Interrupted`, or is over before anybody would mind."""
    began = time.perf_counter()
    try:
        call(Context(cancelled=lambda: True))
    except Interrupted:
        return
    seconds = time.perf_counter() - began
    assert seconds < PATIENCE, (
        f"told to stop, it went on for {seconds:.1f} s; loop with `context.track(…)`, or call `context.check()`"
    )


@contextmanager
def left_alone(*things: Any) -> Iterator[None]:
    """Fail where the block changes the contents of what it is given."""
    before = [digest(thing) for thing in things]
    yield
    for thing, was in zip(things, before, strict=True):
        assert digest(thing) == was, f"it changed its input, a {type(thing).__name__}; work on a copy"


def digest(thing: Any) -> str:
    """A hash of the values in a dataclass, frame, array or collection of these."""
    told = hashlib.sha256()
    for part in _parts(thing):
        told.update(part)
    return told.hexdigest()


def _parts(thing: Any) -> Iterator[bytes]:
    yield type(thing).__name__.encode()
    if is_dataclass(thing) and not isinstance(thing, type):
        for field in fields(thing):
            yield field.name.encode()
            yield from _parts(getattr(thing, field.name))
    elif isinstance(thing, pd.DataFrame):
        yield repr(list(thing.dtypes.items())).encode()
        yield from _parts(thing.index)
        for at in range(thing.shape[1]):
            yield from _parts(thing.iloc[:, at])
    elif isinstance(thing, pd.Series | pd.Index):
        values = pd.Series(thing).reset_index(drop=True)
        yield pd.util.hash_pandas_object(values, categorize=False).to_numpy().tobytes()
    elif isinstance(thing, np.ndarray):
        yield repr((thing.dtype, thing.shape)).encode()
        yield np.ascontiguousarray(thing).tobytes()
    elif isinstance(thing, Mapping):
        for name, value in thing.items():
            yield repr(name).encode()
            yield from _parts(value)
    elif isinstance(thing, tuple | list):
        for value in thing:
            yield from _parts(value)
    elif isinstance(thing, frozenset | set):
        yield repr(sorted(map(repr, thing))).encode()
    elif isinstance(thing, str | bytes | int | float | bool | type(None)):
        yield repr(thing).encode()
