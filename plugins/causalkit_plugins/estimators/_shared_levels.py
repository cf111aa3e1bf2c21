"""How often the outcome occurs: per item, and per item and segment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context
from causalkit.estimation import codes_of, needed_columns, sound_rows
from causalkit.reduction import State, add_states, reduce_table
from causalkit.statistics import t_interval
from causalkit.types import Dataset, Estimand, Table

Floats = npt.NDArray[np.float64]
_FLOOR = 0.25
"""Events an item without any is credited with, so that its level is above zero."""
_NO_SPREAD = 0.005
_FEWEST_ITEMS = 10
"""Items from which it can be told whether segments respond in proportion."""


@dataclass(frozen=True)
class Counts:
    """Weight, summed outcome, and both of exposed rows alone `[I, S]`; the segments, and the outcome's sort."""

    weight: Floats
    total: Floats
    exposed: Floats
    exposed_total: Floats
    segments: pd.Index[Any]
    is_rate: bool

    def seen(self) -> npt.NDArray[np.bool_]:
        """Whether the log has rows of each item `[I]`."""
        return np.asarray(self.weight.sum(1) > 0)

    def means(self) -> Floats:
        """Mean outcome of each item `[I]`, above 0; the overall mean where an item has no rows."""
        weight, total = self.weight.sum(1), self.total.sum(1)
        overall = max(total.sum(), _FLOOR) / max(weight.sum(), 1e-300)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(weight > 0, np.maximum(total, _FLOOR) / weight, overall)

    def levels(self, ratio: float) -> Floats:
        """Mean outcome `[I]` had nothing been exposed, if exposure multiplies it by 1 + `ratio`.

        All rows serve, not the unexposed alone: those may lie in another season. Effects relative to it
        read the same for items exposed often, seldom and never.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(self.weight.sum(1) > 0, self.exposed.sum(1) / self.weight.sum(1), 0.0)
        return np.asarray(self.means() / (1 + share * max(ratio, -0.5)))


@dataclass(frozen=True)
class _Sums:
    dataset: Dataset
    estimand: Estimand
    items: pd.Index[Any]
    segments: pd.Index[Any]

    def init(self, broadcast: State) -> State:
        size = len(self.items) * max(len(self.segments), 1)
        return State({"sums": np.zeros((4, size)), "low": np.zeros(1)})

    def update(self, state: State, part: pd.DataFrame) -> State:
        rows = sound_rows(part, self.dataset, self.estimand)
        place = codes_of(rows[self.dataset.item], self.items)
        known = place >= 0
        if len(self.segments):
            segment = codes_of(rows[self.dataset.schema.need("segment", "segments")], self.segments)
            place, known = place * len(self.segments) + segment, known & (segment >= 0)
        weight = self.dataset.weights(rows) * known
        y = rows[self.estimand.outcome].to_numpy(np.float64)
        exposed = weight * rows[self.estimand.treatment].to_numpy(np.float64)
        columns = (weight, weight * y, exposed, exposed * y)
        size = state.arrays["sums"].shape[1]
        at = np.where(known, place, 0)
        added = np.stack([np.bincount(at, column, size) for column in columns])
        low = np.array([min(float(y.min(initial=0.0)), 0.0)])
        return State({"sums": state.arrays["sums"] + added, "low": state.arrays["low"] + low})

    def merge(self, a: State, b: State) -> State:
        return add_states(a, b)

    def finalize(self, state: State) -> Counts:
        sums = state.arrays["sums"].reshape(4, len(self.items), -1)
        return Counts(*sums, self.segments, bool(state.arrays["low"][0] >= 0))


def count(dataset: Dataset, estimand: Estimand, by_segment: bool, context: Context) -> Counts:
    """One pass over the rows, by parts."""
    name = dataset.segment if by_segment else None
    segments = pd.Index([]) if name is None else _levels(dataset, name)
    bare = replace(dataset, interactions=Table(pd.DataFrame()), users=pd.DataFrame(), pair_segment=None, truth=None)
    reduction = _Sums(bare, estimand, dataset.items.index, segments)
    columns = needed_columns(dataset, estimand, name)
    return reduce_table(reduction, dataset.interactions, columns, context=context, label="counting outcomes")


def _levels(dataset: Dataset, name: str) -> pd.Index[Any]:
    dtype = dataset.interactions.head().dtypes[name]
    found = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else dataset.interactions.distinct(name)
    return pd.Index(found, dtype=object)


def segment_levels(counts: Counts, strength: float) -> Floats:
    """Mean outcome `[I, S]`, drawn to the item's level times the segment's ratio (Gamma-Poisson).

    `strength` events' worth of prior; a ratio is the segment's outcomes over what items' levels imply.
    """
    level = counts.means()[:, None]
    implied = (counts.weight * level).sum(0)
    ratio = np.maximum(counts.total.sum(0), _FLOOR) / np.maximum(implied, _FLOOR)
    centre = level * ratio
    return np.asarray((counts.total + strength) / (counts.weight + strength / centre))


@dataclass(frozen=True)
class Responses:
    """Each segment's relative response to exposure over its items' `[S]`, their errors, and the spread between them.

    All 1 where segments respond in proportion to how often they have the outcome. `spread` is NaN where
    that cannot be told.
    """

    ratio: Floats
    stderr: Floats
    spread: float

    @property
    def bias(self) -> Floats:
        """How far each segment's response is from proportion, beyond its error; 0 where that cannot be told."""
        beyond = np.sqrt(np.maximum((self.ratio - 1) ** 2 - self.stderr**2, 0))
        return np.where(np.isfinite(beyond) & (self.spread > 0), beyond, 0.0)

    def said(self, segments: pd.Index[Any]) -> str:
        """What is assumed of segments, and what the log says about it."""
        taken = "Within an item, segments are taken to respond in proportion to how often they have the outcome"
        if not np.isfinite(self.spread):
            return f"{taken}; this log cannot tell whether they do."
        if self.spread < _NO_SPREAD:
            return f"{taken}; pooled over items, no departure from that is seen."
        low, high = int(self.ratio.argmin()), int(self.ratio.argmax())
        return (
            f"{taken}; pooled over items they do not: relative responses spread by {self.spread:.0%}, from "
            f"{self.ratio[low]:.2f} ({segments[low]}) to {self.ratio[high]:.2f} ({segments[high]}) of the item's. "
            "Effects are not corrected for that; the segments' errors are widened by it."
        )


