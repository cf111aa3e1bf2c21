"""SVG elements as text, every attribute and text escaped; and the axes that all charts share.

Charts place their marks at percentages of their width, so that text keeps its size on any screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from causalkit.reporting.words import clean, number

__all__ = ["Scale", "chart", "element", "interval_mark", "shape", "tick_labels"]


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """One element; `class_` and `stroke_width` become `class` and `stroke-width`, None is left out.

    >>> element("text", "<b>", x=1.0, class_="t")
    Markup('<text x="1" class="t">&lt;b&gt;</text>')
    """
    shown = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child if isinstance(child, Markup) else clean(child)) for child in children)
    return Markup(f"<{tag}{shown}>{inner}</{tag}>")  # noqa: S704 - all parts are escaped above


def _value(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else clean(value)


def chart(label: str, height: float, marks: Iterable[Markup], *, class_: str = "chart") -> Markup:
    """A chart as wide as its place, `height` pixels high, read aloud as `label`."""
    return element("svg", *marks, class_=class_, width="100%", height=height, role="img", aria_label=label)


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` as percentages of a chart's width (or pixels of its height)."""

    low: float
    high: float
    start: float = 2.0
    end: float = 98.0

    @classmethod
    def over(cls, values: Iterable[float], *, zero: bool = True, start: float = 2.0, end: float = 98.0) -> Scale:
        """A scale over the finite values, with zero in it where asked."""
        finite = [float(v) for v in values if v is not None and math.isfinite(v)] + ([0.0] if zero else [])
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        if low == high:
            low, high = low - 1, high + 1
        room = 0.04 * (high - low)
        return cls(
            low - room if low < 0 or not zero else low, high + room if high > 0 or not zero else high, start, end
        )

    def at(self, value: float) -> float:
        """Where a value stands; those outside stand at the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def percent(self, value: float) -> str:
        """`at`, as an attribute."""
        return f"{self.at(value):.2f}%"

    def ticks(self, about: int = 5) -> list[float]:
        """Round values within the scale, about as many as asked."""
        step = 10 ** math.floor(math.log10((self.high - self.low) / about))
        step = next(step * k for k in (1, 2, 5, 10) if (self.high - self.low) / (step * k) <= about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def _tick_digits(ticks: list[float], factor: float) -> int:
    step = factor * (ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    return max(0, -math.floor(math.log10(abs(step)) + 1e-9))


def tick_labels(scale: Scale, *, factor: float = 1.0, sign: bool = False, about: int = 5) -> list[tuple[float, str]]:
    """Each tick's value and its text, values shown × `factor`."""
    ticks = scale.ticks(about)
    digits = _tick_digits(ticks, factor)
    return [(tick, number(factor * tick, digits, sign=sign) if tick else "0") for tick in ticks]


def shape(kind: str, x: str, y: str | float, class_: str) -> Markup:
    """A mark at (x, y): `dot`, `ring`, `diamond` or `square`; the kinds differ without colour."""
    if kind in ("dot", "ring"):
        return element("circle", cx=x, cy=y, r=4.5, class_=f"{class_} {kind}")
    path = {"diamond": "M0-7 7 0 0 7-7 0Z", "square": "M-4.5-4.5h9v9h-9Z"}[kind]
    return element("svg", element("path", d=path, class_=class_), x=x, y=y, overflow="visible", width=1, height=1)


def interval_mark(
    scale: Scale,
    value: float,
    lower: float,
    upper: float,
    *,
    kind: str = "dot",
    class_: str = "mark",
    y: str | float = "50%",
) -> list[Markup]:
    """A value with its interval at height `y`; an interval that leaves the scale ends in an arrow."""
    marks = []
    if math.isfinite(lower) and math.isfinite(upper):
        ends = {"x1": scale.percent(lower), "x2": scale.percent(upper), "y1": y, "y2": y}
        marks.append(element("line", **ends, class_=f"reach {class_}"))
        for end, out, path in (
            (lower, lower < scale.low, "M4-4 0 0 4 4"),
            (upper, upper > scale.high, "M-4-4 0 0-4 4"),
        ):
            arrow = element("path", d=path, class_=f"reach {class_}")
            if out:
                marks.append(element("svg", arrow, x=scale.percent(end), y=y, overflow="visible", width=1, height=1))
    if math.isfinite(value):
        marks.append(shape(kind, scale.percent(value), y, class_))
    return marks
