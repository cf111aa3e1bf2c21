"""The `knowledge` section: tiers, required and forbidden edges, inline or in a file of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from causalkit.config.overlay import is_none
from causalkit.config.strict_yaml import Node, parse_yaml
from causalkit.errors import ConfigError, Problem, nearest

__all__ = ["knowledge_section"]

_KEYS = ("tiers", "required", "forbidden", "source")


def knowledge_section(
    node: Node | None, folder: Path, environment: Mapping[str, str], problems: list[Problem]
) -> dict[str, Any] | None:
    """The section as plain `{tiers: {name: tier}, required: [[cause, effect]], forbidden: …, source}`.

    In a config, tiers may also be a list of lists of names (the first is tier 0), and an edge may be
    `cause -> effect`. A path is read from beside the config. Problems are added to `problems`.
    """
    if node is None or is_none(node):
        return None
    source = "knowledge"
    if isinstance(node.value, str):
        source = node.value
        node = _from_file(node, folder, environment, problems)
    if node is None:
        return None
    if not isinstance(node.value, dict):
        problems.append(Problem("knowledge", ": must be a mapping, or the path of a YAML file", node.where))
        return None
    for key in [key for key in node.value if key not in _KEYS]:
        problems.append(Problem(f"knowledge.{key}", f": no such key{nearest(key, _KEYS)}", node.value[key].where))
    made: dict[str, Any] = {"tiers": _tiers(node.value.get("tiers"), problems)}
    for key in ("required", "forbidden"):
        made[key] = _edges(node.value.get(key), f"knowledge.{key}", problems)
    _check(made, node.value.get("required"), problems)
    named = node.value.get("source")
    return made | {"source": source if named is None else str(named.value)}


def _check(made: Mapping[str, Any], required: Node | None, problems: list[Problem]) -> None:
    """Required edges that contradict each other, a tier or a forbidden edge; the log's own tiers come later."""
    if required is None or not made["required"]:
        return
    from causalkit.types import Knowledge

    needed, ruled_out = (frozenset((cause, effect) for cause, effect in made[key]) for key in ("required", "forbidden"))
    tiers = {name: tier for name, tier in made["tiers"].items() if type(tier) is int}
    try:
        Knowledge(tiers, needed, ruled_out).check()
    except ConfigError as error:
        problems.extend(Problem("knowledge.required", f": {p.path}{p.message}", required.where) for p in error.problems)


def _from_file(node: Node, folder: Path, environment: Mapping[str, str], problems: list[Problem]) -> Node | None:
    path = folder / node.value
    try:
        return parse_yaml(path.read_bytes(), str(node.value), environment=environment)
    except OSError as error:
        problems.append(Problem("knowledge", f" = {node.value!r}: cannot be read: {error.strerror}", node.where))
    except ConfigError as error:
        problems.extend(error.problems)
    return None


def _tiers(node: Node | None, problems: list[Problem]) -> dict[str, int]:
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


def _edges(node: Node | None, path: str, problems: list[Problem]) -> list[list[str]]:
    if node is None or is_none(node):
        return []
    if not isinstance(node.value, list):
        problems.append(Problem(path, ": must be a list of [cause, effect]", node.where))
        return []
    edges = []
    for i, inner in enumerate(node.value):
        plain = inner.plain()
        ends = plain.split("->") if isinstance(plain, str) else plain
        if (
            not isinstance(ends, list)
            or len(ends) != 2
            or not all(isinstance(end, str) and end.strip() for end in ends)
        ):
            problems.append(Problem(f"{path}.{i}", f" = {plain!r}: must be [cause, effect]", inner.where))
            continue
        edges.append([end.strip() for end in ends])
    return sorted(edges)
