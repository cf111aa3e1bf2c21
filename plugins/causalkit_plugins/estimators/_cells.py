"""Rows compared with what their item gives unexposed, and their deviations shrunk cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from causalkit.errors import DataError
from causalkit.estimation import (
    adjusted,
    codes_of,
    design,
    item_table,
    needed_columns,
    plain_reason,
    pooled_of,
    sound_rows,
    unit_codes,
)
from causalkit.types import Dataset, Estimand, Pooled

from ._batched import Floats, Ints, batches, predicted, pull, ridge, standardised
from ._contrast import UnitSums, contrast, summed
from ._shrinkage import ArmPrior, ArmSums, Priors


@dataclass(frozen=True)
class LevelledRows:
    """Flat arrays; `base` is the outcome expected of the row unexposed.

    `pull` says how much an unexposed row counts in what is expected of the item's exposed rows, on average,
    relative to counting all unexposed rows alike; 1 for exposed ones.
    """

    item: Ints
    user: Ints | None
    segment: Ints | None
    user_ids: pd.Index[Any]
    segment_ids: pd.Index[Any]
    unit: Ints
    w: Floats
    t: Floats
    y: Floats
    base: Floats
    pull: Floats
    noise: Floats
    clustered: bool
    unit_name: str

    @property
    def users(self) -> int:
        return max(len(self.user_ids), 1)

    @property
    def user_or_0(self) -> Ints:
        return np.zeros(len(self.item), np.int64) if self.user is None else self.user

    @classmethod
    def read(cls, dataset: Dataset, estimand: Estimand, level: str) -> LevelledRows:
        if level == "pair" and dataset.user is None:
            raise DataError(
                "t-learner-eb at level 'pair' needs a user column, and the log's rows are not users",
                "Use level: segment, or level: item.",
            )
        if level == "segment" and dataset.segment is None and "segment" not in dataset.users:
            dataset.schema.need("segment", "t-learner-eb at level 'segment'")
        units = dataset.unit_within_item
        adjust = adjusted(dataset, estimand)
        names = needed_columns(dataset, estimand, dataset.user, dataset.segment, *units, *adjust)
        frame = sound_rows(dataset.interactions.frame(names), dataset, estimand)
        item = codes_of(frame[dataset.item], dataset.items.index)
        frame, item = frame[item >= 0], item[item >= 0]
        if not len(frame):
            raise DataError("there are no rows to estimate effects from", "Check the split and the population.")
        user, user_ids = _coded(frame, dataset.user)
        segment, segment_ids = _segments(dataset, frame, user, user_ids)
        w = dataset.weights(frame)
        t, y = (frame[name].to_numpy(float) for name in (estimand.treatment, estimand.outcome))
        base, pulls = _base(item, w, t, y, design(dataset, frame, adjust), len(dataset.items))
        return cls(
            item,
            user,
            segment,
            user_ids,
            segment_ids,
            unit_codes(frame, units)[0],
            w,
            t,
            y,
            base,
            pulls,
            _noise(item, w, t, y - base, len(dataset.items)),
            bool(dataset.unit),
            " × ".join(units) or "row",
        )


def _coded(frame: pd.DataFrame, name: str | None) -> tuple[Ints | None, pd.Index[Any]]:
    if name is None:
        return None, pd.Index([], dtype=object)
    codes, found = pd.factorize(frame[name])
    return codes.astype(np.int64), pd.Index(np.asarray(found, object))


def _segments(
    dataset: Dataset, frame: pd.DataFrame, user: Ints | None, user_ids: pd.Index[Any]
) -> tuple[Ints | None, pd.Index[Any]]:
    """Each row's segment: from its own column, else from its user's."""
    if dataset.segment is not None:
        return _coded(frame, dataset.segment)
    if user is None or "segment" not in dataset.users:
        return None, pd.Index([], dtype=object)
    codes, found = pd.factorize(dataset.users["segment"].reindex(user_ids).astype(object), use_na_sentinel=False)
    return codes.astype(np.int64)[user], pd.Index(np.asarray(found, object))


def _base(item: Ints, w: Floats, t: Floats, y: Floats, x: Floats, items: int) -> tuple[Floats, Floats]:
    """Unexposed outcome of each row, by a ridge of the item's unexposed rows of penalty 1 row; and their pull."""
    base, pulls = np.empty(len(y)), np.empty(len(y))
    for batch in batches(item, items, 2 * (x.shape[1] + 1)):
        weight, exposed, outcome = batch.take(w), batch.take(t), batch.take(y)
        scaled, _ = standardised(batch.take(x), weight)
        unexposed = weight * (1 - exposed)
        none = unexposed.sum(1) <= 0  # such an item has no effect; its own level keeps its rows harmless
        unexposed[none] = weight[none]
        batch.put(base, predicted(scaled, ridge(scaled, outcome, unexposed, 1.0)))
        of_exposed = np.where((weight * exposed).sum(1, keepdims=True) > 0, weight * exposed, unexposed)
        centre = np.einsum("bn,bnd->bd", of_exposed, scaled) / of_exposed.sum(1, keepdims=True)
        count = unexposed.sum(1, keepdims=True) * pull(scaled, unexposed, centre, 1.0)
        batch.put(pulls, np.where(exposed == 1, 1.0, count))
    return base, pulls


