"""A causal graph in a few sentences, and what its marks mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from causalkit.reporting.view import ReportView
from causalkit.reporting.words import count, joined, plural
from causalkit.types import CausalGraph

__all__ = ["graph_summary", "words_of_marks"]


def graph_summary(view: ReportView) -> str:
    """Who drew the graph, what is in it, how far it can be read, and what language models took; empty without one."""
    if view.graph is None:
        return ""
    step = next((step for step in view.steps if step.step == "discover"), None)
    said = [_edges(view.graph, step.component if step else "")]
    if view.graph.latent:
        said.append("It allows for causes that no column holds.")
    said.append("An estimate: it holds where the method’s assumptions do.")
    if step is not None and step.usage is not None:
        said.append(f"Language models took {step.usage.words}, when their answers were first given.")
    return " ".join(said)


def _edges(graph: CausalGraph, drawn_by: str) -> str:
    counted = Counter("directed" if edge.mark == "->" else edge.mark for edge in graph.edges)
    kinds = [
        (counted["directed"], "directed"),
        (counted["--"] + counted["o-o"], "without a direction"),
        (counted["o->"], "with one end open"),
        (counted["<->"], "for a hidden common cause"),
    ]
    told = joined([f"{count(n)} {words}" for n, words in kinds if n])
    drawn = f"{plural(len(graph.edges), 'edge')} among {plural(len(graph.nodes), 'variable')}"
    return f"{drawn}{' drawn by ' if drawn_by else ''}{drawn_by}{': ' if told else ''}{told}."


def words_of_marks(marks: Collection[str], latent: bool) -> tuple[str, ...]:
    """What a legend says of the edge ends that are drawn; `latent` where the graph allows for hidden causes."""
    marks = set(marks)
    said = {
        "arrowhead: a cause, beside which a hidden cause of both may stand": latent and "->" in marks,
        "no arrowhead: direction not known": "--" in marks,
        "ring: an arrowhead may stand there or not": bool(marks & {"o->", "o-o"}),
        "ring to arrowhead: a cause, or a hidden cause of both": "o->" in marks,
        "two arrowheads: neither causes the other, a hidden cause acts on both": "<->" in marks,
    }
    return tuple(words for words, shown in said.items() if shown)
