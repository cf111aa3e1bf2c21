"""What both drawings of a graph share: boxes, edge ends, and words for an edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from causalkit.reporting.layering import Layout
from causalkit.reporting.svg import element
from causalkit.reporting.view import ReportView
from causalkit.reporting.words import clean, shortened, wrapped
from causalkit.types import Edge

__all__ = ["LINE", "PAD", "ROLE_WORDS", "Box", "Picture", "end_marks", "evidence_of", "room_for", "tier_words", "tip"]

LINE, PAD = 16.0, 11.0
"""Pixels of a line of text, and of the space around the lines of a box."""

ROLE_WORDS = {
    "treatment": "treatment",
    "outcome": "outcome",
    "adjusted": "adjusted for",
    "bundle": "part of the treatment",
    "mediator": "on the way",
    "instrument": "instrument",
}


class Box:
    """A node's words and size."""

    def __init__(self, name: str, label: str, role: str) -> None:
        self.name, self.role, self.label = clean(name), role, clean(label)
        self.lines = wrapped(label, 21, 3)
        self.tag = ROLE_WORDS.get(role, "")
        longest = max([len(line) for line in self.lines] + [round(0.86 * len(self.tag))])
        self.width = min(max(7.1 * longest + 24, 84.0), 178.0)
        self.height = LINE * (len(self.lines) + bool(self.tag)) + PAD


@dataclass(frozen=True)
class Picture:
    """A graph to be drawn: where nodes stand, their boxes, the edges, and which lie on a causal path."""

    view: ReportView
    layout: Layout
    boxes: Mapping[str, Box]
    edges: Sequence[Edge]
    on_path: frozenset[int]

    def edge_group(self, i: int, *parts: Markup) -> Markup:
        """The parts of edge i, as dark as it is sure, named for a pointer that rests on it."""
        edge = self.edges[i]
        kind = "edge causal" if i in self.on_path else "edge"
        title = element("title", _edge_words(edge, self.view))
        return element("g", title, *parts, class_=kind, opacity=0.3 + 0.7 * edge.confidence)

    @property
    def spoken(self) -> str:
        """The graph as one sentence."""
        label = self.view.label
        told = "; ".join(f"{label(e.source)} {e.mark} {label(e.target)}" for e in self.edges[:60])
        return shortened(f"Causal graph. {told or 'No edges.'}", 2500)


def evidence_of(edge: Edge) -> str:
    """Which line an edge is drawn with: `data`, `knowledge`, `llm`, `several` or `unsaid`."""
    sources = sorted({evidence.source for evidence in edge.evidence})
    if not sources:
        return "unsaid"
    return sources[0] if len(sources) == 1 else "several"


def end_marks(edge: Edge) -> tuple[str, str]:
    """What stands at the source's and at the target's end: an `arrow`, a `ring`, or nothing."""
    return {
        "->": ("", "arrow"),
        "--": ("", ""),
        "<->": ("arrow", "arrow"),
        "o->": ("ring", "arrow"),
        "o-o": ("ring", "ring"),
    }[edge.mark]


def room_for(mark: str) -> float:
    """How many pixels before the end the line stops."""
    return {"arrow": 6.0, "ring": 7.0}.get(mark, 0.0)


def tip(mark: str, x: float, y: float, towards: str) -> Markup:
    """An edge's end at (x, y), pointing `up`, `down` or `right`; empty for no mark."""
    if mark == "ring":
        dx, dy = {"up": (0.0, 3.5), "down": (0.0, -3.5), "right": (-3.5, 0.0)}[towards]
        return element("circle", cx=x + dx, cy=y + dy, r=3.0, class_="tip open")
    if mark == "arrow":
        d = {"up": "l4.5 9h-9Z", "down": "l4.5-9h-9Z", "right": "l-9-4.5v9Z"}[towards]
        return element("path", d=f"M{x:.1f} {y:.1f}{d}", class_="tip")
    return Markup("")


def tier_words(view: ReportView, tier: int) -> str:
    """What a tier is called."""
    return shortened(view.tier_names.get(tier, f"tier {tier}"), 44)


def _edge_words(edge: Edge, view: ReportView) -> str:
    why = "; ".join(why.words for why in edge.evidence)
    told = f"{view.label(edge.source)} {edge.mark} {view.label(edge.target)}"
    return shortened(f"{told} (confidence {edge.confidence:.2f}{'; ' + why if why else ''})", 300)
