"""Effects at every level, the naive ones beside, and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from causalkit.components import Estimator, clone
from causalkit.errors import ComponentError
from causalkit.statuses import write_statuses
from causalkit.steps.work import Work
from causalkit.types import Dataset, Effects, Estimand, SegmentMap

__all__ = ["estimate"]

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
            fitted[level] = _fit(
                work, work.build("estimator", selection), made.training, f"estimate.{level}", selection.use
            )
    naive = work.build("estimator", work.config.naive).fit(made.training, made.estimand, context=work.under("naive"))
    main = fitted.get("item") or next(iter(fitted.values()))
    effects = _merged(fitted, main, made.training)
    effects = replace(effects, ladder=_ladder(work, main, naive.effects_, effects))
    effects = _conditional_on_graph(work, main, effects)
    return replace(
        work.with_outputs(estimator=main, effects=write_statuses(effects, made.estimand)), naive=naive.effects_
    )


def _fit(work: Work, estimator: Estimator, data: Dataset, name: str, use: str) -> Estimator:
    made = work.made
    assert made.estimand is not None
    fitted = estimator.fit(data, made.estimand, made.embeddings, context=work.under(name))
    effects = fitted.effects_
    if not isinstance(effects, Effects):
        raise ComponentError(f"estimator {use!r} left a {type(effects).__name__} in effects_, not Effects")
    known = effects.item["effect"].notna()
    if (effects.item.loc[known, "stderr"].isna()).any():
        raise ComponentError(f"estimator {use!r} gave effects without standard errors")
    return fitted


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


def _ladder(work: Work, main: Estimator, naive: Effects, effects: Effects) -> pd.DataFrame:
    """Pooled effects step by step: naive, the estimator's own steps, secondary estimands."""
    made = work.made
    assert made.estimand is not None
    own = _own_steps(effects, made.estimand)
    rows = [_pooled_row(_NAIVE, made.estimand.population, naive), own.assign(main=own.index == own.index.max())]
    for other in made.secondary:
        context = work.under(f"secondary.{other.name}")
        if not other.arms:
            beside = work.build("estimator", work.config.naive).fit(made.training, other, context=context)
            rows.append(_pooled_row(_NAIVE, other.population, beside.effects_))
        rows.append(_own_steps(clone(main).fit(made.training, other, None, context=context).effects_, other))
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


def _conditional_on_graph(work: Work, main: Estimator, effects: Effects) -> Effects:
    """Lower and upper of each item's effect over the graph's other consistent orientations."""
    made = work.made
    assert made.estimand is not None
    if not made.estimand.alternatives:
        return effects
    columns = [effects.item["effect"]]
    for adjustment in made.estimand.alternatives[:MOST_GRAPHS]:
        other = replace(made.estimand, adjustment=adjustment, alternatives=())
        fitted = clone(main).fit(made.training, other, made.embeddings, context=work.under("graph-range"))
        columns.append(fitted.effects_.item["effect"].reindex(effects.item.index))
    together = pd.concat(columns, axis=1)
    table = effects.item.assign(graph_lower=together.min(axis=1), graph_upper=together.max(axis=1))
    said = f"Ranges over graphs are over {len(columns)} adjustment sets of consistent orientations"
    if len(made.estimand.alternatives) > MOST_GRAPHS:
        said += f", of {len(made.estimand.alternatives) + 1} there are"
    return replace(effects, item=table, assumptions=(*effects.assumptions, f"{said}."))
