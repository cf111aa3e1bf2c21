"""The causal graph as SVG: in layers where there is room, as an arc diagram on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from causalkit.reporting.layering import Layout, layered
from causalkit.reporting.svg import element
from causalkit.reporting.view import ReportView
from causalkit.reporting.words import clean, shortened, wrapped
from causalkit.types import CausalGraph, Edge

__all__ = ["MOST_NODES", "Drawing", "draw", "evidence_of", "roles_of"]

MOST_NODES = 36
LINE, PAD, BETWEEN, MARGIN = 16.0, 11.0, 58.0, 16.0
BAND_ROOM = 24.0

ROLE_WORDS = {
    "treatment": "treatment",
    "outcome": "outcome",
    "adjusted": "adjusted for",
    "bundle": "part of the treatment",
    "mediator": "on the way",
    "instrument": "instrument",
}


@dataclass(frozen=True)
class Drawing:
    """Both drawings, what the legend must explain, and how many variables are not drawn."""

    wide: Markup
    narrow: Markup
    roles: tuple[tuple[str, str], ...]
    evidence: tuple[str, ...]
    left_out: int
    marks: tuple[str, ...]


def roles_of(view: ReportView) -> dict[str, str]:
    """Each variable's role in the estimand; others are missing."""
    estimand = view.estimand
    if estimand is None:
        return {}
    named = dict.fromkeys(estimand.adjustment, "adjusted") | dict.fromkeys(estimand.bundle, "bundle")
    named |= dict.fromkeys(estimand.mediators, "mediator") | dict.fromkeys(estimand.instruments, "instrument")
    return named | {estimand.treatment: "treatment", estimand.outcome: "outcome"}


def evidence_of(edge: Edge) -> str:
    """Which line an edge is drawn with: `data`, `knowledge`, `llm`, `several` or `unsaid`."""
    sources = {evidence.source for evidence in edge.evidence}
    if not sources:
        return "unsaid"
    return next(iter(sources)) if len(sources) == 1 else "several"


def draw(graph: CausalGraph, view: ReportView) -> Drawing:
    """Draw a graph; of one with more than `MOST_NODES` variables, those that matter to the estimand."""
    roles = roles_of(view)
    shown = _that_matter(graph, roles)
    edges = [e for e in graph.edges if e.source in shown and e.target in shown]
    names = [n for n in graph.nodes if n in shown]
    boxes = {name: _Box(name, view.label(name), roles.get(name, "")) for name in names}
    pairs = [(e.source, e.target) for e in edges]
    layout = layered(names, pairs, view.tiers, {n: b.width for n, b in boxes.items()})
    on_path = _causal_edges(edges, view)
    present = {boxes[n].role for n in names}
    return Drawing(
        _wide(view, layout, boxes, edges, on_path),
        _narrow(view, layout, boxes, edges, on_path),
        tuple((role, words) for role, words in ROLE_WORDS.items() if role in present),
        tuple(sorted({evidence_of(e) for e in edges})),
        len(graph.nodes) - len(names),
        tuple(sorted({e.mark for e in edges})),
    )


def _that_matter(graph: CausalGraph, roles: Mapping[str, str]) -> set[str]:
    if len(graph.nodes) <= MOST_NODES:
        return set(graph.nodes)
    known = {n for n in graph.nodes if n in roles}
    near = sorted(graph.edges, key=lambda e: (-((e.source in known) + (e.target in known)), -e.confidence))
    wanted = [n for n in graph.nodes if n in known] + [n for e in near for n in (e.source, e.target)] + [*graph.nodes]
    return set(list(dict.fromkeys(wanted))[:MOST_NODES])


def _causal_edges(edges: Sequence[Edge], view: ReportView) -> set[int]:
    """Edges on a directed path from treatment to outcome."""
    if view.estimand is None:
        return set()
    directed = [(i, e.source, e.target) for i, e in enumerate(edges) if e.mark == "->"]

    def reached(start: str, forward: bool) -> set[str]:
        seen, open_ = {start}, [start]
        while open_:
            here = open_.pop()
            for _, a, b in directed:
                here_, there = (a, b) if forward else (b, a)
                if here_ == here and there not in seen:
                    seen.add(there)
                    open_.append(there)
        return seen

    down, up = reached(view.estimand.treatment, True), reached(view.estimand.outcome, False)
    return {i for i, a, b in directed if a in down and b in up}


class _Box:
    """A node's text and size."""

    def __init__(self, name: str, label: str, role: str) -> None:
        self.name, self.role, self.label = name, role, clean(label)
        self.lines = wrapped(label, 21, 3)
        self.tag = ROLE_WORDS.get(role, "")
        longest = max([len(line) for line in self.lines] + [0.86 * len(self.tag)])
        self.width = min(max(7.1 * longest + 24, 84.0), 172.0)
        self.height = LINE * (len(self.lines) + bool(self.tag)) + PAD


