"""Measures a run on held-out rows, with naive baselines always beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from causalkit.components import Metric
from causalkit.config import Selection
from causalkit.ranking import make_ranking
from causalkit.statuses import MINIMUM_UNITS, write_statuses
from causalkit.steps import soundness
from causalkit.steps.estimate import fit_effects, main_of
from causalkit.steps.lending import lent
from causalkit.steps.rank import fit_ranker
from causalkit.steps.work import Work
from causalkit.types import NO_TEXT, Dataset, Effects, Measurement, Outputs

__all__ = ["evaluate"]


@dataclass(frozen=True)
class _Contender:
    """Outputs to be measured, what they are called, and whether their ranking or effects differ."""

    of: str
    outputs: Outputs
    measures: frozenset[str]


def evaluate(work: Work) -> Work:
    """Every metric of the config on held-out rows, for the run and for its baselines."""
    assert work.split is not None
    test = _part(work, "test")
    later = _part(work, "transport")
    contenders = list(_contenders(work))
    found: list[Measurement] = []
    for selection in work.context.track(work.config.evaluate, "metrics", len(work.config.evaluate)):
        metric: Metric = work.build("metric", selection)
        for contender in contenders:
            if contender.of != contenders[0].of and not metric.needs & contender.measures:
                continue
            found.append(_measure(work, metric, selection, contender, test))
        if later is not None and "effects" in metric.needs:
            found.append(replace(_measure(work, metric, selection, contenders[0], later), on="transport"))
    if later is not None:
        found.append(_lost_overlap(work, later))
    return work.with_outputs(measurements=(*work.made.measurements, *found))


def _part(work: Work, name: str) -> Dataset | None:
    assert work.split is not None
    return work.split.take(work.log, name) if work.split.values(name) else None


def _contenders(work: Work) -> Iterator[_Contender]:
    """The run itself first; then baseline rankers, uplift on naive effects, and effects without text."""
    ranked = frozenset({"ranking", "scores"})
    yield _Contender(work.made.ranker, work.made, ranked | {"effects"})
    for selection in (baseline for baseline in work.config.baselines if baseline != work.config.rank):
        yield _Contender(selection.use, _ranked(work, selection, work.made.effects), ranked)
    assert work.naive is not None and work.made.estimand is not None
    naive = write_statuses(work.naive, work.made.estimand)
    name = f"{work.config.rank.use} on {work.config.naive.use}"
    yield _Contender(name, _ranked(work, work.config.rank, naive), ranked)
    if work.made.embeddings is not None and work.made.embeddings.item is not None:
        yield _Contender(NO_TEXT, _without_text(work), frozenset({"effects"}))


def _ranked(work: Work, selection: Selection, effects: Effects | None) -> Outputs:
    """The outputs with another ranker's overall list and scores."""
    ranker, effects = fit_ranker(work, selection, effects)
    lists = make_ranking(
        ranker,
        selection.use,
        effects,
        work.log,
        work.config.top,
        replace(work.context, progress=None),
        only_overall=True,
        by=work.whose("ranker", selection),
    )
    return replace(work.made, ranker=selection.use, scores=ranker.scores, ranking=lists)


def _without_text(work: Work) -> Outputs:
    made = work.made
    assert made.estimator is not None and made.estimand is not None
    fitted = fit_effects(work, main_of(work.config.estimate), "estimate.item")
    return replace(made, embeddings=None, estimator=fitted, effects=write_statuses(fitted.effects_, made.estimand))


def _measure(
    work: Work, metric: Metric, selection: Selection, contender: _Contender, test: Dataset | None
) -> Measurement:
    truth = work.log.truth
    name = selection.use + (f"@{selection.params['k']}" if selection.params.get("k") else "")
    if "truth" in metric.needs and truth is None:
        return Measurement(name, float("nan"), of=contender.of, on="truth", note="this log has no planted truth")
    if test is None and "truth" not in metric.needs:
        return Measurement(name, float("nan"), of=contender.of, note="nothing was held out")
    seen = test if test is not None else contender.outputs.training
    told = metric.measure(lent(contender.outputs), lent(seen), lent(truth), context=work.under("evaluate"))
    made = soundness.measurement(told, work.whose("metric", selection))
    return replace(made, name=name, of=contender.of, on="truth" if "truth" in metric.needs else "test")


def _lost_overlap(work: Work, later: Dataset) -> Measurement:
    """How many items with an estimate have too few exposed or unexposed units in later rows."""
    assert work.made.effects is not None and work.made.estimand is not None
    naive = fit_effects(work, work.config.naive, "transport", data=later)
    units = naive.effects_.item[["treated", "control"]].reindex(work.made.effects.item.index).fillna(0)
    had = work.made.effects.item["status"] == "estimated"
    lost = had & (units < MINIMUM_UNITS).any(axis=1)
    note = (
        f"of {int(had.sum())} estimated items, those with fewer than {MINIMUM_UNITS} exposed or unexposed units later"
    )
    return Measurement(
        "items that lost overlap", float(lost.sum()), n=int(had.sum()), of="effects", on="transport", note=note
    )
