"""From a run's folder to what its report shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from causalkit.reporting.view import Count, DatasetFacts, LadderRow, ReportView, TextGain
from causalkit.types import NO_TEXT, Dataset, Effects, Estimand, Facts, Measurement, adjustment_columns

if TYPE_CHECKING:
    from causalkit.runner import Run
    from causalkit.types import StepRecord

__all__ = ["notes_of_encoders", "report_view"]

_COMMANDS = (
    "pip install 'causalkit[demo]'",
    "causalkit run config.yaml  # the config below, beside this report; its paths start where the run was started",
)


def report_view(run: Run) -> ReportView:
    """Everything the report shows, read from the run's folder alone."""
    data, facts, m = run.dataset, run.folder.load("load/facts"), run.folder.manifest
    estimand = next(iter(run.estimands), None)
    config = run.folder.config_text()
    later = tuple(x for x in run.measurements if x.on == "transport")
    return ReportView(
        name=m["name"],
        question=_question(data) if data else "",
        answer=_answer(data, estimand, run.effects) if data else "",
        per=data.schema.words.units if data else "rows",
        items_called=data.schema.words.items if data else "items",
        dataset=_dataset_facts(data, facts) if data and facts else None,
        labels=_labels(data) if data else {},
        item_labels=_item_labels(data) if data else {},
        tiers=_tiers(data) if data else {},
        tier_names=data.schema.tier_names if data else {},
        graph=run.graph,
        estimand=estimand,
        secondary=run.estimands[1:],
        ladder=tuple(_ladder(run.effects)),
        effects=run.effects,
        text=_text_gain(run),
        met=tuple(notes_of_encoders(run)),
        verdicts=run.verdicts,
        measurements=tuple(x for x in run.measurements if x.on != "transport" and x.of != NO_TEXT),
        transport=later,
        transport_note=_transport_note(run, later),
        ranking=run.ranking,
        explanation=run.explanation,
        assumptions=tuple(_assumptions(data, estimand, run.effects, run.graph is not None)) if data else (),
        commands=_COMMANDS,
        config=config,
        config_hash=m["config_hash"],
        data_fingerprint=m["data_fingerprint"],
        versions=m["versions"],
        seed=m["seed"],
        steps=tuple(_steps(run)),
        usage=usage.words if (usage := run.result.usage) is not None else "",
    )


def _question(data: Dataset) -> str:
    words = data.schema.words
    return words.question or f"Which {words.items} have an effect on {words.units} when {words.exposed}?"


def _answer(data: Dataset, estimand: Estimand | None, effects: Effects | None) -> str:
    """The pooled effect in words; empty where there is none, and the report finds its own."""
    pooled = effects.pooled if effects is not None else None
    yes_no = data.schema[data.outcome].kind == "binary"
    if pooled is None or estimand is None or not estimand.identified or not yes_no:
        return ""
    words = data.schema.words
    more = "more" if pooled.effect >= 0 else "fewer"
    low, high, size = (f"{100 * v:.2f}".replace("-", "−") for v in (pooled.lower, pooled.upper, abs(pooled.effect)))
    return (
        f"About {size} {more} of every 100 {words.units} {words.outcome} an average one of the {words.items} because "
        f"it was {words.exposed}{words.bundle} (95 % interval {low} to {high}), where {100 * pooled.baseline:.2f} "
        f"would have anyway: an estimate over {pooled.items} {words.items}, under the assumptions stated below."
    )


def _dataset_facts(data: Dataset, facts: Facts) -> DatasetFacts:
    return DatasetFacts(
        name=data.name,
        rows=facts.rows,
        items=facts.items,
        users=facts.users or None,
        periods=facts.periods or None,
        assignment=data.unit,
        cleaning=tuple(Count(what, n) for what, n in facts.cleaning),
        split=facts.split,
        notes=facts.notes,
    )


def _labels(data: Dataset) -> dict[str, str]:
    """Words for every column; the parts of a derived column are numbered."""
    found = {}
    for column in data.schema.columns:
        names = adjustment_columns(column)
        for i, name in enumerate(names, 1):
            found[name] = column.label if len(names) == 1 else f"{column.label}, wave {i} of {len(names)}"
    return found


