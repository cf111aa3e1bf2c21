"""Effects that an estimator gives back, checked where they enter the frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from causalkit.steps.soundness import named, of_type, refuse
from causalkit.types import ITEM_COLUMNS, Dataset, Effects, Pooled, SegmentMap

__all__ = ["effects"]

_WRITTEN_LATER = ("status",)
_SEGMENT = ("item", "segment", "effect", "stderr", "lower", "upper")
_PAIR = ("user", "item", "effect", "stderr")
_NUMBERS = frozenset(ITEM_COLUMNS) - {"status", "reason"}
_FEW = 3


def effects(made: Any, dataset: Dataset, by: str) -> Effects:
    """A row for every item of the log; where there is an effect, an error and an interval around it.

    Raises
    ------
    ComponentError : tables of another shape, items that are lacking or unknown, an effect that is infinite or has
        no error, an interval upside down or beside its effect, no effect and no reason.
    """
    of_type(made, Effects, by, " as `effects_`")
    for name in ("item", "segment", "pair", "ladder"):
        of_type(getattr(made, name), pd.DataFrame, by, f" as `{name}` of its effects")
    of_type(made.segments, SegmentMap, by, " as `segments` of its effects")
    if made.pooled is not None:
        of_type(made.pooled, Pooled, by, " as `pooled` of its effects")
    if not (isinstance(made.assumptions, tuple) and all(isinstance(told, str) for told in made.assumptions)):
        refuse(by, f"{named(made.assumptions)} as `assumptions` of its effects", "a tuple of sentences")
    _check_items(made.item, dataset, by)
    _check_numbers(made.item, by, "")
    absent = made.item["effect"].isna() & (made.item["reason"].fillna("").astype(str) == "")
    if absent.any():
        refuse(by, f"neither effect nor reason for {_some(made.item.index[absent])}", "one of them for each item")
    for name, columns in (("segment", _SEGMENT), ("pair", _PAIR)):
        table = getattr(made, name)
        if len(table):
            _check_columns(table, columns, by, name)
            _check_numbers(table, by, f" of a {name}")
    _check_factors(made, by)
    return made  # type: ignore[no-any-return]


def _check_items(item: pd.DataFrame, dataset: Dataset, by: str) -> None:
    _check_columns(item, [name for name in ITEM_COLUMNS if name not in _WRITTEN_LATER], by, "item")
    if not item.index.is_unique:
        refuse(by, f"two rows for {_some(item.index[item.index.duplicated()])}", "a row per item")
    lost, strange = dataset.items.index.difference(item.index), item.index.difference(dataset.items.index)
    if len(lost):
        refuse(
            by,
            f"no row for {_some(lost)}",
            "a row for each of `dataset.items`: NaN and a reason where there is no effect",
        )
    if len(strange):
        refuse(by, f"effects of items that the log does not have: {_some(strange)}", "items of `dataset.items`")


def _check_columns(table: pd.DataFrame, wanted: Sequence[str], by: str, name: str) -> None:
    if table.columns.nlevels > 1 or not table.columns.is_unique:
        refuse(by, f"a table of {name} effects with columns of several levels or of one name", "each column once")
    lacking = [column for column in wanted if column not in table]
    if lacking:
        refuse(by, f"a table of {name} effects without {', '.join(lacking)}", f"the columns {', '.join(wanted)}")


def _check_numbers(table: pd.DataFrame, by: str, of: str) -> None:
    """No infinite effect, none without a standard error, and intervals that hold it."""
    columns = [name for name in ("effect", "stderr", "lower", "upper") if name in table]
    words = [c for c in table.columns if c in _NUMBERS and not _holds_floats(table[c])]
    if words:
        told = ", ".join(f"{c} of {table[c].dtype}" for c in words)
        refuse(by, f"columns that hold no plain numbers{of}: {told}", "numpy floats, NaN where there is none")
    numbers = {name: table[name].to_numpy(float) for name in columns}
    effect, stderr = numbers["effect"], numbers["stderr"]
    known = ~np.isnan(effect)
    if np.isinf(np.concatenate(list(numbers.values()))).any():
        refuse(
            by, f"infinite numbers in {', '.join(columns)}{of}", "finite ones; NaN and a reason where there are none"
        )
    if (known & np.isnan(stderr)).any():
        refuse(
            by, f"effects without standard errors{of} ({int((known & np.isnan(stderr)).sum())})", "one for each effect"
        )
    if (stderr < 0).any():
        refuse(by, f"a negative standard error{of}: {stderr[stderr < 0][0]:g}", "errors of 0 or more")
    if "lower" not in numbers:
        return
    lower, upper = numbers["lower"], numbers["upper"]
    room = 1e-9 + 1e-6 * np.abs(effect)  # for rounding
    with np.errstate(invalid="ignore"):
        beside = known & ~((lower <= effect + room) & (effect <= upper + room))
    if beside.any():
        at = int(np.flatnonzero(beside)[0])
        gave = f"an interval from {lower[at]:.4g} to {upper[at]:.4g}{of} for an effect of {effect[at]:.4g}"
        refuse(by, gave, "lower ≤ effect ≤ upper wherever there is an effect")


def _holds_floats(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu"


def _check_factors(made: Effects, by: str) -> None:
    if made.factors is None:
        return
    f = made.factors
    users, items = np.asarray(f.user_vectors), np.asarray(f.item_vectors)
    shapes = (users.shape, items.shape)
    if {users.ndim, items.ndim} != {2} or (len(users), len(items)) != (len(f.users), len(f.items)):
        refuse(
            by,
            f"factors of shapes {shapes} for {len(f.users)} users and {len(f.items)} items",
            "[users, d], [items, d]",
        )
    if users.shape[1] != items.shape[1]:
        refuse(by, f"factors of {users.shape[1]} and {items.shape[1]} dimensions", "as many for users as for items")
    if not (np.isfinite(users).all() and np.isfinite(items).all()):
        refuse(by, "factors with NaN or infinity", "finite ones; leave a user or an item out instead")


def _some(items: pd.Index) -> str:
    told = ", ".join(repr(item) if isinstance(item, str) else str(item) for item in items[:_FEW])
    rest = f" and {len(items) - _FEW} more" if len(items) > _FEW else ""
    return f"{'item' if len(items) == 1 else f'{len(items)} items'} {told}{rest}"
