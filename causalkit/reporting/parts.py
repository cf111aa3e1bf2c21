"""What each section shows of the numbers: ladder, forest, falsification, text, calibration, overlap, metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from causalkit.reporting.charts import Line, RowChart, histogram, row_chart, scatter
from causalkit.reporting.summary import verdict_stands
from causalkit.reporting.view import ReportView
from causalkit.reporting.words import Units, count, number, percent, shortened
from causalkit.types import EXCLUDED, Measurement, Verdicts

__all__ = [
    "calibration_chart",
    "effect_rows",
    "forest",
    "ladder",
    "metric_charts",
    "overlap_chart",
    "tests",
    "text_chart",
]

NAME_LENGTH = 80
EFFECT_METRICS = ("held-out-effect", "cp")
"""Metrics that are effects, and so are shown × 100."""


def ladder(view: ReportView, units: Units) -> RowChart | None:
    """Naive to adjusted, rungs grouped by the population they are read in."""
    if not view.ladder:
        return None
    lines: list[Line] = []
    for population in dict.fromkeys(row.population for row in view.ladder):
        rungs = [row for row in view.ladder if row.population == population]
        base = next((r.baseline for r in rungs if math.isfinite(r.baseline)), math.nan)
        sub = f"baseline {units.level(base)} {units.words}" if math.isfinite(base) else ""
        lines.append(Line(population, sub=sub, heading=True))
        for row in rungs:
            times = row.effect / row.naive if row.naive and math.isfinite(row.naive) else math.nan
            cells = (units.effect(row.effect), units.interval(row.lower, row.upper), percent(times))
            is_naive = row.effect == row.naive
            kind, style = (
                ("diamond", "mark main") if row.main else ("square", "mark naive") if is_naive else ("dot", "mark")
            )
            extra = () if is_naive or not math.isfinite(row.naive) else ((row.naive, "square", "ghost"),)
            lines.append(
                Line(row.specification, row.effect, row.lower, row.upper, cells, kind=kind, style=style, extra=extra)
            )
    legend = (
        ("square", "mark naive", "naive, of the same population"),
        ("dot", "mark", "adjusted"),
        ("diamond", "mark main", "the estimand of this report"),
    )
    return row_chart(
        f"Effect {units.words} under each specification, beside the naive difference of its own population",
        lines, head=("Specification", "Effect", "95 % interval", "Share of naive"), axis_label=units.words,
        factor=100, legend=legend,
    )  # fmt: skip


def _names(view: ReportView, items: Sequence[Any]) -> list[str]:
    return [shortened(view.item(item), NAME_LENGTH) for item in items]


def forest(view: ReportView, units: Units, *, top: int = 16, bottom: int = 4, predicted: int = 6) -> RowChart | None:
    """The largest and smallest measured effects, the largest predicted ones, and the average."""
    if view.effects is None:
        return None
    table = view.effects.item
    shown = table[~table["status"].isin(EXCLUDED) & table["effect"].notna()].sort_values(
        "effect", ascending=False, kind="stable"
    )
    guessed, measured = shown[shown["status"] == "predicted"], shown[shown["status"] != "predicted"]
    if not len(shown):
        return None
    short = len(measured) <= top + bottom
    groups = [
        ("Measured, all" if short else f"Measured, the {top} largest", measured if short else measured[:top]),
        (f"Measured, the {bottom} smallest", measured[:0] if short else measured[-bottom:]),
        (
            f"Predicted from text, the {min(predicted, len(guessed))} largest of {count(len(guessed))}",
            guessed[:predicted],
        ),
    ]
    lines: list[Line] = []
    for title, rows in groups:
        if len(rows):
            lines += [Line(title, heading=True), *_forest_lines(view, units, rows)]
    pooled = view.effects.pooled
    if pooled is not None:
        cells = (
            units.effect(pooled.effect),
            units.interval(pooled.lower, pooled.upper),
            f"{count(pooled.units)} units",
        )
        lines += [Line(f"Average over {count(pooled.items)} {view.items_called}", heading=True)]
        lines += [Line("Average", pooled.effect, pooled.lower, pooled.upper, cells, pooled.how, "diamond", "mark main")]
    legend = [("dot", "mark", "measured, after sharing strength"), ("dot", "raw", "the raw estimate")]
    legend += [("ring", "mark predicted", "predicted, never seen treated")] if len(guessed) else []
    legend += [("diamond", "mark main", "average")] if pooled is not None else []
    return row_chart(
        f"Effects {units.words} with 95 % intervals", lines, head=("Item", "Effect", "95 % interval", "Treated units"),
        axis_label=units.words, factor=100, reference=pooled.effect if pooled else math.nan, legend=tuple(legend),
        limits=_forest_limits(shown, lines),
    )  # fmt: skip


def _forest_lines(view: ReportView, units: Units, rows: pd.DataFrame) -> list[Line]:
    lines = []
    for name, row in zip(_names(view, list(rows.index)), rows.itertuples(), strict=True):
        is_guess = row.status == "predicted"
        units_seen = "never treated" if is_guess else f"{count(row.treated)} of {count(row.treated + row.control)}"
        cells = (units.effect(row.effect), units.interval(row.lower, row.upper), units_seen)
        lines.append(
            Line(
                name,
                row.effect,
                row.lower,
                row.upper,
                cells,
                sub="" if row.status in ("estimated", "predicted") else str(row.status),
                kind="ring" if is_guess else "dot",
                style="mark predicted" if is_guess else "mark",
                extra=() if is_guess or not math.isfinite(row.raw) else ((row.raw, "dot", "raw"),),
            )  # fmt: skip
        )
    return lines


def _forest_limits(shown: pd.DataFrame, lines: Sequence[Line]) -> tuple[float, float]:
    """Wide enough for every estimate shown; an interval far beyond them all ends in an arrow."""
    points = [line.value for line in lines if math.isfinite(line.value)]
    reach = [v for line in lines for v in (line.lower, line.upper) if math.isfinite(v)]
    low, high = min([0.0, *points]), max([0.0, *points])
    room = 0.6 * (high - low)
    return max(low - room, min([low, *reach])) - 0.05 * room, min(high + room, max([high, *reach])) + 0.05 * room


def effect_rows(view: ReportView, units: Units, most: int) -> tuple[list[tuple[str, ...]], int]:
    """The effects as rows of text, measured first and largest first; and how many items there are.

    Cells: item, status, effect, interval, raw, raw standard error, q, treated, control, baseline, E-value.
    """
    if view.effects is None:
        return [], 0
    table = view.effects.item
    order = pd.DataFrame({"out": table["status"].isin(EXCLUDED).to_numpy(), "effect": -table["effect"].to_numpy(float)})
    rows = table.iloc[order.sort_values(["out", "effect"], kind="stable").index[:most]]
    cells = [
        (
            name, str(row.status), units.effect(row.effect), units.interval(row.lower, row.upper).replace("no interval", "–"),
            units.effect(row.raw), units.level(row.raw_stderr), number(row.q, 3), count(row.treated),
            count(row.control), units.level(row.baseline), number(row.e_value, 1), shortened(row.reason or "", 140),
        )
        for name, row in zip(_names(view, list(rows.index)), rows.itertuples(), strict=True)
    ]  # fmt: skip
    return cells, len(table)


def tests(view: ReportView, units: Units, sort: str) -> RowChart | None:
    """What each refuter read, with the estimate itself above the falsifications."""
    verdicts = view.verdicts_of(sort)
    if not verdicts:
        return None
    lines = []
    pooled = view.effects.pooled if view.effects is not None else None
    if pooled is not None:
        cells = (units.effect(pooled.effect), units.interval(pooled.lower, pooled.upper), "", "")
        lines.append(
            Line("The estimate itself", pooled.effect, pooled.lower, pooled.upper, cells, "", "diamond", "mark main")
        )
    lines += [_test_line(v, units, sort) for v in verdicts]
    legend = [("dot", "mark calm", "as expected where there is no effect"), ("square", "mark amiss", "reads something")]
    return row_chart(
        f"What each reads {units.words}; 0 is expected", lines,
        head=("Refuter", "Reads", "95 % interval", "p < .05", "After BH"), axis_label=units.words, factor=100,
        legend=tuple(legend),
    )  # fmt: skip


def _test_line(verdict: Verdicts, units: Units, sort: str) -> Line:
    share = verdict.rejected / verdict.tested if verdict.tested else math.nan
    rejected = f"{percent(share, 1)} of {count(verdict.tested)}" if verdict.tested else "–"
    cells = (units.effect(verdict.estimate), units.interval(verdict.lower, verdict.upper), rejected,
             number(verdict.discoveries, 0 if float(verdict.discoveries).is_integer() else 1))  # fmt: skip
    kind, style = ("dot", "mark calm") if verdict_stands(verdict) else ("square", "mark amiss")
    sub = " ".join(part for part in (verdict.tried, verdict.read) if part)
    return Line(verdict.refuter, verdict.estimate, verdict.lower, verdict.upper, cells, sub, kind, style)


def text_chart(view: ReportView, units: Units) -> RowChart | None:
    """Held-out error with and without item text."""
    text = view.text
    if text is None or not (math.isfinite(text.with_text) and math.isfinite(text.without_text)):
        return None
    lines = [
        Line(f"with text ({text.encoder})", text.with_text, cells=(units.level(text.with_text),), kind="dot"),
        Line(
            "encode: none",
            text.without_text,
            cells=(units.level(text.without_text),),
            kind="square",
            style="mark naive",
        ),
    ]
    return row_chart(
        f"Held-out error of effects: {text.error}, {units.words}; smaller is better", lines, head=("Effects", "Error"),
        axis_label=units.words, factor=100, sign=False,
    )  # fmt: skip


def calibration_chart(view: ReportView, units: Units) -> Markup | None:
    """Claimed beside held-out effect, a point per item."""
    table, slope = view.claimed_table, view.calibration
    if table is None or not len(table):
        return None
    value = slope.value if slope is not None else math.nan
    spoken = f"Claimed against held-out effect of {len(table)} items; slope {number(value)}"
    return scatter(
        table["claimed"], table["held_out"], table["stderr"], slope=value, label=spoken,
        x_label=f"claimed, {units.words} →", y_label=f"↑ held out, {units.words}", names=_names(view, list(table["item"])),
    )  # fmt: skip


def overlap_chart(view: ReportView) -> Markup | None:
    """How many items were seen treated in how many assignment units."""
    if view.effects is None or not len(view.effects.item):
        return None
    treated = view.effects.item["treated"].to_numpy(float)
    few = int((treated < view.least_units).sum())
    return histogram(
        treated, threshold=view.least_units, x_label="treated assignment units per item →", y_label="↑ items",
        label=f"Treated units per item: {len(treated)} items, {few} with fewer than {view.least_units}",
    )  # fmt: skip


def metric_charts(view: ReportView, units: Units) -> list[RowChart]:
    """One small chart per metric: the run's ranker first, the naive baselines below it."""
    own = view.ranking.ranker if view.ranking is not None else ""
    found: dict[str, list[Measurement]] = {}
    for measurement in view.measurements:
        if measurement.name != "calibration-slope":
            found.setdefault(measurement.name, []).append(measurement)
    return [_metric_chart(name, sorted(rows, key=lambda m: m.of != own), own, units) for name, rows in found.items()]


def _metric_chart(name: str, rows: Sequence[Measurement], own: str, units: Units) -> RowChart:
    is_effect = name.split("@")[0] in EFFECT_METRICS
    show = units.effect if is_effect else _plain
    lines = [
        Line(
            m.of or "this run", m.value, m.lower, m.upper,
            (show(m.value), f"{show(m.lower)} to {show(m.upper)}" if np.isfinite([m.lower, m.upper]).all() else "no interval"),
            shortened(m.note, 200), *(("diamond", "mark main") if m.of == own else ("square", "mark naive")),
        )
        for m in rows
    ]  # fmt: skip
    factor = 100.0 if is_effect else 1.0
    n = max((m.n for m in rows), default=0)
    caption = f"{name}{f', {units.words}' if is_effect else ''}{f' (n = {count(n)})' if n else ''}"
    return row_chart(caption, lines, head=("Ranker", "Value", "95 % interval"), factor=factor, sign=is_effect)


def _plain(value: float) -> str:
    return number(value, 3)