def _wide(
    view: ReportView, layout: Layout, boxes: Mapping[str, _Box], edges: Sequence[Edge], on_path: set[int]
) -> Markup:
    tops, bottoms, height = _rows(layout, boxes)
    width = max(layout.width + 2 * MARGIN, 320.0)
    shift = (width - layout.width) / 2
    parts = [*_bands(view, layout, tops, bottoms, width)]
    ports = _ports(layout, boxes)
    for i, edge in enumerate(edges):
        points = _route(layout, i, tops, bottoms, ports, shift)
        parts.append(_edge(edge, points, i in layout.flipped, i in on_path, view))
    for name, box in boxes.items():
        k = layout.layer[name]
        middle = (tops[k] + bottoms[k]) / 2
        parts.append(_node(box, layout.centre[name] + shift, middle))
    return element(
        "svg", *parts, class_="graph", viewBox=f"0 0 {width:.0f} {height:.0f}", width=round(width),
        height=round(height), role="img", aria_label=_spoken(view, edges),
    )  # fmt: skip


def _rows(layout: Layout, boxes: Mapping[str, _Box]) -> tuple[list[float], list[float], float]:
    tallest = [0.0] * len(layout.order)
    for name, k in layout.layer.items():
        tallest[k] = max(tallest[k], boxes[name].height)
    starts = {first for _, first, _ in layout.bands} if len(layout.bands) > 1 else set()
    tops, bottoms, y = [], [], MARGIN / 2
    for k, tall in enumerate(tallest):
        y += BAND_ROOM if k in starts else 0.0
        tops.append(y)
        bottoms.append(y + tall)
        y += tall + BETWEEN
    return tops, bottoms, y - BETWEEN + MARGIN


def _bands(
    view: ReportView, layout: Layout, tops: Sequence[float], bottoms: Sequence[float], width: float
) -> list[Markup]:
    if len(layout.bands) < 2:
        return []
    parts = []
    for i, (tier, first, last) in enumerate(layout.bands):
        top, bottom = tops[first] - BAND_ROOM, bottoms[last] + BETWEEN - BAND_ROOM - 2
        bottom = min(bottom, bottoms[-1] + MARGIN)
        kind = "band even" if i % 2 == 0 else "band"
        parts.append(element("rect", x=0, y=top - 4, width=width, height=bottom - top + 4, class_=kind))
        words = view.tier_names.get(tier, f"tier {tier}")
        parts.append(element("text", shortened(words, 60), x=8, y=top + 11, class_="tier"))
    return parts


def _ports(layout: Layout, boxes: Mapping[str, _Box]) -> dict[tuple[int, str], float]:
    """Where each edge leaves and enters its boxes: spread by where it comes from, so that arrows part."""
    below: dict[str, list[tuple[float, int]]] = {}
    above: dict[str, list[tuple[float, int]]] = {}
    for i, route in enumerate(layout.routes):
        upper, lower = layout.ends[i]
        below.setdefault(upper, []).append((route[1][0], i))
        above.setdefault(lower, []).append((route[-2][0], i))
    ports: dict[tuple[int, str], float] = {}
    for side, ends in (("leave", below), ("enter", above)):
        for name, found in ends.items():
            room = boxes[name].width * 0.62
            step = min(room / max(len(found) - 1, 1), 22.0)
            for place, (_, i) in enumerate(sorted(found)):
                ports[i, side] = layout.centre[name] + step * (place - (len(found) - 1) / 2)
    return ports


def _route(
    layout: Layout,
    i: int,
    tops: Sequence[float],
    bottoms: Sequence[float],
    ports: Mapping[tuple[int, str], float],
    shift: float,
) -> list[tuple[float, float]]:
    """Points from the upper box's lower side, through each layer it passes, to the lower box's upper side."""
    route = layout.routes[i]
    points = [(ports[i, "leave"] + shift, bottoms[route[0][1]])]
    for x, k in route[1:-1]:
        points += [(x + shift, tops[k]), (x + shift, bottoms[k])]
    return [*points, (ports[i, "enter"] + shift, tops[route[-1][1]])]


def _edge(edge: Edge, points: Sequence[tuple[float, float]], flipped: bool, on_path: bool, view: ReportView) -> Markup:
    at_source, at_target = _end_marks(edge)
    at_upper, at_lower = (at_target, at_source) if flipped else (at_source, at_target)
    first, last = points[0], points[-1]
    trimmed = [(first[0], first[1] + _room(at_upper)), *points[1:-1], (last[0], last[1] - _room(at_lower))]
    d = f"M{trimmed[0][0]:.1f} {trimmed[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(trimmed):
        bend = (y1 - y0) * 0.5
        d += f"C{x0:.1f} {y0 + bend:.1f} {x1:.1f} {y1 - bend:.1f} {x1:.1f} {y1:.1f}"
    line = element("path", d=d, class_=f"line {evidence_of(edge)}", stroke_width=1 + 1.8 * edge.confidence)
    tips = [_tip(at_upper, first[0], first[1], "up"), _tip(at_lower, last[0], last[1], "down")]
    return element(
        "g", element("title", _edge_words(edge, view)), line, *(tip for tip in tips if tip),
        class_="edge causal" if on_path else "edge", opacity=0.3 + 0.7 * edge.confidence,
    )  # fmt: skip


