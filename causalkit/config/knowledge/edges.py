"""Tiers and edges as a config writes them."""

from __future__ import annotations

from typing import Any

from causalkit.config.overlay import is_none
from causalkit.config.strict_yaml import Node
from causalkit.errors import Problem, nearest

__all__ = ["ends_of", "read_edges", "read_reasons", "read_tiers"]

_TOLD = ("edge", "who", "why")


def read_tiers(node: Node | None, problems: list[Problem]) -> dict[str, int]:
    """Name → tier, from a mapping or a list of lists of names."""
    if node is None or is_none(node):
        return {}
    if isinstance(node.value, list):
        tiers = [inner.value if isinstance(inner.value, list) else [inner] for inner in node.value]
        found: dict[str, int] = {}
        for tier, name in ((tier, name) for tier, names in enumerate(tiers) for name in names):
            if found.setdefault(str(name.value), tier) != tier:
                told = f" holds {name.value!r} in tiers {found[str(name.value)]} and {tier}; keep one"
                problems.append(Problem("knowledge.tiers", told, name.where))
        return found
    if not isinstance(node.value, dict):
        problems.append(Problem("knowledge.tiers", ": must be {name: tier}, or a list of lists of names", node.where))
        return {}
    for name, inner in node.value.items():
        if type(inner.value) is not int:
            told = f" = {inner.plain()!r}: must be a whole number"
            problems.append(Problem(f"knowledge.tiers.{name}", told, inner.where))
    return {str(name): inner.value for name, inner in node.value.items()}


def read_edges(
    node: Node | None, path: str, source: str, reasons: list[list[str]], problems: list[Problem]
) -> list[list[str]]:
    """Edges `[cause, effect]`, sorted; what is told beside one is added to `reasons`."""
    if node is None or is_none(node):
        return []
    if not isinstance(node.value, list):
        problems.append(Problem(path, ": must be a list of [cause, effect]", node.where))
        return []
    edges = []
    for i, inner in enumerate(node.value):
        told = inner.value if isinstance(inner.value, dict) else {"edge": inner}
        for key in [key for key in told if key not in _TOLD]:
            problems.append(Problem(f"{path}.{i}.{key}", f": no such key{nearest(str(key), _TOLD)}", told[key].where))
        ends = ends_of(told.get("edge"))
        if ends is None:
            problems.append(Problem(f"{path}.{i}", f" = {inner.plain()!r}: must be [cause, effect]", inner.where))
            continue
        edges.append(ends)
        said = [str(told[key].value).strip() for key in ("who", "why") if key in told and not is_none(told[key])]
        if said:
            reasons.append([*ends, f"{': '.join(said)} ({source})"])
    return sorted(edges)


def ends_of(node: Node | None) -> list[str] | None:
    """`[cause, effect]` of an edge written as that, or as `cause -> effect`; None for anything else."""
    plain = None if node is None else node.plain()
    ends = plain.split("->") if isinstance(plain, str) else plain
    if not isinstance(ends, list) or len(ends) != 2 or not all(isinstance(end, str) and end.strip() for end in ends):
        return None
    return [end.strip() for end in ends]


def read_reasons(node: Node | None, problems: list[Problem]) -> list[list[str]]:
    """`[cause, effect, why]` for each edge of which more is known, as a run keeps it."""
    plain: Any = [] if node is None or is_none(node) else node.plain()
    right = isinstance(plain, list) and all(
        isinstance(one, list) and len(one) == 3 and all(isinstance(part, str) for part in one) for one in plain
    )
    if not right:
        assert node is not None
        problems.append(Problem("knowledge.reasons", ": must be a list of [cause, effect, why]", node.where))
        return []
    return [list(one) for one in plain]