def _item_labels(data: Dataset) -> dict[object, str]:
    """What items are called, where their table says and it is not their id."""
    labels = data.item_labels().items()
    return {item: str(label)[:1].upper() + str(label)[1:] for item, label in labels if str(label) != str(item)}


def _tiers(data: Dataset) -> dict[str, int]:
    columns = (c for c in data.schema.columns if c.tier is not None)
    return {name: c.tier for c in columns for name in adjustment_columns(c) if c.tier is not None}


def _ladder(effects: Effects | None) -> Iterator[LadderRow]:
    """The rungs, each with its own population's naive beside it."""
    if effects is None or effects.ladder.empty:
        return
    naive: dict[str, float] = {}
    for row in effects.ladder.to_dict("records"):
        population = str(row["population"])
        if str(row["specification"]).startswith("naive"):
            naive.setdefault(population, float(row["effect"]))
        yield LadderRow(
            specification=str(row["specification"]),
            population=population,
            effect=float(row["effect"]),
            lower=float(row["lower"]),
            upper=float(row["upper"]),
            baseline=float(row["baseline"]),
            naive=naive.get(population, float("nan")),
            main=bool(row.get("main", False)),
        )


def _text_gain(run: Run) -> TextGain | None:
    vectors = run.embeddings.item if run.embeddings else None
    if vectors is None:
        return None
    errors = [m for m in run.measurements if m.name == "held-out-error" and m.on == "test"]
    with_text = next((m for m in errors if m.of != NO_TEXT), None)
    without = next((m for m in errors if m.of == NO_TEXT), None)
    return TextGain(
        encoder=vectors.encoder,
        items=len(vectors.ids),
        dimensions=int(vectors.vectors.shape[1]),
        with_text=with_text.value if with_text else float("nan"),
        without_text=without.value if without else float("nan"),
        error="error of claimed against held-out effects",
        note=next((a for a in run.effects.assumptions if "left-out items" in a), "") if run.effects else "",
    )


def notes_of_encoders(run: Run) -> Iterator[str]:
    """What the encoders of items and users said of their inputs."""
    tables = (run.embeddings.item, run.embeddings.user) if run.embeddings else ()
    for table in tables:
        if table is not None:
            yield from (f"{table.encoder}: {note}" for note in table.notes)


def _transport_note(run: Run, later: Sequence[Measurement]) -> str:
    if not later or run.split is None or run.dataset is None:
        return ""
    values = run.split.values("transport")
    period = run.dataset.schema.words.period
    return f"{period}s {values[0]}–{values[-1]}, never used for fitting or tuning"


def _assumptions(data: Dataset, estimand: Estimand | None, effects: Effects | None, graph: bool) -> Iterator[str]:
    """In words: what was treated, interference, the unit of assignment, what is not identified."""
    words, unit = data.schema.words, data.unit
    if estimand is not None and estimand.bundle:
        labels = ", ".join(data.schema[b].label if b in data.schema else b for b in estimand.bundle)
        yield f"The treatment is a bundle: {words.exposure}{words.bundle}; {labels} comes with it, not adjusted for."
    elif words.bundle:
        yield f"The treatment is a bundle: {words.exposure}{words.bundle}; its parts are not told apart."
    yield "No interference (SUTVA): showing one item is taken not to change what happens to another, or to other units."
    yield (
        f"Intervals follow the unit taken as independent, {' × '.join(unit)}."
        if unit
        else "No assignment unit or cluster was declared: the intervals assume independent rows."
    )
    if data.user is None:
        yield f"Rows are counts by segment: the log cannot say what exposing only one of the {words.units} would do."
    if estimand is not None:
        yield (
            f"Identification: {estimand.reason}"
            if estimand.reason
            else "Identification rests on the adjustment set alone."
        )
        yield from estimand.warnings
    if graph:
        yield "One treatment node of the graph stands for the average item; intervals are conditional on the graph."
    if effects is not None:
        yield from effects.assumptions


def _steps(run: Run) -> Iterator[StepRecord]:
    """The steps before the report; one that was reused is done, so that the same results give the same bytes."""
    for step in run.result.steps:
        if step.step != "report":
            yield replace(step, status="done") if step.status == "reused" else step
