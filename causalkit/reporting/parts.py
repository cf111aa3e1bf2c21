"""What the effects' sections show: the ladder from naive to adjusted, the forest plot, the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from causalkit.reporting.charts import Line, RowChart, row_chart
from causalkit.reporting.view import ReportView
from causalkit.reporting.words import Units, count, number, percent, shortened
from causalkit.types import EXCLUDED

__all__ = ["effect_rows", "forest", "ladder"]

NAME_LENGTH = 80


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
        lines,
        head=("Specification", "Effect", "95 % interval", "Share of naive"),
        axis_label=units.words,
        factor=100,
        legend=legend,
    )


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
            f"Predicted from similar {view.items_called}, "
            f"the {min(predicted, len(guessed))} largest of {count(len(guessed))}",
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
        f"Effects {units.words} with 95 % intervals",
        lines,
        head=("Item", "Effect", "95 % interval", "Treated units"),
        axis_label=units.words,
        factor=100,
        reference=pooled.effect if pooled else math.nan,
        legend=tuple(legend),
        limits=_forest_limits(lines),
    )


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
            )
        )
    return lines


def _forest_limits(lines: Sequence[Line]) -> tuple[float, float]:
    """Wide enough for every estimate shown; an interval far beyond them all ends in an arrow."""
    points = [line.value for line in lines if math.isfinite(line.value)]
    reach = [v for line in lines for v in (line.lower, line.upper) if math.isfinite(v)]
    low, high = min([0.0, *points]), max([0.0, *points])
    room = 0.6 * (high - low)
    return max(low - room, min([low, *reach])) - 0.05 * room, min(high + room, max([high, *reach])) + 0.05 * room


def effect_rows(view: ReportView, units: Units, most: int) -> tuple[Sequence[tuple[str, ...]], int]:
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
            name,
            str(row.status),
            units.effect(row.effect),
            units.interval(row.lower, row.upper),
            units.effect(row.raw),
            units.level(row.raw_stderr),
            "<0.001" if row.q < 0.0005 else number(row.q, 3),
            count(row.treated),
            count(row.control),
            units.level(row.baseline),
            number(row.e_value, 1),
            shortened(row.reason or "", 140),
        )
        for name, row in zip(_names(view, list(rows.index)), rows.itertuples(), strict=True)
    ]
    return cells, len(table)
