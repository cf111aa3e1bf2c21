"""Sharing strength between items: another estimator's raw effects, drawn to what similar items tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from causalkit.assumptions import assumed_by
from causalkit.components import Context, Estimator, Level, clone, component
from causalkit.estimation import item_table
from causalkit.types import Dataset, Effects, Embeddings, Estimand, SegmentMap

from . import _shared_fit as model
from ._shared_levels import Counts, count, proportional, responses

Floats = npt.NDArray[np.float64]
_FEWEST = 4
_FEWEST_TO_CHOOSE = 12
_MARGIN = 1.0
"""Log likelihood that a richer model must gain on items left out."""


@component
class Shared:
    """Empirical-Bayes shrinkage of another estimator's effects towards what groups and text predict.

    The raw effect of an item is its true effect plus noise of known size; true effects are a mean, a part
    that the item's group tells, a part that its text vector tells (a ridge), and a part of its own, all
    normal. Effects of noisy items are drawn further (James & Stein 1961; Efron & Morris 1975, JASA 70).
    Each part's variance is that of the restricted likelihood (Patterson & Thompson 1971, Biometrika 58);
    whether group and text are used at all, and whether effects are alike relative to how often the outcome
    occurs or in absolute terms, is what predicts left-out items best (leave-one-out log density, in closed
    form); a richer model must gain at least 1. Noise is `smooth_stderr` where the estimator gives it
    (Smyth 2004), else `raw_stderr`; it is taken as independent between items, so that what all items of a
    group met in the same periods can pass for a small part of the group's.

    Items without a raw effect get a predicted one, with a wider error, if they have a vector or a
    group. Raw columns stay as they are. With fewer than four raw effects nothing is shared.

    Learned: `choices_`, a row per model tried with its left-out log density; `chosen_`, the index of
    the one used; `spread_`, the standard deviations of its parts (relative to the outcome's level
    where the scale is relative).
    """

    level: ClassVar[Level] = "item"

    of: Estimator
    "The estimator whose raw effects are shared."
    scale: Literal["auto", "relative", "absolute"] = "auto"
    "Whether effects are alike relative to the item's outcome level or in absolute terms; auto: by left-out likelihood."
    group: str | None = "auto"
    "Items column whose items share a part of their effect; auto: the first with the role group; none: no groups."
    components: Annotated[int, Field(ge=1)] = 64
    "Principal components of the item vectors that the ridge works on."
    segments: Literal["proportional"] | None = "proportional"
    """Effects per segment, in proportion to how often the segment has the outcome: where the log has a
    segment column, and left-out items say that effects are relative to how often the outcome occurs."""
    segment_strength: Annotated[float, Field(gt=0)] = 5.0
    "Events' worth of prior that draws a segment's outcome rate to the item's."

    @property
    def assumes(self) -> frozenset[str] | None:
        """What `of` rests on: effects that are drawn together are no better than the raw ones."""
        return assumed_by(self.of)

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Shared:
        """Fit `of` and share its effects; fills `effects_`.

        Raises
        ------
        DataError : `group` is not a column of the items table, or whatever `of` raises.
        """
        self.of_ = clone(self.of).fit(dataset, estimand, embeddings, context=context)
        base: Effects = self.of_.effects_
        if estimand.arms:
            self.effects_ = base
            return self
        by_segment = self.segments is not None and dataset.segment is not None
        counts = count(dataset, estimand, by_segment, context)
        place = dataset.items.index.get_indexer(base.item.index)
        sources = _Sources.of(self, dataset, embeddings, counts)
        raw = base.item["raw"].to_numpy(float)
        noise = base.item.get("smooth_stderr", base.item["raw_stderr"]).to_numpy(float)
        has = np.isfinite(raw) & np.isfinite(noise) & (noise > 0)
        if has.sum() < _FEWEST:
            self.choices_, self.chosen_, self.spread_ = _no_choices(), None, {}
            note = f"Nothing is shared between items: {int(has.sum())} have an estimate of their own."
            self.effects_ = replace(base, assumptions=(*base.assumptions, note))
            return self
        with model.one_thread():
            best, self.choices_ = _choose(self, raw[has], noise[has], counts, sources, place[has])
        self.chosen_ = int(self.choices_["used"].to_numpy().argmax())
        self.spread_ = best.spreads
        self.effects_ = _with_shared(self, base, best, sources, counts, place, has, dataset, by_segment)
        return self


@dataclass(frozen=True)
class _Sources:
    """What tells items apart: feature blocks over all items, and which items have any."""

    blocks: dict[str, Floats]
    known: npt.NDArray[np.bool_]
    group: str

    @classmethod
    def of(cls, shared: Any, dataset: Dataset, embeddings: Embeddings | None, counts: Counts) -> _Sources:
        blocks: dict[str, Floats] = {}
        known = np.zeros(len(dataset.items), bool)
        group = _group_column(shared, dataset)
        if group:
            codes = pd.factorize(dataset.items[group])[0].astype(np.int64)
            blocks["group"] = model.group_block(codes)
            known |= codes >= 0
        if embeddings is not None and embeddings.item is not None:
            vectors = embeddings.item.at(dataset.items.index).astype(float)
            has = np.isfinite(vectors).all(1)
            block = model.text_block(vectors, has, counts.seen(), shared.components)
            if block.shape[1]:
                blocks["text"] = block
            known |= has
        return cls(blocks, known, group)

    def structures(self, items: int) -> list[tuple[str, ...]]:
        """Models to try, plain ones first."""
        names = list(self.blocks)
        if items < _FEWEST_TO_CHOOSE:
            return [()]
        return [(), *((name,) for name in names), *([tuple(names)] if len(names) > 1 else [])]


@dataclass(frozen=True)
class _Chosen:
    solved: model.Solved
    structure: tuple[str, ...]
    is_relative: bool
    y: Floats
    v: Floats
    unit: Floats
    score: float

    @property
    def spreads(self) -> dict[str, float]:
        """Standard deviation of each part."""
        return {name: float(s) for name, s in zip(("item", *self.structure), self.solved.s, strict=True)}


def _group_column(shared: Any, dataset: Dataset) -> str:
    if shared.group is None:
        return ""
    if shared.group == "auto":
        return next((name for name in dataset.schema.named("group") if name in dataset.items.columns), "")
    if shared.group not in dataset.items.columns:
        from causalkit.errors import DataError, nearest

        known = list(dataset.items.columns)
        raise DataError(
            f"shared.group = {shared.group!r}: no such column of the items table{nearest(shared.group, known)}",
            f"It has {known}.",
        )
    return str(shared.group)


def _choose(
    shared: Any, raw: Floats, noise: Floats, counts: Counts, sources: _Sources, place: npt.NDArray[np.intp]
) -> tuple[_Chosen, pd.DataFrame]:
    """The model that predicts left-out items best, and the table of those tried."""
    level = counts.levels(_usual_ratio(raw, noise, counts.means()[place]))[place]
    scales = {"auto": (True, False), "relative": (True,), "absolute": (False,)}[shared.scale]
    tried: list[_Chosen] = []
    for is_relative in scales if counts.is_rate else (False,):
        unit = level if is_relative else np.full(len(raw), max(float(np.std(raw)), 1e-12))
        y, v = raw / unit, (noise / unit) ** 2
        for structure in sources.structures(len(raw)):
            solved = model.fit(y, v, [sources.blocks[name][place] for name in structure])
            score = float((model.held_out(solved) - np.log(unit)).sum())
            tried.append(_Chosen(solved, structure, is_relative, y, v, unit, score))
    cost = [one.score - _MARGIN * len(one.structure) for one in tried]
    best = int(np.argmax(cost))
    table = pd.DataFrame(
        {
            "structure": ["+".join(one.structure) or "mean" for one in tried],
            "scale": ["relative" if one.is_relative else "absolute" for one in tried],
            "held_out": [one.score for one in tried],
            "used": np.arange(len(tried)) == best,
        }
    )
    return tried[best], table


def _usual_ratio(raw: Floats, noise: Floats, mean: Floats) -> float:
    """Effects over outcomes, precise ones counting more; what the mean gains when all rows are exposed."""
    weight = mean / (noise**2 + float(np.var(raw)))
    return float((weight @ raw) / (weight @ mean))


def _with_shared(
    shared: Any,
    base: Effects,
    best: _Chosen,
    sources: _Sources,
    counts: Counts,
    place: npt.NDArray[np.intp],
    has: npt.NDArray[np.bool_],
    dataset: Dataset,
    by_segment: bool,
) -> Effects:
    items = base.item
    effect, stderr = (np.full(len(items), np.nan) for _ in range(2))
    mean, variance = model.shrunk(best.y, best.v, best.solved)
    effect[has], stderr[has] = mean * best.unit, np.sqrt(variance) * best.unit
    cold = ~has & (place >= 0)
    cold[cold] = sources.known[place[cold]]
    if cold.any():
        effect[cold], stderr[cold] = _predicted(best, sources, counts, place[cold])
    df = max(int(has.sum()) - 1, 1)
    table = _table(items, effect, stderr, df)
    said = _said(best, sources, int(has.sum()), int(cold.sum()), len(shared.choices_))
    effects = replace(base, item=table, assumptions=(*base.assumptions, said))
    if not (by_segment and counts.is_rate and best.is_relative):
        return effects
    ordered = table.reindex(dataset.items.index)
    found = responses(counts)
    segment = proportional(ordered, counts, shared.segment_strength, df, found.bias)
    note = found.said(counts.segments)
    return replace(effects, segment=segment, segments=SegmentMap.of(dataset), assumptions=(*effects.assumptions, note))


def _predicted(best: _Chosen, sources: _Sources, counts: Counts, place: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Effects and errors of items without a raw effect, in outcome units."""
    blocks = [sources.blocks[name][place] for name in best.structure]
    features = np.concatenate([*blocks, np.zeros((len(place), 0))], 1)
    mean, variance = model.predicted(features, best.solved)
    if not best.is_relative:
        return mean * best.unit[0], np.sqrt(variance) * best.unit[0]
    unit = counts.means()[place]
    # a level that rests on few events is itself uncertain, by its relative error 1 / sqrt(events)
    events = counts.total.sum(1)[place]
    loose = np.where(counts.seen()[place], 1 / (events + 1), np.var(np.log(counts.means()[counts.seen()])))
    return mean * unit, unit * np.sqrt(variance + mean**2 * loose)


