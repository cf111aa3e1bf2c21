"""A graph that somebody went through, edge by edge: `causalkit graph edit` writes it, `knowledge` reads it."""

from __future__ import annotations

from causalkit.config.knowledge.edges import ends_of
from causalkit.config.overlay import is_none
from causalkit.config.strict_yaml import Node
from causalkit.errors import Problem, nearest

__all__ = ["DECISIONS", "read_review"]

DECISIONS = ("open", "keep", "reverse", "remove")
"""What is decided of an edge: nothing, that it is as written, the other way, or not there."""
_KEYS = ("edge", "decide", "why", "confidence", "strength", "evidence")
_WITHOUT_DIRECTION = ("<->", "o->", "o-o", " -- ")


def read_review(
    node: Node, source: str, reasons: list[list[str]], problems: list[Problem]
) -> dict[str, list[list[str]]]:
    """Required and forbidden edges out of `edges`, each with who decided it and why in `reasons`."""
    made: dict[str, list[list[str]]] = {"required": [], "forbidden": []}
    edges = node.value.get("edges")
    if edges is None or is_none(edges):
        return made
    if not isinstance(edges.value, list):
        told = ": must be a list, as `causalkit graph edit` writes it"
        problems.append(Problem("knowledge.edges", told, edges.where))
        return made
    who = _text(node.value.get("reviewed_by"))
    for i, edge in enumerate(edges.value):
        fault = _fault(edge, who)
        if fault:
            problems.append(Problem(f"knowledge.edges.{i}", fault, edge.where))
            continue
        ends, _ = _ends(edge.value.get("edge"))
        for kind, cause, effect in _decided(_text(edge.value.get("decide")), ends):
            made[kind].append([cause, effect])
            reasons.append([cause, effect, f"{who}: {_text(edge.value['why'])} ({source})"])
    return made


def _decided(decision: str, ends: list[str]) -> list[tuple[str, str, str]]:
    """Kind of knowledge, cause and effect of all that one decision says."""
    if decision in ("", "open"):
        return []
    cause, effect = ends
    return {
        "keep": [("required", cause, effect)],
        "reverse": [("required", effect, cause)],
        "remove": [("forbidden", cause, effect), ("forbidden", effect, cause)],
    }[decision]


def _fault(node: Node, who: str) -> str:
    """What is wrong with one reviewed edge; empty where nothing is."""
    if not isinstance(node.value, dict):
        return f" = {node.plain()!r}: must be {{edge, decide, why}}"
    for key in node.value:
        if key not in _KEYS:
            return f".{key}: no such key{nearest(str(key), _KEYS)}"
    decision = _text(node.value.get("decide"))
    if decision not in ("", *DECISIONS):
        return f".decide = {decision!r}: must be one of {', '.join(DECISIONS)}{nearest(decision, DECISIONS)}"
    written = node.value.get("edge")
    ends, directed = _ends(written)
    if not ends:
        return f".edge = {written.plain() if written else None!r}: must be `cause -> effect`"
    if decision in ("", "open"):
        return ""
    if not directed and decision != "remove":
        return f".edge = {written.plain() if written else None!r}: write which way it points, `cause -> effect`"
    if not who or not _text(node.value.get("why")):
        lacks = "`why` says why" if who else "`reviewed_by` says who decided"
        return f": decides to {decision} an edge, and no {lacks}"
    return ""


def _ends(node: Node | None) -> tuple[list[str], bool]:
    """The two ends (none where there are not two), and whether the edge says which is the cause."""
    plain = None if node is None else node.plain()
    if isinstance(plain, list) and len(plain) == 3:
        return [str(plain[0]), str(plain[2])], plain[1] == "->"
    text = plain if isinstance(plain, str) else ""
    mark = next((mark for mark in _WITHOUT_DIRECTION if mark in text), None)
    if mark:
        ends = [end.strip() for end in text.split(mark)]
        return (ends if len(ends) == 2 and all(ends) else []), False
    return ends_of(node) or [], True


def _text(node: Node | None) -> str:
    return "" if node is None or is_none(node) else str(node.value).strip()
