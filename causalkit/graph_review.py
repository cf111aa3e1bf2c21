"""A run's causal graph as a file for somebody to go through, edge by edge; `knowledge:` reads it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from causalkit.config.strict_yaml import dump_yaml
from causalkit.sheets import graph_of

if TYPE_CHECKING:
    from causalkit.run_handle import Run
    from causalkit.types import CausalGraph, Edge

__all__ = ["review_of"]

_HEAD = """\
# The causal graph of run {run}, for you to go through.
# Write your name, and beside each edge that you decide: what, and why. What stays `open` decides nothing.
#   decide: keep     the edge is there, and points as written (write `a -> b` where it says `a -- b`)
#   decide: reverse  it points the other way
#   decide: remove   there is no edge between the two
# Edges that you know of may be added, as `edge: cause -> effect` with `decide: keep`.
# Then: causalkit run CONFIG -o knowledge=THIS-FILE   (or `knowledge: [WHAT-IT-WAS.yaml, THIS-FILE]` in the config)
"""
_UNJOINED = "# Not joined, and why; to say otherwise, add the edge above.\n"
_MOST_UNJOINED = 200


def review_of(run: Run) -> str:
    """YAML: a place for a name, and every edge, the least sure first, with its evidence and a place for a decision.

    Raises
    ------
    UsageError : the run has no causal graph.
    """
    graph = graph_of(run)
    document = {
        "source": f"graph of run {run.id}",
        "reviewed_by": None,
        "edges": [_edge(edge) for edge in sorted(graph.edges, key=lambda edge: (edge.confidence, str(edge)))],
    }
    return _HEAD.format(run=run.id) + dump_yaml(document) + _unjoined(graph)


def _edge(edge: Edge) -> dict[str, Any]:
    plain = f"{edge.source} {edge.mark} {edge.target}"
    odd = any(_is_odd(name) for name in (edge.source, edge.target))
    told = [one.words for one in edge.evidence]
    made: dict[str, Any] = {
        "edge": [edge.source, edge.mark, edge.target] if odd else plain,
        "decide": "open",
        "why": None,
        "confidence": round(float(edge.confidence), 4),
    }
    if edge.strength is not None:
        made["strength"] = round(float(edge.strength), 4)
    return made | {"evidence": told}


def _is_odd(name: str) -> bool:
    """Whether an edge written as text could not be told apart again."""
    return not name or name != name.strip() or any(mark in name for mark in ("->", "--", "o-o"))


def _unjoined(graph: CausalGraph) -> str:
    """Comments: each pair that data separated, the most doubtful first."""
    separated = sorted(graph.separations, key=lambda one: (one.p_value, one.a, one.b))
    lines = []
    for one in separated[:_MOST_UNJOINED]:
        given = f" given {', '.join(one.given)}" if one.given else ""
        lines.append(f"# {_line(f'{one.a}, {one.b}: independent{given} (p = {one.p_value:.2g})')}")
    if len(separated) > _MOST_UNJOINED:
        lines.append(f"# and {len(separated) - _MOST_UNJOINED} other pairs")
    return _UNJOINED + "\n".join(lines) + "\n" if lines else ""


def _line(text: str) -> str:
    """The text on one line, of what a YAML comment may hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