def _noise(item: Ints, w: Floats, t: Floats, residual: Floats, items: int) -> Floats:
    """Standard deviation of each row's noise: that of its item's arm, with ten rows of the whole arm's."""
    cell = item * 2 + t.astype(np.int64)
    n = np.bincount(cell, w, 2 * items)
    total = np.bincount(cell, w * residual, 2 * items)
    square = np.bincount(cell, w * residual**2, 2 * items)
    spread = np.maximum(square - total**2 / np.maximum(n, 1e-300), 0).reshape(items, 2)
    rows = n.reshape(items, 2)
    whole = spread.sum(0) / np.maximum(rows.sum(0), 1e-300)
    variance = (spread + 10 * whole) / (rows + 10)
    return np.sqrt(np.maximum(variance, 1e-12))[item, t.astype(np.int64)]


def user_levels(rows: LevelledRows, deviation: Floats) -> Floats:
    """Each user's shrunken mean deviation over both arms."""
    precision = rows.w / rows.noise
    n = np.bincount(rows.user_or_0, rows.w, rows.users)
    r = np.bincount(rows.user_or_0, precision * deviation, rows.users)
    empty = np.zeros_like(n)
    q = np.bincount(rows.user_or_0, rows.w * (deviation / rows.noise) ** 2, rows.users)
    cells = ArmSums(n, r, empty, empty, q)
    mean = Priors.of(cells, None, joint=False).posterior(cells)[0]
    noise = np.bincount(rows.user_or_0, rows.w * rows.noise, rows.users) / np.maximum(n, 1e-300)
    return mean * noise


def user_rates(rows: LevelledRows, effect: Floats) -> Floats:
    """Each user's outcome over what is expected, shrunk towards 1 (moments of a gamma prior)."""
    expected = np.bincount(rows.user_or_0, rows.w * (rows.base + rows.t * effect[rows.item]), rows.users)
    seen = np.bincount(rows.user_or_0, rows.w * rows.y, rows.users)
    noise = np.bincount(rows.user_or_0, rows.w * rows.noise**2, rows.users)
    spread = max(float(((seen - expected) ** 2 - noise).sum() / (expected**2).sum()), 0.0)
    keep = spread * expected / np.maximum(noise + spread * expected**2, 1e-300)
    return np.maximum(1 + keep * (seen - expected), 0.05)


def _item_means(rows: LevelledRows, deviation: Floats) -> Floats:
    """Each row's item mean in its arm: what an item was shrunk by, or shocks all share, is no cell's own."""
    cell = rows.item * 2 + rows.t.astype(np.int64)
    total = np.bincount(cell, rows.w * deviation) / np.maximum(np.bincount(cell, rows.w), 1e-300)
    return np.asarray(total[cell])


