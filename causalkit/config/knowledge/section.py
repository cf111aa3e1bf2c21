"""What is written under `knowledge:`, read whole: one source, or several, each inline or a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from causalkit.config.knowledge.edges import read_edges, read_reasons, read_tiers
from causalkit.config.knowledge.review import read_review
from causalkit.config.knowledge.rules import read_groups, read_rules
from causalkit.config.knowledge.triples import read_triples
from causalkit.config.overlay import is_none
from causalkit.config.strict_yaml import Node, parse_yaml
from causalkit.errors import ConfigError, Problem, nearest

__all__ = ["knowledge_section"]

_KEYS = ("tiers", "required", "forbidden", "groups", "rules", "triples", "source", "reviewed_by", "edges", "reasons")
_KINDS = ("required", "forbidden")


def knowledge_section(
    node: Node | None, folder: Path, environment: Mapping[str, str], problems: list[Problem]
) -> dict[str, Any] | None:
    """The section as plain data: what a run keeps, and `knowledge_about` turns into `Knowledge`.

    `{tiers: {name: tier}, required: [[cause, effect]], forbidden: …, reasons: [[cause, effect, why]], rules: [text],
    groups: {name: [pattern]}, triples: [[cause, effect, required | forbidden | before]], source}`. In a config, tiers
    may also be a list of lists of names (the first is tier 0), an edge may be `cause -> effect` or `{edge, who, why}`,
    and the whole a list of such sections. Paths are read from beside the file that names them. Problems are added to
    `problems`.
    """
    if node is None or is_none(node):
        return None
    parts = node.value if isinstance(node.value, list) else [node]
    read = [_one(part, folder, environment, problems) for part in parts]
    found = [one for one in read if one is not None]
    if not found:
        return None
    made = _together([said for said, _ in found], node, problems)
    _check(made, _place([written for _, written in found]), problems)
    return made


def _one(
    node: Node, folder: Path, environment: Mapping[str, str], problems: list[Problem]
) -> tuple[dict[str, Any], Node] | None:
    """What one section says, and the mapping that it was read from: of its file, where it names one."""
    source = "knowledge"
    if isinstance(node.value, str):
        source = node.value
        folder = (folder / source).parent
        read = _from_file(node, folder / Path(source).name, environment, problems)
        if read is None:
            return None
        node = read
    if not isinstance(node.value, dict):
        problems.append(Problem("knowledge", ": must be a mapping, or the path of a YAML file", node.where))
        return None
    for key in [key for key in node.value if key not in _KEYS]:
        problems.append(Problem(f"knowledge.{key}", f": no such key{nearest(str(key), _KEYS)}", node.value[key].where))
    named = node.value.get("source")
    source = source if named is None or is_none(named) else str(named.value)
    made: dict[str, Any] = {"tiers": read_tiers(node.value.get("tiers"), problems)}
    reasons: list[list[str]] = read_reasons(node.value.get("reasons"), problems)
    for key in _KINDS:
        made[key] = read_edges(node.value.get(key), f"knowledge.{key}", source, reasons, problems)
    for key, edges in read_review(node, source, reasons, problems).items():
        made[key] = sorted([*made[key], *(edge for edge in edges if edge not in made[key])])
    made["groups"] = read_groups(node.value.get("groups"), problems)
    made["rules"] = read_rules(node.value.get("rules"), made["groups"], problems)
    made["triples"] = read_triples(node.value.get("triples"), folder, reasons, problems)
    return made | {"reasons": sorted(reasons), "source": source}, node


def _from_file(node: Node, path: Path, environment: Mapping[str, str], problems: list[Problem]) -> Node | None:
    try:
        return parse_yaml(path.read_bytes(), str(node.value), environment=environment)
    except OSError as error:
        problems.append(Problem("knowledge", f" = {node.value!r}: cannot be read: {error.strerror}", node.where))
    except ConfigError as error:
        problems.extend(error.problems)
    return None


def _together(found: list[dict[str, Any]], node: Node, problems: list[Problem]) -> dict[str, Any]:
    """Several sections as one; what they say of one tier, group or edge must agree."""
    if len(found) == 1:
        return found[0]
    made: dict[str, Any] = {"tiers": {}, "groups": {}}
    for one in found:
        for key in ("tiers", "groups"):
            for name, value in one[key].items():
                if made[key].setdefault(name, value) != value:
                    told = f".{name}: {made[key][name]} in one section, {value} in another; keep one"
                    problems.append(Problem(f"knowledge.{key}", told, node.where))
        edges = [edge for kind in _KINDS for edge in one[kind]]
        known = [reason[:2] for reason in one["reasons"]]
        one["reasons"] += [[*edge, one["source"]] for edge in edges if edge not in known]
    for key in (*_KINDS, "rules", "triples", "reasons"):
        unique = {json.dumps(value): value for one in found for value in one[key]}
        made[key] = list(unique.values()) if key == "rules" else sorted(unique.values())
    return made | {"source": " + ".join(dict.fromkeys(one["source"] for one in found))}


def _place(parts: list[Node]) -> str:
    """Where required edges were written, for what contradicts them."""
    for key in ("required", "edges"):
        for part in parts:
            if key in part.value:
                written: Node = part.value[key]
                return written.where
    return parts[0].where


def _check(made: Mapping[str, Any], where: str, problems: list[Problem]) -> None:
    """Required edges that contradict each other, a tier or a forbidden edge; the log's own tiers come later."""
    if not made["required"]:
        return
    from causalkit.types import Knowledge

    needed, ruled_out = (frozenset((cause, effect) for cause, effect in made[key]) for key in _KINDS)
    tiers = {name: tier for name, tier in made["tiers"].items() if type(tier) is int}
    try:
        Knowledge(tiers, needed, ruled_out).check()
    except ConfigError as error:
        problems.extend(Problem("knowledge.required", f": {p.path}{p.message}", where) for p in error.problems)
