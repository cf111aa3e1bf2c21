"""The steps of a run, each from what stands so far to a bit more.

`Work` flows down; a step returns a new one and never looks ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from causalkit import preparation
from causalkit._checks import check_dataset
from causalkit._ranking import make_ranking, users_of
from causalkit.components import Context, Estimator, Explainer, Ranker, Refuter
from causalkit.config import Config, Selection
from causalkit.errors import ComponentError, ConfigError, Problem
from causalkit.identification import identify
from causalkit.registry import Registry
from causalkit.statuses import write_statuses
from causalkit.types import (
    CausalGraph,
    Dataset,
    Effects,
    Embeddings,
    EmbeddingTable,
    Estimand,
    Facts,
    Knowledge,
    Measurement,
    Outputs,
    SegmentMap,
    Split,
    Table,
    Variables,
)

__all__ = ["Work", "discover", "encode", "estimate", "explain", "identify_step", "load", "rank", "refit", "refute"]

MOST_GRAPHS = 16
"""Other adjustment sets, over a graph's consistent orientations, that effects are refitted with."""

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Work:
    """All that a run has made so far, and what it was asked."""

    config: Config
    registry: Registry
    context: Context
    dataset: Dataset | None = None
    split: Split | None = None
    outputs: Outputs | None = None
    naive: Effects | None = None
    evaluated: Outputs | None = None
    """The outputs that were measured on held-out rows, before the refit."""
    fingerprint: str = ""
    facts: Facts | None = None

    @property
    def skeleton(self) -> Dataset:
        """The dataset without its rows: schema, items and users, which is what a reader needs."""
        return replace(self.log, interactions=Table(self.log.interactions.frame().iloc[:0]), truth=None)

    @property
    def log(self) -> Dataset:
        """The prepared dataset."""
        assert self.dataset is not None
        return self.dataset

    @property
    def made(self) -> Outputs:
        """The outputs so far."""
        assert self.outputs is not None
        return self.outputs

    def build(self, kind: str, selection: Selection) -> Any:
        """A component of the config."""
        return self.registry.build(kind, {"use": selection.use, "params": selection.params})

    def under(self, name: str) -> Context:
        """The context with seeds of its own."""
        return self.context.under(name)

    def with_outputs(self, **changes: Any) -> Work:
        """The work with some outputs replaced."""
        return replace(self, outputs=replace(self.made, **changes))


def load(work: Work) -> Work:
    """Read the log, check it, clean, split, and derive the columns that the schema declares."""
    config = work.config
    dataset = work.build("dataset", config.data).load(context=work.under("data"))
    if not isinstance(dataset, Dataset):
        raise ComponentError(f"dataset {config.data.use!r} gave a {type(dataset).__name__}, not a Dataset")
    notes = check_dataset(dataset)
    fingerprint = dataset.fingerprint()
    dataset, cleaning = preparation.clean(dataset, config.clean)
    dataset, split = preparation.split(dataset, config.split, work.under("split"))
    dataset = preparation.derive(dataset, split)
    training = split.take(dataset, "training")
    return replace(
        work,
        dataset=dataset,
        split=split,
        fingerprint=fingerprint,
        facts=_facts(dataset, split, cleaning, notes),
        outputs=Outputs(training=training, split=split),
    )


def _facts(dataset: Dataset, split: Split, cleaning: Sequence[preparation.Cleaning], notes: Sequence[str]) -> Facts:
    periods = dataset.interactions.frame([dataset.period])[dataset.period].nunique() if dataset.period else 0
    return Facts(
        rows=len(dataset.interactions),
        items=len(dataset.items),
        users=len(users_of(dataset)),
        periods=int(periods),
        split=split.rule,
        cleaning=tuple((f"{c.what}: {c.column}", c.rows) for c in cleaning),
        notes=(*dataset.notes, *notes),
    )


