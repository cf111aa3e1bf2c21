"""The causal graph as SVG: in layers where there is room, as an arc diagram on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from causalkit.reporting.graph_arcs import draw_arcs
from causalkit.reporting.graph_layers import draw_layers
from causalkit.reporting.graph_marks import ROLE_WORDS, Box, Picture, evidence_of
from causalkit.reporting.graph_words import words_of_marks
from causalkit.reporting.layering import layered
from causalkit.reporting.view import ReportView
from causalkit.types import CausalGraph, Edge

__all__ = ["MOST_NODES", "Drawing", "draw", "roles_of"]

MOST_NODES = 36


@dataclass(frozen=True)
class Drawing:
    """Both drawings, what the legend must explain (roles, lines, edge ends, whether a path leads from treatment to
    outcome), and how many variables are not drawn.
    """

    wide: Markup
    narrow: Markup
    roles: tuple[tuple[str, str], ...]
    evidence: tuple[tuple[str, str], ...]
    marks: tuple[str, ...]
    on_path: bool
    left_out: int


def roles_of(view: ReportView) -> dict[str, str]:
    """Each variable's role in the estimand; those without one are missing."""
    estimand = view.estimand
    if estimand is None:
        return {}
    named = dict.fromkeys(estimand.adjustment, "adjusted") | dict.fromkeys(estimand.bundle, "bundle")
    named |= dict.fromkeys(estimand.mediators, "mediator") | dict.fromkeys(estimand.instruments, "instrument")
    return named | {estimand.treatment: "treatment", estimand.outcome: "outcome"}


def draw(graph: CausalGraph, view: ReportView) -> Drawing:
    """Draw a graph; of one with more than `MOST_NODES` variables, those that matter to the estimand."""
    roles = roles_of(view)
    shown = _that_matter(graph, roles)
    edges = [e for e in graph.edges if e.source in shown and e.target in shown]
    names = [n for n in graph.nodes if n in shown]
    boxes = {name: Box(name, view.label(name), roles.get(name, "")) for name in names}
    widths = {name: box.width for name, box in boxes.items()}
    layout = layered(names, [(e.source, e.target) for e in edges], view.tiers, widths)
    picture = Picture(view, layout, boxes, edges, frozenset(_causal_edges(edges, view)))
    present = {boxes[n].role for n in names}
    return Drawing(
        draw_layers(picture),
        draw_arcs(picture),
        tuple((role, words) for role, words in ROLE_WORDS.items() if role in present),
        _evidence_words({evidence_of(e) for e in edges}),
        words_of_marks({e.mark for e in edges}, graph.latent),
        bool(picture.on_path),
        len(graph.nodes) - len(names),
    )


EVIDENCE_WORDS = {
    "data": "from data",
    "several": "from several sources",
    "knowledge": "from knowledge",
    "llm": "from a language model",
    "unsaid": "evidence not given",
}


def _evidence_words(present: set[str]) -> tuple[tuple[str, str], ...]:
    """The lines that the legend explains; data alone and several sources share one."""
    words = {name: EVIDENCE_WORDS[name] for name in EVIDENCE_WORDS if name in present}
    if {"data", "several"} <= present:
        words["data"] = f"{words['data']}, or {words.pop('several')}"
    return tuple(words.items())


def _that_matter(graph: CausalGraph, roles: Mapping[str, str]) -> set[str]:
    if len(graph.nodes) <= MOST_NODES:
        return set(graph.nodes)
    known = sorted((n for n in graph.nodes if n in roles), key=lambda n: roles[n] not in ("treatment", "outcome"))
    near = sorted(graph.edges, key=lambda e: (-((e.source in roles) + (e.target in roles)), -e.confidence))
    wanted = known + [n for e in near for n in (e.source, e.target)] + list(graph.nodes)
    return set(list(dict.fromkeys(wanted))[:MOST_NODES])


def _causal_edges(edges: Sequence[Edge], view: ReportView) -> set[int]:
    """Edges on a directed path from treatment to outcome."""
    if view.estimand is None:
        return set()
    directed = [(i, e.source, e.target) for i, e in enumerate(edges) if e.mark == "->"]
    forward = [(a, b) for _, a, b in directed]
    down = _reached(view.estimand.treatment, forward)
    up = _reached(view.estimand.outcome, [(b, a) for a, b in forward])
    return {i for i, a, b in directed if a in down and b in up}


def _reached(start: str, steps: Sequence[tuple[str, str]]) -> set[str]:
    seen, open_ = {start}, [start]
    while open_:
        here = open_.pop()
        found = {b for a, b in steps if a == here} - seen
        seen |= found
        open_ += sorted(found)
    return seen
