"""Panels with planted effects: items × weeks, exposure chain-wide, outcomes counted over households."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from causalkit.types import Column, Dataset, Estimand, Schema, Table

SEGMENTS = ("few", "some", "many")


@dataclass(frozen=True)
class Planted:
    """A log, what to read from it, and the planted effect of each item (outcome units)."""

    dataset: Dataset
    estimand: Estimand
    effect: pd.Series
    vectors: np.ndarray


def planted_panel(
    seed: int = 0,
    items: int = 120,
    weeks: int = 24,
    households: int = 1500,
    relative: float = 0.25,
    spread: float = 0.2,
    text: float = 0.0,
    season: float = 0.25,
    hidden: float = 0.0,
    noise: float = 0.1,
    cold: int = 0,
    arms: tuple[float, float] | None = None,
    segmented: bool = False,
    multiple: tuple[float, ...] = (0.5, 1.0, 1.5),
    response: tuple[float, ...] | None = None,
) -> Planted:
    """Rates rise by `relative` on average where exposed.

    `season` moves rates and exposure together and is logged; `hidden` likewise, slowly, and is not;
    `text` is the part of the effects' variance that the items' vectors tell; the last `cold` items are
    never exposed; `arms` plants absolute effects of exposure and of a display that often comes with it.
    `multiple` is how often each segment has the outcome, `response` times the effect (as `multiple` where absent).
    """
    rng = np.random.default_rng(seed)
    level = np.exp(rng.normal(-3.2, 0.5, items))
    vectors = rng.normal(size=(items, 6))
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * np.sqrt(6)
    told = vectors[:, 0] * np.sqrt(text) + rng.normal(size=items) * np.sqrt(1 - text)
    effect = level * (relative + spread * told)
    at = np.arange(weeks)
    wave = np.sin(2 * np.pi * (at[None] / 12 + (np.arange(items) % 3)[:, None] / 3))
    slow = np.repeat(rng.normal(size=(items, weeks // 6 + 1)), 6, 1)[:, :weeks]
    mailed = rng.normal(size=(items, weeks)) + season * wave * 2 + 2 * hidden * slow > 0.2
    mailed[items - cold :] = False
    shown = (rng.random((items, weeks)) < 0.2 + 0.3 * mailed) if arms else np.zeros_like(mailed)
    rate = level[:, None] * (1 + season * wave + hidden * slow + noise * rng.normal(size=(items, weeks)))
    caused = effect[:, None] * mailed
    if arms:
        rate, caused = level[:, None] * (1 + season * wave), arms[0] * mailed + arms[1] * shown
    parts = tuple(zip(multiple, response or multiple, strict=True)) if segmented else ((1.0, 1.0),)
    dataset = _dataset(rng, (rate, caused), mailed, shown, wave, households, parts)
    adjustment = ("wave",) if season else ()
    estimand = Estimand("exposed", "bought", "att", ("item", "week"), adjustment=adjustment)
    return Planted(dataset, estimand, pd.Series(effect, dataset.items.index), vectors)


def _dataset(rng, rates, mailed, shown, wave, households, segments) -> Dataset:
    rate, caused = rates
    items = len(rate)
    ids = pd.Index([f"i{k:03d}" for k in range(items)], name="item")
    parts = []
    i, t = np.indices(rate.shape).reshape(2, -1)
    for s, (times, response) in enumerate(segments):
        count = households // len(segments)
        bought = rng.binomial(count, np.clip(rate * times + caused * response, 1e-5, 0.95)).ravel()
        for outcome, weight in ((1, bought), (0, count - bought)):
            columns = {"week": t, "exposed": mailed.ravel(), "display": shown.ravel(), "wave": wave.ravel()}
            part = pd.DataFrame(columns | {"bought": outcome, "households": weight}).astype(
                {"exposed": int, "display": int}
            )
            part["item"] = pd.Categorical.from_codes(i, ids)
            part["segment"] = pd.Categorical.from_codes(np.full(len(i), s), SEGMENTS)
            parts.append(part)
    columns = [
        Column("item", "item", "categorical"),
        Column("week", "time", "time"),
        Column("exposed", "treatment", "binary", description="in the mailer"),
        Column("display", "bundle", "binary", description="on display"),
        Column("bought", "outcome", "binary"),
        Column("households", "weight", "count"),
        Column("wave", "covariate", description="the season"),
        Column("kind", "group", "categorical"),
    ]
    if len(segments) > 1:
        columns.append(Column("segment", "segment", "categorical"))
    table = pd.DataFrame({"kind": [f"k{k % 3}" for k in range(items)]}, index=ids)
    rows = pd.concat(parts, ignore_index=True)
    return Dataset(Table(rows[rows["households"] > 0]), Schema(tuple(columns), assignment=("item", "week")), table)