def _table(items: pd.DataFrame, effect: Floats, stderr: Floats, df: float) -> pd.DataFrame:
    """The item table with shared effects; raw columns, and whatever else it had, stay."""
    made = item_table(
        items.index,
        raw=items["raw"],
        raw_stderr=items["raw_stderr"],
        treated=items["treated"],
        control=items["control"],
        ess=items["ess"],
        baseline=items["baseline"],
        effect=effect,
        stderr=stderr,
        effect_df=df,
        reason=items["reason"],
    ).reindex(items.index)
    return items.assign(**{name: made[name] for name in ("effect", "stderr", "lower", "upper", "e_value")})


def _said(best: _Chosen, sources: _Sources, raw: int, cold: int, tried: int) -> str:
    words = {"group": sources.group or "group", "text": "text"}
    towards = " and ".join(words[name] for name in best.structure) or "nothing but their mean"
    scale = "relative to how often the outcome occurs" if best.is_relative else "in absolute terms"
    told = (
        f"Effects of {raw} items share strength {scale}, drawn to what {towards} tell{'s' * (len(best.structure) < 2)}"
    )
    held = model.held_share(best.solved)
    return (
        f"{told} (the best of {tried} models on left-out items); {cold} items without an estimate get a predicted one. "
        f"Predicted for each item as if it had none, 95 % intervals held {held:.0%} of the raw effects."
    )


def _no_choices() -> pd.DataFrame:
    return pd.DataFrame({"structure": [], "scale": [], "held_out": [], "used": []})
