"""Rules that say of many edges at once what can't be, in words: `nothing causes demographics`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

from causalkit.config.overlay import is_none
from causalkit.config.strict_yaml import Node
from causalkit.errors import ConfigError, Problem, nearest

__all__ = ["Rule", "forbidden_by", "parse_rule", "read_groups", "read_rules"]

_FORM = re.compile(r"^\s*(?P<causes>.+?)\s+(?P<verb>causes?|do(?:es)? not cause)\s+(?P<effects>.+?)\s*$")
_FORMS = "`nothing causes X, Y`, `X causes nothing`, or `X does not cause Y`"


@dataclass(frozen=True)
class Rule:
    """Patterns of causes and of effects between which there is no edge; an empty one stands for all others."""

    text: str
    causes: tuple[str, ...]
    effects: tuple[str, ...]


def parse_rule(text: str) -> Rule | None:
    """A rule, or None where the text is none.

    >>> parse_rule("nothing causes age, household_*")
    Rule(text='nothing causes age, household_*', causes=(), effects=('age', 'household_*'))
    """
    found = _FORM.match(text)
    if found is None:
        return None
    causes, effects = _listed(found["causes"]), _listed(found["effects"])
    nothing = [side == ("nothing",) for side in (causes, effects)]
    if "not" in found["verb"]:
        return None if any(nothing) else Rule(text, causes, effects)
    if nothing == [True, False]:
        return Rule(text, (), effects)
    return Rule(text, causes, ()) if nothing == [False, True] else None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r",|\s+and\s+", text) if part.strip())


def forbidden_by(
    texts: Sequence[str], groups: Mapping[str, Sequence[str]], names: Sequence[str]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Each edge that the rules rule out among `names`, with the rule's text.

    `nothing causes X` is of causes beside X: variables of a group may cause each other.

    Raises
    ------
    ConfigError : a rule names what is no variable, no group, and no pattern that fits one.
    """
    problems: list[Problem] = []
    for rule in filter(None, map(parse_rule, texts)):
        effects = _named(rule, rule.effects, groups, names, problems)
        causes = _named(rule, rule.causes, groups, names, problems)
        if not rule.causes:
            causes = [name for name in names if name not in effects]
        if not rule.effects:
            effects = [name for name in names if name not in causes]
        for cause, effect in product(causes, effects):
            if cause != effect:
                yield (cause, effect), rule.text
    if problems:
        raise ConfigError("knowledge", problems, f"Variables: {', '.join(names)}.")


def _named(
    rule: Rule,
    patterns: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    names: Sequence[str],
    problems: list[Problem],
) -> list[str]:
    found: list[str] = []
    for pattern in patterns:
        for one in groups.get(pattern, [pattern]):
            fit = [name for name in names if fnmatchcase(name, one)]
            if not fit:
                known = nearest(one, [*names, *groups])
                problems.append(Problem("knowledge.rules", f": {rule.text!r}: {one!r} is no variable{known}"))
            found += [name for name in fit if name not in found]
    return found


def read_rules(node: Node | None, groups: Mapping[str, Sequence[str]], problems: list[Problem]) -> list[str]:
    """The rules as they were written; one that can't be read is a problem."""
    if node is None or is_none(node):
        return []
    if not isinstance(node.value, list):
        problems.append(Problem("knowledge.rules", f": must be a list of rules: {_FORMS}", node.where))
        return []
    found = []
    for i, inner in enumerate(node.value):
        if not isinstance(inner.value, str) or parse_rule(inner.value) is None:
            problems.append(Problem(f"knowledge.rules.{i}", f" = {inner.plain()!r}: write {_FORMS}", inner.where))
        else:
            found.append(inner.value.strip())
    return found


def read_groups(node: Node | None, problems: list[Problem]) -> dict[str, list[str]]:
    """Name → names or patterns of variables, for use in rules."""
    if node is None or is_none(node):
        return {}
    plain = node.plain()
    if not isinstance(plain, dict):
        problems.append(Problem("knowledge.groups", ": must be {group: [variable, …]}", node.where))
        return {}
    found = {}
    for name, members in plain.items():
        members = [members] if isinstance(members, str) else members
        if not isinstance(members, list) or not members or not all(isinstance(member, str) for member in members):
            where = node.value[name].where
            problems.append(Problem(f"knowledge.groups.{name}", ": must be a list of variables", where))
        else:
            found[str(name)] = members
    return found