def encode(work: Work) -> Work:
    """Vectors of items and users, from their text."""
    tables: dict[str, EmbeddingTable | None] = {"item": None, "user": None}
    for side, selection in work.config.encode.items():
        if selection is None:
            continue
        texts = work.log.item_texts() if side == "item" else _user_texts(work.log)
        encoder = work.build("encoder", selection)
        context = work.under(f"encode.{side}")
        vectors = encoder.fit(list(texts), context=context).encode(list(texts), context=context)
        tables[side] = EmbeddingTable(texts.index, _checked_vectors(vectors, len(texts), selection.use), selection.use)
    return work.with_outputs(embeddings=Embeddings(**tables))


def _user_texts(dataset: Dataset) -> pd.Series[str]:
    named = [c.name for c in dataset.schema.columns if c.kind == "text" and c.name in dataset.users.columns]
    if not named:
        raise ConfigError(
            "config", [Problem("encode.user", ": the users table has no column of kind text")], "Leave encode.user out."
        )
    return dataset.users[named].astype("string").fillna("").agg(" ".join, axis=1)


def _checked_vectors(vectors: Any, rows: int, name: str) -> Any:
    array = np.asarray(vectors, np.float32)
    if array.ndim != 2 or len(array) != rows:
        raise ComponentError(f"encoder {name!r} gave an array of shape {array.shape} for {rows} inputs")
    if not np.isfinite(array).all():
        raise ComponentError(f"encoder {name!r} gave {int((~np.isfinite(array)).any(1).sum())} vectors with NaN")
    return array


def discover(work: Work) -> Work:
    """The causal graph over the log's variables, from rows that estimation never sees."""
    assert work.split is not None
    seen = preparation.variables(work.split.take(work.log, "discover"))
    knowledge = gather_knowledge(seen, work.config.knowledge)
    assert work.config.discover is not None
    discoverer = work.build("discoverer", work.config.discover)
    graph = discoverer.discover(seen, knowledge, context=work.under("discover"))
    if not isinstance(graph, CausalGraph):
        raise ComponentError(f"discoverer {work.config.discover.use!r} gave a {type(graph).__name__}")
    graph = replace(graph, notes=(*seen.notes, *_effective_n(seen), *graph.notes))
    return work.with_outputs(variables=seen, graph=graph)


def _effective_n(seen: Variables) -> Iterator[str]:
    """How many units the variables of each level have: what their tests may count."""
    levels: dict[tuple[str, ...], list[str]] = {}
    for name in seen.names:
        levels.setdefault(seen.levels.get(name, ()), []).append(name)
    for level, names in levels.items():
        said = " × ".join(level) or "row"
        yield f"effective n {seen.units_of(names[0])} ({said}): {', '.join(names)}"


def gather_knowledge(seen: Variables, config: Any) -> Knowledge:
    """The schema's tiers together with the config's `knowledge:`; raises `ConfigError`."""
    known = seen.knowledge()
    if config:
        from causalkit.config import read_knowledge

        known = known.merged(read_knowledge(config))
    known.check(seen.names)
    return known


def identify_step(work: Work) -> Work:
    """What must be adjusted for, from design and graph."""
    plan, made = work.config.identify, work.made
    primary, secondary = identify(
        work.log,
        made.graph,
        target=plan.target,
        secondary=plan.secondary,
        trust_graph=plan.trust_graph,
        adjust=plan.adjust,
        variables=made.variables,
    )
    return work.with_outputs(estimand=primary, secondary=secondary)


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
        effects = replace(effects, segments=segment_map(data, effects.segment["segment"].unique()))
    said = dict.fromkeys(a for one in fitted.values() for a in one.effects_.assumptions)
    return replace(effects, assumptions=tuple(said))


def segment_map(dataset: Dataset, segments: Sequence[Any]) -> SegmentMap:
    """Who is in which segment; a segment by itself is the pseudo-user `segment:NAME`."""
    named = pd.Series({f"segment:{s}": str(s) for s in segments}, dtype=object)
    if "segment" in dataset.users.columns:
        own = dataset.users["segment"].astype(object)
        named = pd.concat([own, named])
    if dataset.pair_segment is None:
        return SegmentMap(named)
    return SegmentMap(named, dataset.pair_segment)


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
        rows.append(_own_steps(_clone(main).fit(made.training, other, None, context=context).effects_, other))
    kept = [row if "main" in row else row.assign(main=False) for row in rows if len(row)]
    return pd.concat(kept, ignore_index=True) if kept else effects.ladder


