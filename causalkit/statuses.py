"""The one place that writes an effect's status: the first of `STATUSES` that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from causalkit.statistics import benjamini_hochberg
from causalkit.types import Effects, Estimand, Verdicts

__all__ = ["MINIMUM_UNITS", "REFUTED_BELOW", "write_statuses"]

MINIMUM_UNITS = 4
"""Treated, and control, assignment units that an item's own estimate needs."""
REFUTED_BELOW = 0.05
"""Benjamini–Hochberg q over items, per falsification, below which an effect is refuted."""


def write_statuses(
    effects: Effects,
    estimand: Estimand,
    verdicts: Sequence[Verdicts] = (),
    graph_range: pd.DataFrame | None = None,
) -> Effects:
    """Effects with `status` and `reason` filled in.

    Only falsifications may refute; software checks never do. `graph_range` (columns `lower`,
    `upper`, by item) marks an effect `sensitive` where consistent graphs disagree on its sign.
    An item that was never exposed has no estimate to refuse: it is `predicted` or `no-overlap`.
    """
    table = effects.item.copy()
    never = table["treated"].fillna(0).eq(0)
    has_raw, has_effect = np.isfinite(table["raw"].astype(float)), np.isfinite(table["effect"].astype(float))
    few = (table["treated"].fillna(0) < MINIMUM_UNITS) | (table["control"].fillna(0) < MINIMUM_UNITS)
    holds: list[tuple[str, pd.Series[bool], str]] = [
        ("not-identified", pd.Series(not estimand.identified, table.index), estimand.reason),
        ("no-path", pd.Series(estimand.no_path, table.index), "the trusted graph has no directed path to the outcome"),
        (
            "too-few-clusters",
            few & ~(never & has_effect),
            f"fewer than {MINIMUM_UNITS} exposed or {MINIMUM_UNITS} unexposed {_units(estimand)}",
        ),
        ("no-overlap", ~has_effect | (~has_raw & ~never), "exposed and unexposed rows cannot be compared"),
    ]
    holds += [
        ("refuted", _refuted_by(verdict, table.index), f"{verdict.refuter} finds an effect where there can be none")
        for verdict in verdicts
    ]
    holds.append(("sensitive", _changes_sign(graph_range, table.index), "consistent graphs disagree on the sign"))
    holds.append(("predicted", ~has_raw, "never exposed: predicted from similar items"))
    status = pd.Series("estimated", table.index, dtype=object)
    reason = table["reason"].fillna("").astype(object)
    for name, where, why in reversed(holds):
        status[where] = name
        own = table["reason"].fillna("").astype(object)
        reason[where] = own[where].where(own[where] != "", why)
    table["status"], table["reason"] = status, reason
    return replace(effects, item=table)


def _units(estimand: Estimand) -> str:
    return "assignment units (" + " × ".join(estimand.unit) + ")" if estimand.unit else "rows"


def _refuted_by(verdict: Verdicts, items: pd.Index) -> pd.Series[bool]:
    if verdict.sort != "falsification" or verdict.item.empty:
        return pd.Series(False, items)
    q = pd.Series(benjamini_hochberg(verdict.item["p"]), verdict.item.index).reindex(items)
    return q.lt(REFUTED_BELOW)


def _changes_sign(graph_range: pd.DataFrame | None, items: pd.Index) -> pd.Series[bool]:
    if graph_range is None or graph_range.empty:
        return pd.Series(False, items)
    found = graph_range.reindex(items)
    return found["lower"].lt(0) & found["upper"].gt(0)
