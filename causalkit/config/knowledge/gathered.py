"""From what a config says to `Knowledge` about the variables of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from causalkit.config.knowledge.rules import forbidden_by

if TYPE_CHECKING:
    from causalkit.types import Knowledge

__all__ = ["knowledge_about"]


def knowledge_about(read: Mapping[str, Any], names: Sequence[str]) -> Knowledge:
    """The section as plain data, its rules and triples spelt out among the variables `names`.

    Triples about anything else are left aside, and counted in `notes`.

    Raises
    ------
    ConfigError : it contradicts itself, or a rule names no variable.
    """
    from causalkit.types import Knowledge

    reasons = {(cause, effect): why for cause, effect, why in read.get("reasons", ())}
    found = {kind: {(cause, effect) for cause, effect in read[kind]} for kind in ("required", "forbidden")}
    for edge, text in forbidden_by(read.get("rules", ()), read.get("groups", {}), names):
        if edge not in found["required"]:  # what is said of one edge goes before what is said of all
            found["forbidden"].add(edge)
            reasons.setdefault(edge, f"{text} ({read['source']})")
    triples = read.get("triples", ())
    used = [one for one in triples if one[0] in names and one[1] in names]
    for cause, effect, meaning in used:
        found["required" if meaning == "required" else "forbidden"].add(
            (effect, cause) if meaning == "before" else (cause, effect)
        )
    known = found["required"] | found["forbidden"]
    told = (f"knowledge: {len(used)} of {len(triples)} triples are about variables of this log",) if triples else ()
    made = Knowledge(
        tiers=read["tiers"],
        required=frozenset(found["required"]),
        forbidden=frozenset(found["forbidden"]),
        source=read["source"],
        reasons={edge: why for edge, why in reasons.items() if edge in known},
        notes=told,
    )
    made.check()
    return made