_NAIVE = "naive: exposed minus unexposed"


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


def _clone(estimator: Estimator) -> Estimator:
    from causalkit.parameters import clone

    return cast(Estimator, clone(estimator))


def _conditional_on_graph(work: Work, main: Estimator, effects: Effects) -> Effects:
    """Lower and upper of each item's effect over the graph's other consistent orientations."""
    made = work.made
    assert made.estimand is not None
    if not made.estimand.alternatives:
        return effects
    columns = [effects.item["effect"]]
    for adjustment in made.estimand.alternatives[:MOST_GRAPHS]:
        other = replace(made.estimand, adjustment=adjustment, alternatives=())
        fitted = _clone(main).fit(made.training, other, made.embeddings, context=work.under("graph-range"))
        columns.append(fitted.effects_.item["effect"].reindex(effects.item.index))
    together = pd.concat(columns, axis=1)
    table = effects.item.assign(graph_lower=together.min(axis=1), graph_upper=together.max(axis=1))
    said = f"Ranges over graphs are over {len(columns)} adjustment sets of consistent orientations"
    if len(made.estimand.alternatives) > MOST_GRAPHS:
        said += f", of {len(made.estimand.alternatives) + 1} there are"
    return replace(effects, item=table, assumptions=(*effects.assumptions, f"{said}."))


def refute(work: Work) -> Work:
    """Falsifications and software checks; only the first may refute."""
    made = work.made
    assert made.estimand is not None and made.estimator is not None and made.effects is not None
    verdicts = []
    for selection in work.config.refute:
        refuter: Refuter = work.build("refuter", selection)
        context = work.under(f"refute.{selection.use}")
        verdicts.append(refuter.check(made.training, made.estimand, made.estimator, context=context))
    span = _graph_range(made.effects)
    effects = write_statuses(made.effects, made.estimand, verdicts, span)
    return work.with_outputs(verdicts=tuple(verdicts), effects=effects)


def _graph_range(effects: Effects) -> pd.DataFrame | None:
    if "graph_lower" not in effects.item:
        return None
    return effects.item[["graph_lower", "graph_upper"]].set_axis(["lower", "upper"], axis=1)


def rank(work: Work) -> Work:
    """Top lists overall, per segment, and per user."""
    selection = work.config.rank
    ranker, effects = fit_ranker(work, selection, work.made.effects)
    ranking = make_ranking(ranker, selection.use, effects, work.log, work.config.top, work.context)
    return work.with_outputs(ranker=selection.use, scores=ranker.scores, ranking=ranking)


def fit_ranker(work: Work, selection: Selection, effects: Effects | None) -> tuple[Ranker, Effects | None]:
    """Build and fit a ranker on the training rows and some effects."""
    ranker: Ranker = work.build("ranker", selection)
    context = work.under(f"rank.{selection.use}")
    return ranker.fit(work.made.training, effects, work.made.embeddings, context=context), effects


def refit(work: Work) -> Work:
    """Effects, verdicts and ranking once more on training and test rows, with frozen settings."""
    assert work.split is not None
    if not work.split.values("test"):
        return replace(work, evaluated=work.made)
    before = work.made
    both = work.split.take(work.log, "training", "test")
    again = work.with_outputs(training=both)
    again = rank(refute(estimate(again)))
    return replace(again, evaluated=before)


def explain(work: Work) -> Work:
    """A receipt for each recommendation that everybody or a segment gets."""
    made = work.made
    assert work.config.explain is not None and made.ranking is not None
    explainer: Explainer = work.build("explainer", work.config.explain)
    shared = made.ranking.table[made.ranking.table["scope"] != "user"]
    told = explainer.explain(replace(made.ranking, table=shared), made, context=work.under("explain"))
    return work.with_outputs(explanation=told)


def measured(work: Work, measurements: Sequence[Measurement]) -> Work:
    """The work with measurements added."""
    return work.with_outputs(measurements=(*work.made.measurements, *measurements))
