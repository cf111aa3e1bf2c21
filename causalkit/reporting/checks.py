"""What the sections that test the effects show: falsification, text, calibration, overlap, metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup

from causalkit.reporting.charts import Line, RowChart, histogram, row_chart, scatter
from causalkit.reporting.parts import NAME_LENGTH
from causalkit.reporting.summary import verdict_stands
from causalkit.reporting.view import ReportView
from causalkit.reporting.words import Units, count, number, percent, shortened
from causalkit.types import Measurement, Verdicts

__all__ = ["calibration_chart", "metric_charts", "overlap_chart", "tests", "text_chart", "transport_rows"]

EFFECT_METRICS = ("held-out-effect", "held-out-error", "cp")
"""Metrics that are effects, and so are shown × 100."""
MOST_POINTS = 2500


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
    lines += [_test_line(v, units) for v in verdicts]
    legend = [("dot", "mark calm", "as expected where there is no effect"), ("square", "mark amiss", "reads something")]
    return row_chart(
        f"What each reads {units.words}; 0 is expected",
        lines,
        head=("Refuter", "Reads", "95 % interval", "p < .05", "After BH"),
        axis_label=units.words,
        factor=100,
        legend=tuple(legend),
    )


def _test_line(verdict: Verdicts, units: Units) -> Line:
    share = verdict.rejected / verdict.tested if verdict.tested else math.nan
    rejected = f"{percent(share, 1)} of {count(verdict.tested)}" if verdict.tested else "–"
    cells = (
        units.effect(verdict.estimate),
        units.interval(verdict.lower, verdict.upper),
        rejected,
        number(verdict.discoveries, 0 if float(verdict.discoveries).is_integer() else 1),
    )
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
        f"Held-out error of effects: {text.error}, {units.words}; smaller is better",
        lines,
        head=("Effects", "Error"),
        axis_label=units.words,
        factor=100,
        sign=False,
    )


def calibration_chart(view: ReportView, units: Units) -> Markup | None:
    """Claimed beside held-out effect, a point per item."""
    table, slope = view.claimed_table, view.calibration
    if table is None or not len(table):
        return None
    value = slope.value if slope is not None else math.nan
    drawn = table.sort_values("stderr", kind="stable")[:MOST_POINTS] if len(table) > MOST_POINTS else table
    spoken = f"Claimed against held-out effect of {len(table)} items; slope {number(value)}"
    return scatter(
        drawn["claimed"],
        drawn["held_out"],
        drawn["stderr"],
        slope=value,
        label=spoken,
        x_label=f"claimed, {units.words} →",
        y_label=f"↑ held out, {units.words}",
        names=[shortened(view.item(i), NAME_LENGTH) for i in drawn["item"]],
    )


def overlap_chart(view: ReportView) -> Markup | None:
    """How many items were seen treated in how many assignment units."""
    if view.effects is None or not len(view.effects.item):
        return None
    treated = view.effects.item["treated"].to_numpy(float)
    few = int((treated < view.least_units).sum())
    return histogram(
        treated,
        threshold=view.least_units,
        x_label="treated assignment units per item →",
        y_label="↑ items",
        label=f"Treated units per item: {len(treated)} items, {few} with fewer than {view.least_units}",
    )


def metric_charts(view: ReportView, units: Units) -> list[RowChart]:
    """One small chart per metric: the run's ranker first, the naive baselines below it."""
    own = view.ranking.ranker if view.ranking is not None else ""
    found: dict[str, list[Measurement]] = {}
    for measurement in view.measurements:
        if measurement.name != "calibration-slope":
            found.setdefault(measurement.name, []).append(measurement)
    return [_metric_chart(name, sorted(rows, key=lambda m: m.of != own), own, units) for name, rows in found.items()]


def _metric_chart(name: str, rows: Sequence[Measurement], own: str, units: Units) -> RowChart:
    is_effect, show = _is_effect(name), _shown_as(name, units)
    lines = [
        Line(
            m.of or "this run",
            m.value,
            m.lower,
            m.upper,
            (show(m.value), _reach(m, show)),
            shortened(m.note, 200),
            *(("diamond", "mark main") if m.of == own else ("square", "mark naive")),
        )
        for m in rows
    ]
    factor = 100.0 if is_effect else 1.0
    n = max((m.n for m in rows), default=0)
    caption = f"{name}{f', {units.words}' if is_effect else ''}{f' (n = {count(n)})' if n else ''}"
    return row_chart(caption, lines, head=("Ranker", "Value", "95 % interval"), factor=factor, sign=is_effect)


def _is_effect(name: str) -> bool:
    return name.split("@")[0] in EFFECT_METRICS


def _shown_as(name: str, units: Units) -> Callable[[float], str]:
    return units.effect if _is_effect(name) else _plain


def transport_rows(view: ReportView, units: Units) -> list[tuple[str, str, str, str, str, str]]:
    """Name, note, whose, value, interval and n of what was measured on later rows."""
    rows = []
    for m in view.transport:
        show = _shown_as(m.name, units)
        name = f"{m.name}, {units.words}" if _is_effect(m.name) else m.name
        value = count(m.value) if m.name.startswith("items ") else show(m.value)
        rows.append((name, shortened(m.note, 200), m.of or "–", value, _reach(m, show), count(m.n)))
    return rows


def _reach(measurement: Measurement, show: Callable[[float], str]) -> str:
    if not np.isfinite([measurement.lower, measurement.upper]).all():
        return "no interval"
    return f"{show(measurement.lower)} to {show(measurement.upper)}"


def _plain(value: float) -> str:
    return number(value, 3)