def responses(counts: Counts) -> Responses:
    """Crude contrasts within item and segment, summed over items, over what the items' own ratios imply.

    What moves an item's outcome for all segments alike (its season) moves both sides. Errors are
    clustered by item; the spread is that of DerSimonian & Laird (1986), Controlled Clinical Trials 7.
    """
    n1, n0 = counts.exposed, counts.weight - counts.exposed
    with np.errstate(invalid="ignore", divide="ignore"):
        usual = n1 * (counts.total - counts.exposed_total) / n0
    use = (np.isfinite(usual) & (n1 > 0)).all(1) & (np.nan_to_num(usual).sum(1) > 0)
    usual, seen = usual[use], counts.exposed_total[use]
    segments = usual.shape[1]
    unknown = Responses(np.ones(segments), np.full(segments, np.nan), np.nan)
    if len(usual) < _FEWEST_ITEMS or segments < 2:
        return unknown
    implied = usual * (seen.sum(1) / usual.sum(1) - 1)[:, None]
    size = implied.sum(0)
    if not (size > 0).all():
        return unknown
    ratio = (seen - usual).sum(0) / size
    left = seen - usual - ratio * implied
    stderr = np.sqrt((left**2).sum(0) * len(usual) / (len(usual) - 1)) / size
    weight = 1 / np.maximum(stderr, 1e-12) ** 2
    mean = weight @ ratio / weight.sum()
    excess = weight @ (ratio - mean) ** 2 - (segments - 1)
    spread = np.sqrt(max(excess / (weight.sum() - (weight**2).sum() / weight.sum()), 0.0))
    return Responses(ratio, stderr, float(spread))


def proportional(item: pd.DataFrame, counts: Counts, strength: float, df: float, bias: Floats) -> pd.DataFrame:
    """Effects per item and segment: the item's, in proportion to how often each segment has the outcome.

    Their mean over the item's rows is the item's effect. Errors by the delta method: the item's own,
    that of the segment's level, and how far (`bias` `[S]`) its response is from proportion.
    """
    level = segment_levels(counts, strength)
    share = counts.weight + 1e-9 * counts.weight.sum(0)
    share = share / np.maximum(share.sum(1, keepdims=True), 1e-300)
    times = level / (share * level).sum(1, keepdims=True)
    effect = item["effect"].to_numpy(float)[:, None] * times
    noise = effect / np.sqrt(counts.total + strength)
    uneven = effect * bias
    stderr = np.sqrt((times * item["stderr"].to_numpy(float)[:, None]) ** 2 + noise**2 + uneven**2)
    lower, upper = t_interval(effect, stderr, df)
    size = len(counts.segments)
    columns = {"effect": effect, "stderr": stderr, "lower": lower, "upper": upper}
    table = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    table.insert(0, "item", np.repeat(item.index.to_numpy(), size))
    table.insert(1, "segment", np.tile(counts.segments.to_numpy(), len(item)))
    table = table.assign(raw=np.nan, raw_stderr=np.nan)
    return table[np.isfinite(table["effect"])].reset_index(drop=True)
