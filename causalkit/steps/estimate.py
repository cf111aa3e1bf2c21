"""Effects at every level, the naive ones beside, and what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pandas as pd

from causalkit.components import Estimator
from causalkit.config import Selection
from causalkit.statuses import write_statuses
from causalkit.steps import sound_effects, soundness
from causalkit.steps.lending import lent
from causalkit.steps.work import Work
from causalkit.types import Dataset, Effects, Embeddings, Estimand, SegmentMap

__all__ = ["estimate", "fit_effects", "main_of"]

T = TypeVar("T")

MOST_GRAPHS = 16
"""Other adjustment sets, over a graph's consistent orientations, that effects are refitted with."""
_NAIVE = "naive: exposed minus unexposed"


def estimate(work: Work) -> Work:
    """Effects at every level the config asks for, with the naive estimate beside."""
    made = work.made
    assert made.estimand is not None
    fitted: dict[str, Estimator] = {}
    for level, selection in work.config.estimate.items():
        if selection is not None:
            fitted[level] = fit_effects(work, selection, f"estimate.{level}", embeddings=made.embeddings)
    naive = fit_effects(work, work.config.naive, "naive")
    main = main_of(fitted)
    effects = _merged(fitted, main, made.training)
    effects = replace(effects, ladder=_ladder(work, naive.effects_, effects))
    effects = _conditional_on_graph(work, effects)
    return replace(
        work.with_outputs(estimator=main, effects=write_statuses(effects, made.estimand)), naive=naive.effects_
    )


def fit_effects(
    work: Work,
    selection: Selection,
    name: str,
    *,
    data: Dataset | None = None,
    estimand: Estimand | None = None,
    embeddings: Embeddings | None = None,
) -> Estimator:
    """An estimator of the config fitted on what it is lent, and what it gives checked.

    `data` and `estimand` are the training rows and the primary estimand where they are left out; seeds are
    derived under `name`.
    """
    data, estimand = data or work.made.training, estimand or work.made.estimand
    assert estimand is not None
    by = work.whose("estimator", selection)
    estimator: Estimator = work.build("estimator", selection)
    fitted: Estimator = soundness.itself(
        estimator.fit(lent(data), estimand, lent(embeddings), context=work.under(name)), ("fit",), by
    )
    sound_effects.effects(getattr(fitted, "effects_", None), data, by)
    return fitted


def main_of(by_level: Mapping[str, T | None]) -> T:
    """What stands for the item level, or else for the first that there is."""
    return by_level.get("item") or next(found for found in by_level.values() if found is not None)


def _merged(fitted: dict[str, Estimator], main: Estimator, data: Dataset) -> Effects:
    """One Effects: the item table of the item estimator, segments and pairs of theirs."""
    effects = main.effects_
    if "segment" in fitted:
        effects = replace(effects, segment=fitted["segment"].effects_.segment)
    if "pair" in fitted:
        pair = fitted["pair"].effects_
        effects = replace(effects, pair=pair.pair, factors=pair.factors)
    if len(effects.segment):
        own = fitted.get("segment", main).effects_.segments
        effects = replace(effects, segments=_with_pseudo_users(own, data, effects.segment["segment"].unique()))
    said = dict.fromkeys(a for one in fitted.values() for a in one.effects_.assumptions)
    return replace(effects, assumptions=tuple(said))


def _with_pseudo_users(own: SegmentMap, dataset: Dataset, segments: Sequence[Any]) -> SegmentMap:
    """Who is in which segment, as the estimator or else the log says; `segment:NAME` stands for a segment itself."""
    known = own if len(own.of_user) or len(own.of_pair) else SegmentMap.of(dataset)
    itself = pd.Series({f"segment:{s}": str(s) for s in segments}, dtype=object)
    return replace(known, of_user=pd.concat([known.of_user.astype(object), itself]))


def _ladder(work: Work, naive: Effects, effects: Effects) -> pd.DataFrame:
    """Pooled effects step by step: naive, the estimator's own steps, secondary estimands."""
    made = work.made
    assert made.estimand is not None
    own = _own_steps(effects, made.estimand)
    rows = [_pooled_row(_NAIVE, made.estimand.population, naive), own.assign(main=own.index == own.index.max())]
    for other in made.secondary:
        name = f"secondary.{other.name}"
        if not other.arms:
            beside = fit_effects(work, work.config.naive, name, estimand=other)
            rows.append(_pooled_row(_NAIVE, other.population, beside.effects_))
        rows.append(_own_steps(fit_effects(work, main_of(work.config.estimate), name, estimand=other).effects_, other))
    kept = [row if "main" in row else row.assign(main=False) for row in rows if len(row)]
    return pd.concat(kept, ignore_index=True) if kept else effects.ladder


def _own_steps(effects: Effects, estimand: Estimand) -> pd.DataFrame:
    """The estimator's ladder, or its pooled effect alone where it has none."""
    if len(effects.ladder):
        return effects.ladder
    adjusted = "adjusted for " + (", ".join(estimand.adjustment) or "nothing")
    return _pooled_row(adjusted, estimand.population, effects)


def _pooled_row(name: str, population: str, effects: Effects) -> pd.DataFrame:
    p = effects.pooled
    if p is None:
        return effects.ladder.iloc[:0]
    values = {"effect": p.effect, "stderr": p.stderr, "lower": p.lower, "upper": p.upper, "baseline": p.baseline}
    return pd.DataFrame([{"specification": name, "population": population} | values])


def _conditional_on_graph(work: Work, effects: Effects) -> Effects:
    """Lower and upper of each item's effect over the graph's other consistent orientations."""
    made = work.made
    assert made.estimand is not None
    if not made.estimand.alternatives:
        return effects
    columns = [effects.item["effect"]]
    for adjustment in made.estimand.alternatives[:MOST_GRAPHS]:
        other = replace(made.estimand, adjustment=adjustment, alternatives=())
        chosen = main_of(work.config.estimate)
        fitted = fit_effects(work, chosen, "graph-range", estimand=other, embeddings=made.embeddings)
        columns.append(fitted.effects_.item["effect"].reindex(effects.item.index))
    together = pd.concat(columns, axis=1)
    table = effects.item.assign(graph_lower=together.min(axis=1), graph_upper=together.max(axis=1))
    said = f"Ranges over graphs are over {len(columns)} adjustment sets of consistent orientations and resampled graphs"
    if len(made.estimand.alternatives) > MOST_GRAPHS:
        said += f", of {len(made.estimand.alternatives) + 1} there are"
    return replace(effects, item=table, assumptions=(*effects.assumptions, f"{said}."))
