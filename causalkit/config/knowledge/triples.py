"""Triples of a knowledge graph (subject, relation, object), read from CSV as what is known of edges."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from causalkit.config.overlay import is_none
from causalkit.config.strict_yaml import Node
from causalkit.errors import Problem, nearest

__all__ = ["MEANINGS", "read_triples"]

MEANINGS = ("required", "forbidden", "before")
"""What a relation may mean: that there is the edge subject -> object, that there is none, or none back."""
_HEADS = (("subject", "relation", "object"), ("head", "relation", "tail"))
_KEYS = ("file", "relations", "names")
_MOST = 20_000
_MOST_BYTES = 50_000_000


def read_triples(node: Node | None, folder: Path, reasons: list[list[str]], problems: list[Problem]) -> list[list[str]]:
    """`[cause, effect, meaning]` for each triple whose relation means something, sorted, each once.

    Written as `{file: graph.csv, relations: {causes: required}, names: {an entity: a column}}`. Entities that are
    no variable of the log stay; only who gathers knowledge for a table can tell. A list is what a run has kept.
    """
    if node is None or is_none(node):
        return []
    if isinstance(node.value, list):
        return _kept(node, problems)
    if not isinstance(node.value, dict) or "file" not in node.value:
        problems.append(Problem("knowledge.triples", ": must be {file: graph.csv, relations: {…}}", node.where))
        return []
    for key in [key for key in node.value if key not in _KEYS]:
        told = f": no such key{nearest(str(key), _KEYS)}"
        problems.append(Problem(f"knowledge.triples.{key}", told, node.value[key].where))
    plain = node.plain()
    meanings, names = plain.get("relations") or {"causes": "required"}, plain.get("names") or {}
    for name, value in (("relations", meanings), ("names", names)):
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            problems.append(Problem(f"knowledge.triples.{name}", ": must be {written: meant}", node.value[name].where))
            return []
    for relation, meaning in meanings.items():
        if meaning not in MEANINGS:
            told = f" = {meaning!r}: must be one of {', '.join(MEANINGS)}"
            problems.append(Problem(f"knowledge.triples.relations.{relation}", told, node.value["relations"].where))
            return []
    path, where = str(plain["file"]), node.value["file"].where
    rows = _rows(folder / path, path, where, problems)
    found = {
        (str(names.get(a, a)), str(names.get(b, b)), meanings[relation]): f"{a} {relation} {b} ({path})"
        for a, relation, b in rows
        if relation in meanings and a != b
    }
    if rows and not found:
        told = f" = {path!r}: none of its relations is {', '.join(meanings)}; name yours under `relations`"
        problems.append(Problem("knowledge.triples.file", told, where))
    if len(found) > _MOST:
        told = f" = {path!r}: {len(found)} triples mean something, more than {_MOST}; keep those about your columns"
        problems.append(Problem("knowledge.triples.file", told, where))
        return []
    for (cause, effect, meaning), said in found.items():
        reasons.append([*((effect, cause) if meaning == "before" else (cause, effect)), said])
    return sorted(map(list, found))


def _kept(node: Node, problems: list[Problem]) -> list[list[str]]:
    plain = node.plain()
    if not all(isinstance(one, list) and len(one) == 3 and one[2] in MEANINGS for one in plain):
        problems.append(Problem("knowledge.triples", ": must be {file: graph.csv, relations: {…}}", node.where))
        return []
    return [list(map(str, one)) for one in plain]


def _rows(path: Path, told: str, where: str, problems: list[Problem]) -> list[tuple[str, str, str]]:
    """Subject, relation and object of every line."""

    def refuse(why: str) -> list[Any]:
        problems.append(Problem("knowledge.triples.file", f" = {told!r}: {why}", where))
        return []

    try:
        if path.stat().st_size > _MOST_BYTES:
            return refuse(f"has more than {_MOST_BYTES // 1_000_000} MB; keep the triples about your columns")
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            head = {str(name).strip().lower(): name for name in lines.fieldnames or ()}
            chosen = next((columns for columns in _HEADS if set(columns) <= set(head)), None)
            if chosen is None:
                return refuse(f"its columns are {', '.join(head) or 'none'}; give it subject, relation, object")
            rows = [tuple((line[head[name]] or "").strip() for name in chosen) for line in lines]
    except OSError as error:
        return refuse(f"cannot be read: {error.strerror}")
    except (UnicodeDecodeError, csv.Error) as error:
        return refuse(f"is no UTF-8 CSV: {error}")
    return [(a, relation, b) for a, relation, b in rows if a and b]
