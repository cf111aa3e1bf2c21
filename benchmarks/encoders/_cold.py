"""Items without an effect of their own: taken out of a log, predicted, and held against what held-out rows say.

Arrays: n items, R times that the folds were drawn, B draws of the bootstrap. Effects are in outcome units. Squared
errors are weighed by the precision of held-out effects, whose noise is taken off, as in the metric `held-out-error`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import causalkit as ck
from causalkit.components import Encoder, component
from causalkit.types import Dataset, Effects, Embeddings, EmbeddingTable, Estimand, Table

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float, float]


@dataclass(frozen=True)
class HeldOut:
    """What held-out rows say of each item: effect and error `[n]`, and the effect under redrawn periods `[B, n]`.

    `counts` `[B, n]` is how often each draw takes each item.
    """

    items: pd.Index[Any]
    effect: Floats
    stderr: Floats
    redrawn: Floats
    counts: Floats

    def at(self, items: pd.Index[Any]) -> HeldOut:
        """The same of some items, in the order given."""
        place = self.items.get_indexer(items)
        taken = {name: getattr(self, name)[..., place] for name in ("effect", "stderr", "redrawn", "counts")}
        return replace(self, items=items, **taken)

    @property
    def weight(self) -> Floats:
        """Precision of each item's effect `[n]`."""
        return 1 / self.stderr**2


@dataclass(frozen=True)
class Claims:
    """What a method says of each item: effect and stderr `[R, n]`."""

    effect: Floats
    stderr: Floats | None = None


def held_out(test: Dataset, estimand: Estimand, draws: int, seed: int) -> HeldOut:
    """Raw effects by `panel` on held-out rows, of the items that have one; items and periods redrawn."""
    panel: Any = ck.build("estimator", "panel", min_units=2)
    table = panel.fit(test, estimand).effects_.item
    cells = panel.cells(test, estimand)
    rng = np.random.default_rng(seed)
    periods = np.sort(rng.integers(0, len(cells.periods), (draws, len(cells.periods))), axis=1)
    drawn = np.stack([panel.fit_cells(cells.at(chosen)).effect for chosen in periods])
    table = table[table["raw"].notna() & (table["smooth_stderr"] > 0)]
    counts = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), draws)
    return HeldOut(
        table.index,
        table["raw"].to_numpy(float),
        table["smooth_stderr"].to_numpy(float),
        drawn[:, cells.items.get_indexer(table.index)],
        counts.astype(float),
    )


def folds(items: pd.Index[Any], count: int, seed: int) -> list[pd.Index[Any]]:
    """The items in `count` parts, drawn."""
    order = np.random.default_rng(seed).permutation(len(items))
    return [items[np.sort(part)] for part in np.array_split(order, count)]


def without(training: Dataset, items: pd.Index[Any], *, unexposed: bool) -> Dataset:
    """The log as if `items` had never been exposed; their `unexposed` rows stay, or go too."""
    rows = training.interactions.frame()
    gone = rows[training.item].isin(items).to_numpy()
    if unexposed:
        gone = gone & (rows[training.treatment].to_numpy() > 0)
    return replace(training, interactions=Table(rows[~gone].reset_index(drop=True)))


def embedded(dataset: Dataset, encoder: Encoder) -> Embeddings:
    """Vectors of all items by an encoder that learned from all their texts: no outcome is in there."""
    texts = dataset.item_texts()
    vectors = encoder.fit(list(texts)).encode(list(texts))
    return Embeddings(item=EmbeddingTable(texts.index, np.asarray(vectors, np.float32), type(encoder).__name__))


def given(effects: Effects) -> Any:
    """An estimator that gives effects estimated before: raw effects do not depend on the encoder."""

    @component
    class Given:
        """Effects that are known."""

        level = "item"

        def fit(
            self, dataset: Dataset, estimand: Estimand, embeddings: Any = None, *, context: ck.Context = ck.Context()
        ) -> Given:
            self.effects_ = effects
            return self

    return Given()


