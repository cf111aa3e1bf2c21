"""Whether two answers, or two inputs, are the same; said in words where they are not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from causalkit.testing.checks._logs import Case
from causalkit.types import Effects

__all__ = ["altered", "difference", "disagreement"]

_NUMBERS = ("effect", "stderr", "lower", "upper", "raw", "raw_stderr", "p", "q", "treated", "control", "baseline")
_KEYS = {"segment": ["item", "segment"], "pair": ["user", "item"]}


def difference(a: Effects, b: Effects, tolerance: float = 0.0) -> str:
    """The first place where two effects are not the same to a relative `tolerance`; empty where there is none."""
    items = a.item.index.union(b.item.index)
    found = _apart(a.item.reindex(items), b.item.reindex(items), [n for n in _NUMBERS if n in a.item], tolerance)
    if found:
        return found
    for name, keys in _KEYS.items():
        one, other = (getattr(effects, name).copy() for effects in (a, b))
        if len(one) != len(other):
            return f"effects_.{name} has {len(one)} rows, and then {len(other)}"
        one, other = (table.astype(dict.fromkeys(keys, str)).set_index(keys).sort_index() for table in (one, other))
        if not one.index.equals(other.index):
            return f"effects_.{name} is of other {' and '.join(keys)}s"
        found = _apart(one, other, ["effect", "stderr"], tolerance, f"effects_.{name}: ")
        if found:
            return found
    return ""


def disagreement(a: Effects, b: Effects) -> str:
    """Where two effects are further apart than draws of their folds may be: half an error, or two errors' ratio.

    Empty where the same items have an effect, each within half its error, and errors within 40 %.
    """
    items = a.item.index.union(b.item.index)
    one, other = a.item.reindex(items), b.item.reindex(items)
    for item in items:
        (x, sx), (y, sy) = ((table.loc[item, "effect"], table.loc[item, "stderr"]) for table in (one, other))
        if np.isnan(x) and np.isnan(y):
            continue
        if not abs(x - y) <= 0.5 * max(sx, sy):
            return f"effect of {item!r} is {x:.4g}, and then {y:.4g}, with errors of {sx:.3g} and {sy:.3g}"
        if not max(sx, sy) <= 1.4 * min(sx, sy):
            return f"stderr of {item!r} is {sx:.4g}, and then {sy:.4g}"
    return ""


def _apart(a: pd.DataFrame, b: pd.DataFrame, names: list[str], tolerance: float, where: str = "") -> str:
    for name in names:
        one, other = a[name].to_numpy(float), b[name].to_numpy(float)
        size = np.nanmax(np.abs(one), initial=0.0)
        same = np.isclose(one, other, rtol=tolerance, atol=tolerance * size, equal_nan=True)
        if not same.all():
            at = int(np.flatnonzero(~same)[0])
            return f"{where}{name} of {a.index[at]!r} is {one[at]:.6g}, and then {other[at]:.6g}"
    return ""


def altered(before: Case, after: Case) -> str:
    """What of a case was written to; empty where nothing was."""
    pairs = {
        "the rows": (before.rows, after.rows),
        "the items table": (before.dataset.items, after.dataset.items),
        "the users table": (before.dataset.users, after.dataset.users),
    }
    for name, (one, other) in pairs.items():
        try:
            pd.testing.assert_frame_equal(one, other, check_exact=True)
        except AssertionError as error:
            return f"{name} changed: {str(error).splitlines()[0]}"
    for name in ("schema", "notes", "name"):
        if getattr(before.dataset, name) != getattr(after.dataset, name):
            return f"the dataset's {name} changed"
    if before.estimand != after.estimand:
        return "the estimand changed"
    for name in ("item", "user"):
        one, other = getattr(before.embeddings, name), getattr(after.embeddings, name)
        if not (one.ids.equals(other.ids) and np.array_equal(one.vectors, other.vectors, equal_nan=True)):
            return f"the {name} embeddings changed"
    return ""
