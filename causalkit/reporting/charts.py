"""Charts: rows of intervals (forest, ladder, falsification, metrics), claimed beside held-out, overlap.

A chart of rows is a table whose cells hold marks beside numbers: it can be read without seeing the
marks, and its text keeps its size on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from causalkit.reporting.svg import Scale, chart, element, interval_mark, tick_labels
from causalkit.reporting.words import number

__all__ = ["Line", "RowChart", "histogram", "row_chart", "scatter"]


@dataclass(frozen=True)
class Line:
    """A row: its label, its value with an interval, and cells of text beside the marks.

    `kind` and `style` say how the mark looks; `extra` are further marks (value, kind, style). A line
    with `heading` stands above a group and has no marks.
    """

    label: str
    value: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    cells: tuple[str, ...] = ()
    sub: str = ""
    kind: str = "dot"
    style: str = "mark"
    extra: tuple[tuple[float, str, str], ...] = ()
    heading: bool = False
    plot: Markup = field(default_factory=Markup)


@dataclass(frozen=True)
class RowChart:
    """Rows with their marks drawn, and the axis below them."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[Line, ...]
    axis: Markup
    axis_label: str = ""
    legend: tuple[tuple[str, str, str], ...] = field(default=())
    """(kind, style, words) of each mark that needs explaining."""


def row_chart(
    caption: str,
    lines: Sequence[Line],
    *,
    head: tuple[str, ...],
    axis_label: str = "",
    factor: float = 1.0,
    sign: bool = True,
    reference: float = math.nan,
    limits: tuple[float, float] | None = None,
    legend: tuple[tuple[str, str, str], ...] = (),
) -> RowChart:
    """Draw each line's marks on one scale, values labelled × `factor`, with a line at 0 and at `reference`."""
    values = [v for line in lines for v in (line.value, line.lower, line.upper, *(e[0] for e in line.extra))]
    scale = Scale(*limits) if limits else Scale.over([*values, reference])
    ruled = _rules(scale, reference)
    rows = tuple(_drawn(line, scale, ruled) for line in lines)
    labels = tick_labels(scale, factor=factor, sign=sign, about=4)
    axis = chart("axis", 20, [_tick(scale, tick, text) for tick, text in labels], class_="axis")
    return RowChart(caption, head, rows, axis, axis_label, legend)


def _rules(scale: Scale, reference: float) -> list[Markup]:
    found = [(t, "grid") for t in scale.ticks(4)]
    found += [(0.0, "zero")] if scale.low <= 0 <= scale.high else []
    found += [(reference, "reference")] if math.isfinite(reference) else []
    return [
        element("line", x1=scale.percent(v), x2=scale.percent(v), y1="0", y2="100%", class_=class_)
        for v, class_ in found
    ]


def _drawn(line: Line, scale: Scale, ruled: list[Markup]) -> Line:
    if line.heading:
        return line
    marks = [*ruled, *interval_mark(scale, line.value, line.lower, line.upper, kind=line.kind, class_=line.style)]
    for value, kind, style in line.extra:
        marks += interval_mark(scale, value, math.nan, math.nan, kind=kind, class_=style)
    svg = element("svg", *marks, class_="marks", width="100%", height="100%", aria_hidden="true")
    return replace(line, plot=svg)


def _tick(scale: Scale, tick: float, text: str) -> Markup:
    return element("text", text, x=scale.percent(tick), y=14, text_anchor="middle")


def scatter(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    stderr: npt.ArrayLike,
    *,
    slope: float,
    intercept: float = math.nan,
    factor: float = 100.0,
    label: str,
    x_label: str,
    y_label: str,
    names: Sequence[str] = (),
) -> Markup:
    """Claimed (x) against held-out (y) effects: identity line, fitted line, 95 % intervals where few.

    The view covers the middle 98 % of held-out effects; points beyond stand at the edge.
    """
    claimed, found, errors = (np.asarray(v, float) for v in (x, y, stderr))
    height, few = 380.0, len(claimed) <= 60
    across = Scale.over(claimed, start=3, end=97)
    low, high = np.nanquantile(found, [0.01, 0.99]) if np.isfinite(found).any() else (0.0, 1.0)
    up = Scale.over([low, high, across.low, across.high], start=height - 34, end=12)
    marks, ticks = _grid(across, up, factor, height)
    marks.append(_segment(across, up, 1.0, 0.0, "identity"))
    if math.isfinite(slope):
        through = intercept if math.isfinite(intercept) else _through_mean(claimed, found, errors, slope)
        marks.append(_segment(across, up, slope, through, "fitted"))
    sizes = _sizes(errors)
    for i in np.argsort(sizes, kind="stable") if len(claimed) else ():
        if not (math.isfinite(claimed[i]) and math.isfinite(found[i])):
            continue
        at = across.percent(claimed[i])
        if few and math.isfinite(errors[i]):
            ends = [up.at(found[i] - 1.96 * errors[i]), up.at(found[i] + 1.96 * errors[i])]
            marks.append(element("line", x1=at, x2=at, y1=ends[0], y2=ends[1], class_="whisker"))
        told = [element("title", names[i])] if few and len(names) else []
        marks.append(element("circle", *told, cx=at, cy=float(up.at(found[i])), r=float(sizes[i]), class_="point"))
    marks += ticks
    marks.append(element("text", y_label, x=4, y=22, class_="axis-name"))
    marks.append(element("text", x_label, x="98%", y=height - 4, text_anchor="end", class_="axis-name"))
    return chart(label, height, marks, class_="chart scatter")