def naive(table: pd.DataFrame, group: pd.Series[Any]) -> tuple[pd.Series[float], pd.Series[float]]:
    """For every item of `group`: the mean raw effect of `table`, and that of its group; by precision."""
    has = table[table["raw"].notna() & (table["raw_stderr"] > 0)]
    weight = 1 / has["raw_stderr"] ** 2
    mean = float((weight * has["raw"]).sum() / weight.sum())
    own = group.astype(object)
    key = own.reindex(has.index)
    by_group = (weight * has["raw"]).groupby(key).sum() / weight.groupby(key).sum()
    return pd.Series(mean, group.index), own.map(by_group).astype(float).fillna(mean)


def excess(claims: Claims, held: HeldOut, counts: Floats | None = None) -> Any:
    """Mean squared error `[B]` of claims, the held-out noise taken off; of the items as they are without `counts`."""
    square = ((claims.effect - held.effect) ** 2).mean(0) - held.stderr**2
    times = np.ones(len(held.items)) if counts is None else counts
    return times @ (held.weight * square) / (times @ held.weight)


def error(claims: Claims, held: HeldOut) -> Interval:
    """Root of the excess, and its 95 % interval over redrawn items; a negative excess gives 0."""
    low, high = np.quantile(excess(claims, held, held.counts), [0.025, 0.975])
    value, low, high = np.sqrt(np.maximum([excess(claims, held), low, high], 0))
    return float(value), float(low), float(high)


def difference(claims: Claims, beside: Claims, held: HeldOut) -> Interval:
    """How much larger the mean squared error of `claims` is than that of `beside`, as a share of the latter's excess.

    Held-out effects share periods and items differ, so each draw redraws both (the pigeonhole bootstrap, Owen 2007,
    Ann. Appl. Stat. 1, which errs on the wide side). Claims are not redrawn: the interval is for these very claims.
    The difference is linear in the held-out effects, so that their noise adds no bias. Draws in which no item can be
    estimated are left out; NaN where the excess is not above 0.
    """
    square = (claims.effect**2).mean(0) - (beside.effect**2).mean(0)
    first = claims.effect.mean(0) - beside.effect.mean(0)
    at = held.weight * (square - 2 * held.effect * first)
    known = np.isfinite(held.redrawn)
    drawn = held.weight * (square - 2 * np.where(known, held.redrawn, 0.0) * first)
    times = held.counts * known
    some = times.any(1)
    draws = (times * drawn)[some].sum(1) / (times[some] @ held.weight)
    scale = float(excess(beside, held))
    if scale <= 0:
        return np.nan, np.nan, np.nan
    low, high = np.quantile(draws, [0.025, 0.975]) / scale
    return float(at.sum() / held.weight.sum() / scale), float(low), float(high)


def covered(claims: Claims, held: HeldOut) -> float:
    """Share of held-out effects within the 95 % intervals of claims, the held-out error added to theirs."""
    assert claims.stderr is not None
    allowed = 1.959964 * np.sqrt(claims.stderr**2 + held.stderr**2)
    return float((np.abs(claims.effect - held.effect) <= allowed).mean())


def of_the_best(claims: Claims, held: HeldOut, share: float = 0.2) -> Interval:
    """Mean held-out effect of the `share` of items with the highest claims, over redrawn items; ties share places."""
    most = max(1, round(share * len(held.items)))
    higher = (claims.effect[:, None, :] > claims.effect[:, :, None]).sum(2)
    tied = (claims.effect[:, None, :] == claims.effect[:, :, None]).sum(2)
    chosen = np.clip((most - higher) / tied, 0, 1).mean(0)
    draws = (held.counts @ (chosen * held.effect)) / np.maximum(held.counts @ chosen, 1e-12)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(chosen @ held.effect / chosen.sum()), float(low), float(high)


def stacked(parts: Sequence[Sequence[pd.DataFrame]], items: pd.Index[Any]) -> Claims:
    """Claims from item tables by time that the folds were drawn, then by fold; each holds its own items."""
    whole = [pd.concat(of_one).reindex(items) for of_one in parts]
    effect, stderr = (np.stack([t[name].to_numpy(float) for t in whole]) for name in ("effect", "stderr"))
    return Claims(effect, stderr)
