"""What components are given is lent: whatever they do to it, what the frame holds stays as it was.

Nothing is copied. Tables share their values and copy what is written to, as pandas does it (copy on write); arrays
can't be written to. Where a component tries, numpy says "read-only", and the step fails by the component's name.
The one way round it is to write into a column's `.array`, which pandas does not guard.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd

from causalkit.types import CausalGraph, Estimand, Explanation, Schema, Split, Table

__all__ = ["copy_on_write", "lent"]

T = TypeVar("T")
_FIXED = (CausalGraph, Estimand, Explanation, Schema)
"""Types that hold nothing that can be changed."""


def lent(value: T) -> T:
    """The value as a component is given it: a dataset, effects, vectors, outputs …; None stays None.

    A fitted component is a copy that shares what was learned, with effects of its own.
    """
    return cast("T", _lent(value))


def copy_on_write() -> AbstractContextManager[Any]:
    """Meanwhile tables that share values copy them when one is written to, as pandas 3 always does."""
    return nullcontext() if pd.__version__ >= "3" else pd.option_context("mode.copy_on_write", True)


def _lent(value: Any) -> Any:
    if isinstance(value, pd.DataFrame | pd.Series):
        return value.copy(deep=False)
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if isinstance(value, Split):
        return _with(value, parts=dict(value.parts))
    if isinstance(value, _FIXED):
        return value
    if isinstance(value, tuple):
        return tuple(_lent(inner) for inner in value) if value and is_dataclass(value[0]) else value
    if isinstance(value, Mapping) and type(value) is dict:
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        known = {"_origin": value.origin} if isinstance(value, Table) else {}
        held = {f.name: _lent(getattr(value, f.name)) for f in fields(value) if _is_held(value, f.name)}
        return _with(value, **known, **held)
    if hasattr(value, "effects_"):
        return _with(value, effects_=_lent(value.effects_))
    return value


def _is_held(value: Any, name: str) -> bool:
    """Whether a field is kept in the instance; that of a table on disk is read when asked for."""
    return name in vars(value)


def _with(value: Any, /, **changes: Any) -> Any:
    """A shallow copy with some attributes replaced, frozen or not; nothing is validated again."""
    made = copy.copy(value)
    vars(made).update(changes)
    return made
