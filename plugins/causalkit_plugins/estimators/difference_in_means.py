"""Exposed minus unexposed: what a log says before anything is adjusted for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from causalkit.components import Context, component
from causalkit.estimation import bare, item_table, levels_of, needed_columns, plain_reason, pooled_of
from causalkit.reduction import reduce_table
from causalkit.types import Dataset, Effects, Embeddings, Estimand, Pooled, SegmentMap

from ._contrast import CellSums, Contrast, UnitSums, contrast, summed, unit_scores
from ._unit_groups import Dealt, UnitHash

MOST_SUMS = 2_000_000
"""Sums by item and unit that are held in memory at most, where the log has more rows than that."""
LEAST_GROUPS = 64


@component
class DifferenceInMeans:
    """The naive baseline: weighted outcome rate of exposed rows minus that of unexposed rows.

    Adjusts for nothing, whatever the estimand names, and says so. One pass over the rows, by parts.
    Errors are clustered by the schema's assignment unit; where there is none, rows are taken as
    independent. Where both rows and sums by item and unit may be more than 2 million, units are dealt
    by a hash of their ids to fewer groups, which are independent where units are, and those take their
    place, so that memory does not grow with rows. The pooled effect is the contrast over all rows at
    once, items mixed, so it also carries which items get exposed; its error is clustered by item and by
    the rest of the assignment unit (Cameron, Gelbach & Miller 2011).
    """

    assumes: ClassVar[frozenset[str]] = frozenset({"randomised", "overlap", "enough-units"})

    level: Literal["item", "segment"] = "item"
    "Also fill effects per item and segment (needs a segment column)."

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> DifferenceInMeans:
        """Fill `effects_`. Raises `DataError` for rows that cannot be read."""
        unit = dataset.unit_within_item
        clustered = bool(dataset.unit)
        cells = {dataset.item: dataset.items.index}
        if self.level == "segment":
            segment = dataset.schema.need("segment", "difference-in-means at level 'segment'")
            cells |= levels_of(dataset, (segment,))
        units, dealt = _units(dataset, int(np.prod([len(index) for index in cells.values()])))
        reduction = CellSums(bare(dataset), estimand, cells, units, dealt)
        columns = needed_columns(dataset, estimand, *cells, *unit)
        data = reduce_table(reduction, dataset.interactions, columns, context=context, label="counting rows")
        segments = int(np.prod([len(index) for index in list(cells.values())[1:]], dtype=np.int64))
        whole = data.by_unit_of(data.cell // segments) if segments > 1 else data
        found = contrast(whole, len(dataset.items), clustered=clustered, dealt=dealt is not None)
        self.effects_ = Effects(
            _item_table(dataset, found, " × ".join(unit) or ("item" if clustered else "row")),
            pooled=_pooled(whole, clustered),
            assumptions=_assumptions(clustered, dealt, unit),
            **(_segment_part(dataset, data, cells, clustered) if self.level == "segment" else {}),
        )
        return self


def _item_table(dataset: Dataset, found: Contrast, unit: str) -> pd.DataFrame:
    reason = plain_reason(found.treated, found.control, unit)
    unread = (reason == "") & ~(found.stderr > 0)
    reason[unread & ((found.treated < 2) | (found.control < 2))] = f"one exposed or unexposed {unit} has no error"
    reason[unread & (reason == "")] = "the outcome never varies"
    return _table(dataset.items.index, found, reason=reason)


def _table(index: pd.Index[Any], found: Contrast, **more: Any) -> pd.DataFrame:
    return item_table(
        index,
        raw=found.effect,
        raw_stderr=found.stderr,
        df=found.df,
        treated=found.treated,
        control=found.control,
        ess=found.ess,
        baseline=found.baseline,
        **more,
    )


def _segment_part(
    dataset: Dataset, data: UnitSums, cells: Mapping[str, pd.Index[Any]], clustered: bool
) -> dict[str, Any]:
    items, segments = cells.values()
    found = contrast(data, len(items) * len(segments), clustered=clustered)
    table = _table(pd.RangeIndex(len(items) * len(segments)), found)
    names = {"item": np.repeat(items, len(segments)), "segment": np.tile(segments.astype(object), len(items))}
    columns = ["effect", "stderr", "lower", "upper", "raw", "raw_stderr"]
    return {
        "segment": pd.DataFrame(names).join(table[columns]).dropna(subset=["raw"]).reset_index(drop=True),
        "segments": SegmentMap.of(dataset),
    }


def _pooled(data: UnitSums, clustered: bool) -> Pooled | None:
    """The contrast over all rows, errors clustered both ways."""
    total = data.sums.sum(0)
    n1, n0 = total[0], total[3]
    if n1 <= 0 or n0 <= 0:
        return None
    mean1, mean0 = total[1] / n1, total[4] / n0
    one = UnitSums(np.zeros_like(data.cell), data.unit, data.sums)
    score1, score0 = unit_scores(one, *(np.array([v]) for v in (n1, n0, mean1, mean0)))
    if clustered:
        score = (score1 - score0)[:, None]
        both = [
            _spread(summed(np.unique(key, return_inverse=True)[1], score, len(np.unique(key))))
            for key in (data.cell, data.unit)
            if len(np.unique(key)) > 1
        ]
        cell = _spread(score)
        variance = max(sum(both) - cell, *both) if len(both) == 2 else max([*both, cell])
        how = "exposed minus unexposed over all rows; errors clustered by item and assignment unit"
    else:
        variance = (total[2] / n1 - mean1**2) / n1 + (total[5] / n0 - mean0**2) / n0
        how = "exposed minus unexposed over all rows; assumes independent rows"
    items = len(np.unique(data.cell))
    units = len(data.cell) if clustered else round(n1 + n0)
    return pooled_of(mean1 - mean0, variance**0.5, baseline=mean0, items=items, units=units, how=how)


def _spread(scores: Any) -> float:
    return float((scores**2).sum() * len(scores) / max(len(scores) - 1, 1))


def _units(dataset: Dataset, cells: int) -> tuple[dict[str, pd.Index[Any]], Dealt | None]:
    """The values of each column that makes a unit; groups of units, where their sums may be too many to hold."""
    rows, names = dataset.interactions, dataset.unit_within_item
    if len(rows) <= MOST_SUMS:
        return levels_of(dataset, names), None
    most, many = max(MOST_SUMS // max(cells, 1), LEAST_GROUPS), 1
    levels = {}
    for name in names:
        levels[name] = rows.distinct(name, most=most)
        many *= max(len(levels[name]), 1)
        if many > most:
            return {}, Dealt(UnitHash.of(rows, names), most)
    return levels, None


def _assumptions(clustered: bool, dealt: Dealt | None, unit: tuple[str, ...]) -> tuple[str, ...]:
    naive = "Exposed and unexposed rows are alike but for the exposure: nothing is adjusted for."
    if dealt is not None:
        return naive, f"Errors come from {dealt.count} random groups of assignment units ({' × '.join(unit)})."
    return (naive,) if clustered else (naive, "Assumes independent rows: the log declares no assignment unit.")