class Cells:
    """Deviations of rows from their item, shrunk at one level after another."""

    def __init__(self, rows: LevelledRows, deviation: Floats, joint: bool) -> None:
        self.rows, self.joint = rows, joint
        self.deviation = deviation - _item_means(rows, deviation)

    def shrink(self, who: Ints, k: float | None) -> tuple[pd.DataFrame, ArmPrior]:
        """Posterior of the effect's deviation per (who, item); rows keep what is left of theirs."""
        rows = self.rows
        count = int(rows.item.max(initial=0)) + 1
        keys, place = np.unique(who * count + rows.item, return_inverse=True)
        exposed = rows.t == 1
        each = self.deviation / rows.noise
        parts = [rows.w * arm * part for part in (1.0, each, each**2) for arm in (exposed, ~exposed)]
        n1, n0, r1, r0, q1, q0 = summed(place, np.stack(parts, 1), len(keys)).T
        cells = ArmSums(n1, r1, n0, r0, q1, q0)
        priors = Priors.of(cells, k, joint=self.joint)
        mean1, mean0, var1, var0, cov = priors.posterior(cells)
        noise1, noise0 = self._noise_of(keys % count, count)
        self.deviation = self.deviation - np.where(exposed, (mean1 * noise1)[place], (mean0 * noise0)[place])
        variance = var1 * noise1**2 + var0 * noise0**2 - 2 * cov * noise1 * noise0
        table = {
            "who": keys // count,
            "item": keys % count,
            "effect": mean1 * noise1 - mean0 * noise0,
            "variance": np.maximum(variance, 0),
            **dict(zip(("n1", "n0"), (cells.n1, cells.n0), strict=True)),
        }
        return pd.DataFrame(table), priors.likeliest

    def _noise_of(self, item: Ints, count: int) -> tuple[Floats, Floats]:
        """The noise of each cell's item by arm; an arm without rows has the other's."""
        arms = np.full((2, count), np.nan)
        exposed = (self.rows.t == 1).astype(np.int64)
        arms[exposed, self.rows.item] = self.rows.noise
        arms = np.where(np.isfinite(arms), arms, arms[::-1])
        return arms[1][item], arms[0][item]


def plain_items(dataset: Dataset, rows: LevelledRows) -> pd.DataFrame:
    """Exposed minus unexposed residuals per item, errors clustered by assignment unit.

    Unexposed rows count as they do in what is expected of the exposed ones, so that the error is that of the
    whole adjusted difference, and what the ridge's penalty leaves behind goes.
    """
    r = (rows.y - rows.base) * rows.pull
    arms = [rows.w * side * part for side in (rows.t, 1 - rows.t) for part in (np.ones_like(r), r, r * r)]
    cell = rows.item * (int(rows.unit.max(initial=0)) + 1) + rows.unit
    keys, place = np.unique(cell, return_inverse=True)
    units = int(rows.unit.max(initial=0)) + 1
    data = UnitSums(keys // units, keys % units, summed(place, np.stack(arms, 1), len(keys)))
    found = contrast(data, len(dataset.items), clustered=rows.clustered)
    unexposed = np.bincount(rows.item, rows.w * (1 - rows.t), len(dataset.items))
    level = np.bincount(rows.item, rows.w * (1 - rows.t) * rows.y, len(dataset.items))
    reason = plain_reason(found.treated, found.control, rows.unit_name)
    reason[(reason == "") & ~(found.stderr > 0)] = "too few units, or the outcome never varies"
    return item_table(
        dataset.items.index,
        raw=found.effect,
        raw_stderr=found.stderr,
        df=found.df,
        treated=found.treated,
        control=found.control,
        ess=found.ess,
        baseline=np.where(unexposed > 0, level / np.maximum(unexposed, 1e-300), np.nan),
        reason=reason,
    )


def pooled_items(rows: LevelledRows, table: pd.DataFrame, items: pd.Index[Any]) -> Pooled | None:
    """Raw effects averaged over items by their rows, their errors taken as independent."""
    raw, stderr, baseline = (table[name].reindex(items).to_numpy(float) for name in ("raw", "raw_stderr", "baseline"))
    known = np.isfinite(raw)
    if not known.any():
        return None
    share = np.bincount(rows.item, rows.w, len(items))[known]
    share = share / share.sum()
    units = int(table["treated"].sum() + table["control"].sum())
    how = f"average over {int(known.sum())} items by rows; items' errors taken as independent"
    return pooled_of(
        float(share @ raw[known]),
        float(np.sqrt(share**2 @ stderr[known] ** 2)),
        baseline=float(share @ baseline[known]),
        items=int(known.sum()),
        units=units,
        how=how,
    )
