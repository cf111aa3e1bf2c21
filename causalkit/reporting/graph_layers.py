"""The causal graph in layers from top to bottom, tiers as bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from markupsafe import Markup

from causalkit.reporting.graph_marks import LINE, PAD, Box, Picture, end_marks, evidence_of, room_for, tier_words, tip
from causalkit.reporting.svg import element

__all__ = ["draw_layers"]

BETWEEN, MARGIN, BAND_ROOM = 58.0, 16.0, 24.0
"""Pixels between layers, at the sides, and for a band's name."""
NARROWEST = 640.0


def draw_layers(picture: Picture) -> Markup:
    """The graph as SVG, at its natural size; it shrinks where there is less room."""
    layout = picture.layout
    tops, bottoms, height = _rows(picture)
    width = max(layout.width + 2 * MARGIN, NARROWEST)
    shift = (width - layout.width) / 2
    parts = _bands(picture, tops, bottoms, width)
    ports = _ports(picture)
    for i in range(len(picture.edges)):
        parts.append(_edge(picture, i, _route(picture, i, tops, bottoms, ports, shift)))
    for name, box in picture.boxes.items():
        k = layout.layer[name]
        parts.append(_node(box, layout.centre[name] + shift, (tops[k] + bottoms[k]) / 2))
    return element(
        "svg", *parts, class_="graph", viewBox=f"0 0 {width:.0f} {height:.0f}", width=round(width),
        height=round(height), role="img", aria_label=picture.spoken,
    )  # fmt: skip


def _rows(picture: Picture) -> tuple[list[float], list[float], float]:
    """Each layer's upper and lower side, and the whole height."""
    layout = picture.layout
    tallest = [0.0] * len(layout.order)
    for name, k in layout.layer.items():
        tallest[k] = max(tallest[k], picture.boxes[name].height)
    starts = {first for _, first, _ in layout.bands} if len(layout.bands) > 1 else set()
    tops, bottoms, y = [], [], MARGIN / 2
    for k, tall in enumerate(tallest):
        y += BAND_ROOM if k in starts else 0.0
        tops.append(y)
        bottoms.append(y + tall)
        y += tall + BETWEEN
    return tops, bottoms, y - BETWEEN + MARGIN


def _bands(picture: Picture, tops: Sequence[float], bottoms: Sequence[float], width: float) -> list[Markup]:
    bands = picture.layout.bands
    if len(bands) < 2:
        return []
    parts = []
    for i, (tier, first, last) in enumerate(bands):
        top = tops[first] - BAND_ROOM - 4
        bottom = min(bottoms[last] + BETWEEN - 6, bottoms[-1] + MARGIN)
        kind = "band even" if i % 2 == 0 else "band"
        parts.append(element("rect", x=0, y=top, width=width, height=bottom - top, class_=kind))
        parts.append(element("text", tier_words(picture.view, tier), x=10, y=top + 17, class_="tier"))
    return parts


def _ports(picture: Picture) -> dict[tuple[int, str], float]:
    """Where each edge leaves and enters its boxes: spread by where it goes, so that arrows part."""
    layout = picture.layout
    leaving: dict[str, list[tuple[float, int]]] = {}
    entering: dict[str, list[tuple[float, int]]] = {}
    for i, route in enumerate(layout.routes):
        upper, lower = layout.ends[i]
        leaving.setdefault(upper, []).append((route[1][0], i))
        entering.setdefault(lower, []).append((route[-2][0], i))
    ports: dict[tuple[int, str], float] = {}
    for side, ends in (("leave", leaving), ("enter", entering)):
        for name, found in ends.items():
            step = min(picture.boxes[name].width * 0.62 / max(len(found) - 1, 1), 22.0)
            for place, (_, i) in enumerate(sorted(found)):
                ports[i, side] = layout.centre[name] + step * (place - (len(found) - 1) / 2)
    return ports


def _route(
    picture: Picture,
    i: int,
    tops: Sequence[float],
    bottoms: Sequence[float],
    ports: Mapping[tuple[int, str], float],
    shift: float,
) -> list[tuple[float, float]]:
    """Points from the upper box's lower side, past each layer between, to the lower box's upper side."""
    route, (upper, lower) = picture.layout.routes[i], picture.layout.ends[i]

    def side(name: str, k: int, sign: float) -> float:
        return (tops[k] + bottoms[k]) / 2 + sign * picture.boxes[name].height / 2

    points = [(ports[i, "leave"] + shift, side(upper, route[0][1], 1.0))]
    for x, k in route[1:-1]:
        points += [(x + shift, tops[k]), (x + shift, bottoms[k])]
    return [*points, (ports[i, "enter"] + shift, side(lower, route[-1][1], -1.0))]


def _edge(picture: Picture, i: int, points: Sequence[tuple[float, float]]) -> Markup:
    edge = picture.edges[i]
    at_upper, at_lower = end_marks(edge)[:: -1 if i in picture.layout.flipped else 1]
    (x0, y0), (x1, y1) = points[0], points[-1]
    line = _curve([(x0, y0 + room_for(at_upper)), *points[1:-1], (x1, y1 - room_for(at_lower))])
    path = element("path", d=line, class_=f"line {evidence_of(edge)}", stroke_width=1 + 1.8 * edge.confidence)
    return picture.edge_group(i, path, tip(at_upper, x0, y0, "up"), tip(at_lower, x1, y1, "down"))


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """A smooth line through the points, upright at each."""
    d = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        bend = (y1 - y0) * 0.5
        d += f"C{x0:.1f} {y0 + bend:.1f} {x1:.1f} {y1 - bend:.1f} {x1:.1f} {y1:.1f}"
    return d


def _node(box: Box, x: float, middle: float) -> Markup:
    left, top = x - box.width / 2, middle - box.height / 2
    parts = [element("title", box.label if box.label == box.name else f"{box.label} ({box.name})")]
    parts.append(element("rect", x=left, y=top, width=box.width, height=box.height, rx=5, class_="box"))
    if box.role == "adjusted":  # a double frame, so that it shows without colour too
        width, height = box.width - 6, box.height - 6
        parts.append(element("rect", x=left + 3, y=top + 3, width=width, height=height, rx=3, class_="frame"))
    y = top + PAD / 2 + 12
    for line in box.lines:
        parts.append(element("text", line, x=x, y=y, class_="name"))
        y += LINE
    if box.tag:
        parts.append(element("text", box.tag, x=x, y=y - 1, class_="tag"))
    return element("g", *parts, class_=f"node {box.role or 'other'}")