def _end_marks(edge: Edge) -> tuple[str, str]:
    return {
        "->": ("", "arrow"), "--": ("", ""), "<->": ("arrow", "arrow"), "o->": ("ring", "arrow"), "o-o": ("ring", "ring"),
    }[edge.mark]  # fmt: skip


def _room(mark: str) -> float:
    return {"arrow": 6.0, "ring": 7.0}.get(mark, 0.0)


def _tip(mark: str, x: float, y: float, towards: str) -> Markup | None:
    if mark == "ring":
        dx, dy = {"up": (0, 3.5), "down": (0, -3.5), "right": (-3.5, 0)}[towards]
        return element("circle", cx=x + dx, cy=y + dy, r=3.0, class_="tip open")
    if mark != "arrow":
        return None
    d = {"up": "l4.5 9h-9Z", "down": "l4.5-9h-9Z", "right": "l-9-4.5v9Z"}[towards]
    return element("path", d=f"M{x:.1f} {y:.1f}{d}", class_="tip")


def _edge_words(edge: Edge, view: ReportView) -> str:
    why = "; ".join(f"{e.source}{f': {e.detail}' if e.detail else ''}" for e in edge.evidence)
    told = f"{view.label(edge.source)} {edge.mark} {view.label(edge.target)}"
    return shortened(f"{told} (confidence {edge.confidence:.2f}{'; ' + why if why else ''})", 300)


def _spoken(view: ReportView, edges: Sequence[Edge]) -> str:
    told = "; ".join(f"{view.label(e.source)} {e.mark} {view.label(e.target)}" for e in edges[:60])
    return shortened(f"Causal graph. {told or 'No edges.'}", 2500)


def _node(box: _Box, x: float, middle: float) -> Markup:
    left, top = x - box.width / 2, middle - box.height / 2
    parts = [element("title", f"{box.label} ({box.name})" if box.label != box.name else box.label)]
    frame = {"x": left, "y": top, "width": box.width, "height": box.height, "rx": 5}
    parts.append(element("rect", **frame, class_="box"))
    if box.role == "adjusted":  # a double frame, so that it shows without colour too
        inner = {"x": left + 3, "y": top + 3, "width": box.width - 6, "height": box.height - 6, "rx": 3}
        parts.append(element("rect", **inner, class_="frame"))
    y = top + PAD / 2 + 12
    for line in box.lines:
        parts.append(element("text", line, x=x, y=y, class_="name"))
        y += LINE
    if box.tag:
        parts.append(element("text", box.tag, x=x, y=y - 1, class_="tag"))
    return element("g", *parts, class_=f"node {box.role or 'other'}")


def _narrow(
    view: ReportView, layout: Layout, boxes: Mapping[str, _Box], edges: Sequence[Edge], on_path: set[int]
) -> Markup:
    """The same graph as arcs: a variable a line, causes above their effects."""
    places, tiers, y = {}, [], 4.0
    band_at = {first: tier for tier, first, _ in layout.bands} if len(layout.bands) > 1 else {}
    for k, row in enumerate(layout.order):
        if k in band_at:
            words = view.tier_names.get(band_at[k], f"tier {band_at[k]}")
            tiers.append(element("text", shortened(words, 44), x=2, y=y + 14, class_="tier"))
            y += 24
        for name in (key for key in row if isinstance(key, str)):
            places[name] = y + 15
            y += 44 if boxes[name].tag else 32
    gutter, longest = 112.0, max(places.values(), default=1) - min(places.values(), default=0) or 1.0
    parts = list(tiers)
    for i, edge in enumerate(edges):
        a, b = places[edge.source], places[edge.target]
        out = gutter - 16 - 124 * (abs(b - a) / longest) ** 0.6
        at_source, at_target = _end_marks(edge)
        d = f"M{gutter - _room(at_source):.1f} {a:.1f}C{out:.1f} {a:.1f} {out:.1f} {b:.1f} {gutter - _room(at_target):.1f} {b:.1f}"
        line = element("path", d=d, class_=f"line {evidence_of(edge)}", stroke_width=1 + 1.4 * edge.confidence)
        tips = [_tip(at_source, gutter, a, "right"), _tip(at_target, gutter, b, "right")]
        parts.append(
            element(
                "g",
                element("title", _edge_words(edge, view)),
                line,
                *(tip for tip in tips if tip),
                class_="edge causal" if i in on_path else "edge",
                opacity=0.3 + 0.7 * edge.confidence,
            )  # fmt: skip
        )
    for name, at in places.items():
        box = boxes[name]
        words = [element("title", box.label), element("circle", cx=gutter + 8, cy=at, r=5.5, class_="box")]
        words.append(element("text", shortened(box.label, 28), x=gutter + 20, y=at + 4.5, class_="name left"))
        if box.tag:
            words.append(element("text", box.tag, x=gutter + 20, y=at + 19, class_="tag left"))
        parts.append(element("g", *words, class_=f"node {box.role or 'other'}"))
    return element(
        "svg", *parts, class_="graph-arcs", viewBox=f"0 0 340 {y:.0f}", width=340, height=round(y), role="img",
        aria_label=_spoken(view, edges),
    )  # fmt: skip