def _through_mean(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], e: npt.NDArray[np.float64], b: float
) -> float:
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(e) & (e > 0)
    if not known.any():
        return 0.0
    weight = 1 / e[known] ** 2
    return float(np.average(y[known], weights=weight) - b * np.average(x[known], weights=weight))


def _sizes(errors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Radii: the surer a held-out effect, the larger its point."""
    known = np.isfinite(errors) & (errors > 0)
    if not known.any():
        return np.full(len(errors), 3.5)
    share = np.where(known, np.nanmin(errors[known]) / np.where(known, errors, 1.0), 0.0)
    return np.asarray(np.round(2.0 + 3.5 * np.sqrt(share), 2))


def _segment(across: Scale, up: Scale, slope: float, intercept: float, class_: str) -> Markup:
    """The part of a line that lies within both scales."""
    low, high = across.low, across.high
    if abs(slope) > 1e-12:
        crossing = sorted(((up.low - intercept) / slope, (up.high - intercept) / slope))
        low, high = max(low, crossing[0]), min(high, crossing[1])
    if low >= high:
        return Markup("")
    ends = {"y1": float(up.at(intercept + slope * low)), "y2": float(up.at(intercept + slope * high))}
    return element("line", x1=across.percent(low), x2=across.percent(high), **ends, class_=class_)


def _grid(across: Scale, up: Scale, factor: float, height: float) -> tuple[list[Markup], list[Markup]]:
    marks, ticks = [], []
    for tick, text in tick_labels(up, factor=factor, sign=True):
        at, kind = float(up.at(tick)), "zero" if tick == 0 else "grid"
        marks.append(element("line", x1=0, x2="100%", y1=at, y2=at, class_=kind))
        if at > 40:
            ticks.append(element("text", text, x=4, y=at - 4, class_="tick"))
    for tick, text in tick_labels(across, factor=factor, sign=True):
        place, kind = across.percent(tick), "zero" if tick == 0 else "grid"
        marks.append(element("line", x1=place, x2=place, y1=12, y2=height - 34, class_=kind))
        ticks.append(element("text", text, x=place, y=height - 20, text_anchor="middle", class_="tick"))
    return marks, ticks


def _bins(top: float, step: int, threshold: int) -> npt.NDArray[np.int64]:
    """Edges from 0 to beyond `top`, `step` apart, with one at the threshold so that no bar straddles it."""
    below = np.arange(0, min(threshold, int(top) + 1), step)
    above = np.arange(threshold, int(top) + step + 1, step)
    return np.unique(np.concatenate([below, above, [max(int(top) + 1, *above[-1:], *below[-1:] + step)]]))


def histogram(values: Iterable[float], *, threshold: float, label: str, x_label: str, y_label: str) -> Markup:
    """How many items have how many treated units; bars below `threshold` look different, and say so."""
    counts = np.asarray([v for v in values if math.isfinite(v)], float)
    top = counts.max(initial=1.0)
    step = max(1, math.ceil((top + 1) / 24))
    edges = _bins(top, step, max(int(threshold), 0))
    heights, _ = np.histogram(counts, edges)
    height, floor = 250.0, 208.0
    up = Scale(0.0, float(max(heights.max(initial=1), 1)) * 1.08, floor, 14.0)
    across = Scale(0.0, float(edges[-1]), 8.0, 99.0)
    marks = []
    for tick, text in tick_labels(up, about=4):
        at = float(up.at(tick))
        marks.append(element("line", x1=0, x2="100%", y1=at, y2=at, class_="zero" if tick == 0 else "grid"))
        if at - 14 > 0 and tick > 0:
            marks.append(element("text", text, x=4, y=at - 4, class_="tick"))
    for left, right, n in zip(edges[:-1], edges[1:], heights, strict=True):
        begin, end = across.at(float(left)), across.at(float(right))
        told = f"{number(left, 0)}{f'–{number(right - 1, 0)}' if right - left > 1 else ''}: {n}"
        marks.append(
            element(
                "rect",
                element("title", told),
                x=f"{begin + 0.15:.2f}%",
                width=f"{max(end - begin - 0.3, 0.2):.2f}%",
                y=float(up.at(float(n))),
                height=floor - float(up.at(float(n))),
                class_="bar few" if right - 1 < threshold else "bar",
            )
        )
    every = max(1, math.ceil(len(edges) / 8))
    for left, right in zip(edges[:-1:every], edges[1::every], strict=True):
        middle = (across.at(float(left)) + across.at(float(right))) / 2
        marks.append(
            element("text", number(left, 0), x=f"{middle:.2f}%", y=floor + 16, text_anchor="middle", class_="tick")
        )
    marks.append(element("text", y_label, x=4, y=12, class_="axis-name"))
    marks.append(element("text", x_label, x="98%", y=height - 6, text_anchor="end", class_="axis-name"))
    return chart(label, height, marks, class_="chart histogram")
