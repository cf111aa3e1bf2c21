"""What planted logs are made of: the world itself, columns to a dataset, and a reading that is right in it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.types import Column, Dataset, Embeddings, EmbeddingTable, Estimand, Schema, Table, Truth

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SOUND = ("ignorability", "linearity", "independent-rows", "overlap", "enough-units")
"""What holds where nothing is wrong but that a column of the log moves exposure and outcome."""
_COLUMNS = {
    "user": Column("user", "user", "categorical", 0, "who saw it"),
    "segment": Column("segment", "segment", "categorical", 0, "new or regular"),
    "item": Column("item", "item", "categorical", 0, "what was shown"),
    "week": Column("week", "time", "time", 0, "week of the log"),
    "people": Column("people", "weight", "count", 0, "people whom the row stands for"),
    "x": Column("x", "covariate", "continuous", 1, "how much the user spent before"),
    "season": Column("season", "covariate", "continuous", 1, "the season"),
    "nudge": Column("nudge", "instrument", "binary", 1, "a coin that decided who was nudged"),
    "exposed": Column("exposed", "treatment", "binary", 2, "the item was shown"),
    "outcome": Column("outcome", "outcome", "continuous", 3, "money spent on the item"),
}


@dataclass(frozen=True)
class EffectWorld:
    """A log, what to read from it, and what is true of it.

    Parameters
    ----------
    name : how `effect_world` finds it.
    summary : one line: what is planted, and what is wrong with a naive reading of it.
    holds : the assumptions (names of `causalkit.assumptions.ASSUMPTIONS`) that hold in it.
    dataset : the log; `dataset.truth` holds the planted effects.
    estimand : what to read.
    effect : planted effect by item, in outcome units per row unit, of the rows that the estimand targets.
    reference : columns `effect` and `stderr` by item: least squares that is told what is hidden; two-stage
        least squares where there is an instrument. NaN for items whose own rows cannot tell. What widths and
        errors are held against.
    embeddings : vectors of the items, where the world has text; else None.
    """

    name: str
    summary: str
    holds: frozenset[str]
    dataset: Dataset
    estimand: Estimand
    effect: pd.Series[float]
    reference: pd.DataFrame
    embeddings: Embeddings | None = None


@dataclass(frozen=True)
class Drawn:
    """Rows of a log and what stands behind them: columns, planted effects, and the reference reading.

    `columns` are by name as in `_COLUMNS`, `item` and `user` as codes; `reference` is `[items, 2]`.
    """

    columns: Mapping[str, npt.NDArray[np.generic]]
    effect: Floats
    reference: Floats
    vectors: Floats | None = None


def generator(name: str, seed: int) -> np.random.Generator:
    """Numbers for the world of that name; its seed 0 shares nothing with another world's."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def spread(rng: np.random.Generator, mean: float, reach: float, items: int) -> Floats:
    """Effects from `mean - reach` to `mean + reach`, evenly, in random order."""
    return rng.permutation(mean + reach * np.linspace(-1, 1, items))


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z))."""
    return np.asarray(1 / (1 + np.exp(-z)))


def coin(rng: np.random.Generator, p: npt.ArrayLike) -> Ints:
    """0 or 1 for each probability."""
    p = np.asarray(p, float)
    return (rng.random(p.shape) < p).astype(np.int64)


def grid(*sizes: int) -> tuple[Ints, ...]:
    """Codes of every combination, flat: the first axis changes slowest."""
    return tuple(axis.ravel() for axis in np.indices(sizes))


def least_squares(item: Ints, t: Floats, y: Floats, beside: Sequence[Floats], items: int, least: int = 4) -> Floats:
    """Effect and stderr `[items, 2]` of `t` on `y` within each item, given `beside`; NaN for too few in an arm."""
    found = np.full((items, 2), np.nan)
    for i in range(items):
        here = item == i
        if min(t[here].sum(), (1 - t[here]).sum()) < least:
            continue
        x = np.stack([t[here], np.ones(here.sum()), *(column[here] for column in beside)], 1)
        inverse = np.linalg.inv(x.T @ x)
        beta = inverse @ x.T @ y[here]
        score = x * (y[here] - x @ beta)[:, None]
        variance = inverse @ score.T @ score @ inverse * len(x) / (len(x) - x.shape[1])
        found[i] = beta[0], np.sqrt(variance[0, 0])
    return found


def two_stages(item: Ints, z: Floats, t: Floats, y: Floats, x: Floats, items: int) -> Floats:
    """Effect and stderr `[items, 2]` of `t` on `y`, `z` an instrument and `x` adjusted for."""
    found = np.empty((items, 2))
    for i in range(items):
        here = item == i
        instruments = np.stack([z[here], np.ones(here.sum()), x[here]], 1)
        regressors = np.stack([t[here], np.ones(here.sum()), x[here]], 1)
        inverse = np.linalg.inv(instruments.T @ regressors)
        beta = inverse @ instruments.T @ y[here]
        noise = (y[here] - regressors @ beta).var()
        found[i] = beta[0], np.sqrt((inverse @ instruments.T @ instruments @ inverse.T)[0, 0] * noise)
    return found


def estimand_of(adjustment: tuple[str, ...], unit: tuple[str, ...], instruments: tuple[str, ...] = ()) -> Estimand:
    """The effect over all rows."""
    return Estimand(
        "exposed",
        "outcome",
        "ate",
        unit,
        adjustment=adjustment,
        instruments=instruments,
        reason="a declared instrument" if instruments else "adjusts for what the log says decided exposure",
    )


def world(name: str, summary: str, holds: Sequence[str], drawn: Drawn, estimand: Estimand) -> EffectWorld:
    """The world that drawn columns make."""
    items = pd.Index([f"item-{k:02d}" for k in range(len(drawn.effect))], name="item")
    effect = pd.Series(drawn.effect, items, name="effect")
    rows = pd.DataFrame({key: drawn.columns[key] for key in _COLUMNS if key in drawn.columns})
    rows["item"] = pd.Categorical.from_codes(rows["item"], items)
    users = pd.DataFrame()
    if "user" in rows:
        ids = pd.Index([f"user-{k:03d}" for k in range(int(rows["user"].max()) + 1)], name="user")
        users = pd.DataFrame({"segment": np.where(np.arange(len(ids)) % 3, "regular", "new")}, ids)
        segment = users["segment"].to_numpy()[rows["user"]]
        rows["user"] = pd.Categorical.from_codes(rows["user"], ids)
        rows.insert(1, "segment", pd.Categorical(segment))
    schema = Schema(tuple(_COLUMNS[key] for key in rows.columns), assignment=estimand.unit)
    dataset = Dataset(Table(rows), schema, pd.DataFrame(index=items), users, truth=Truth(item=effect), name=name)
    reference = pd.DataFrame(drawn.reference, items, columns=["effect", "stderr"])
    vectors = None
    if drawn.vectors is not None:
        vectors = Embeddings(item=EmbeddingTable(items, drawn.vectors.astype(np.float32), "planted"))
    return EffectWorld(name, summary, frozenset(holds), dataset, estimand, effect, reference, vectors)
