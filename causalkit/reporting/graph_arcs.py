"""The causal graph as arcs, for narrow screens: a variable a line, causes above their effects."""

from __future__ import annotations

from markupsafe import Markup

from causalkit.reporting.graph_marks import Picture, end_marks, evidence_of, room_for, tier_words, tip
from causalkit.reporting.svg import element
from causalkit.reporting.words import wrapped

__all__ = ["draw_arcs"]

WIDTH, GUTTER = 340.0, 112.0
"""Pixels of the drawing, and of the room for arcs left of the names."""


def draw_arcs(picture: Picture) -> Markup:
    """The graph as SVG, `WIDTH` pixels wide."""
    places, names, height = _lines(picture)
    farthest = max(places.values(), default=1.0) - min(places.values(), default=0.0) or 1.0
    arcs = [_arc(picture, i, places, farthest) for i in range(len(picture.edges))]
    return element(
        "svg", *arcs, *names, class_="graph-arcs", viewBox=f"0 0 {WIDTH:.0f} {height:.0f}", width=round(WIDTH),
        height=round(height), role="img", aria_label=picture.spoken,
    )  # fmt: skip


def _lines(picture: Picture) -> tuple[dict[str, float], list[Markup], float]:
    """Each node's height on the page, the names and tiers drawn, and the whole height."""
    layout, y = picture.layout, 4.0
    places: dict[str, float] = {}
    parts: list[Markup] = []
    tiers = {first: tier for tier, first, _ in layout.bands} if len(layout.bands) > 1 else {}
    for k, row in enumerate(layout.order):
        if k in tiers:
            parts.append(element("text", tier_words(picture.view, tiers[k]), x=GUTTER + 20, y=y + 13, class_="tier"))
            y += 22
        for name in (key for key in row if isinstance(key, str)):
            places[name] = y + 14
            drawn, tall = _name(picture, name, y + 14)
            parts.append(drawn)
            y += tall
    return places, parts, y


def _name(picture: Picture, name: str, y: float) -> tuple[Markup, float]:
    box = picture.boxes[name]
    parts = [element("title", box.label), element("circle", cx=GUTTER + 8, cy=y, r=5.5, class_="box")]
    lines = wrapped(box.label, 28, 2)
    for i, line in enumerate(lines):
        parts.append(element("text", line, x=GUTTER + 20, y=y + 4.5 + 15 * i, class_="name left"))
    below = y + 4.5 + 15 * len(lines)
    if box.tag:
        parts.append(element("text", box.tag, x=GUTTER + 20, y=below - 1, class_="tag left"))
    return element("g", *parts, class_=f"node {box.role or 'other'}"), 15 + 15 * (len(lines) + bool(box.tag))


def _arc(picture: Picture, i: int, places: dict[str, float], farthest: float) -> Markup:
    edge = picture.edges[i]
    a, b = places[edge.source], places[edge.target]
    out = GUTTER - 16 - 124 * (abs(b - a) / farthest) ** 0.6
    at_source, at_target = end_marks(edge)
    begin, end = GUTTER - room_for(at_source), GUTTER - room_for(at_target)
    d = f"M{begin:.1f} {a:.1f}C{out:.1f} {a:.1f} {out:.1f} {b:.1f} {end:.1f} {b:.1f}"
    line = element("path", d=d, class_=f"line {evidence_of(edge)}", stroke_width=1 + 1.4 * edge.confidence)
    return picture.edge_group(i, line, tip(at_source, GUTTER, a, "right"), tip(at_target, GUTTER, b, "right"))
