"""Laying one config over another: the environment and `-o` over the file.

A new `use` drops the old `params` and keeps the rest; a list replaces a list; `none` clears.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from causalkit.config.strict_yaml import Node, parse_yaml
from causalkit.errors import ConfigError, Problem, UsageError

__all__ = ["ENVIRONMENT", "from_environment", "from_options", "is_none", "lay", "selection_parts"]

ENVIRONMENT = "CAUSALKIT__"
"""How the names of environment variables that set a key of the config begin."""


def is_none(node: Node | None) -> bool:
    """Whether a value says "leave this out": absent, null, or the word `none`."""
    return node is None or node.value is None or node.value == "none"


def lay(base: Node | None, over: Node) -> Node:
    """`over` laid over `base`; see the module's first lines for the rules."""
    if base is None or isinstance(over.value, list) or is_none(over):
        return over
    if isinstance(base.value, list):
        return _lay_list(base, over)
    if not isinstance(over.value, dict):
        is_selection = isinstance(over.value, str) and isinstance(base.value, dict) and "use" in base.value
        return lay(base, selection_parts(over)) if is_selection else over
    if isinstance(base.value, str) and set(over.value) <= {"use", "params"}:
        base = selection_parts(base)
    if not isinstance(base.value, dict):
        return over
    return _lay_mapping(base, over)


def selection_parts(node: Node) -> Node:
    """`name@5` as `{use: name, params: {k: 5}}`; a wrong suffix is left in `use` to be told later."""
    name, at, k = str(node.value).partition("@")
    if not at or not k.isdigit():
        return Node({"use": node}, node.where)
    params = Node({"k": Node(int(k), node.where)}, node.where)
    return Node({"use": Node(name, node.where), "params": params}, node.where)


def _lay_mapping(base: Node, over: Node) -> Node:
    kept = dict(base.value)
    new = over.value.get("use")
    if new is not None and "use" in kept and kept["use"].value != new.value:
        kept.pop("params", None)
    spelt = {str(key).lower(): key for key in kept}
    for key, node in over.value.items():
        same = key if key in kept or not over.where.startswith(ENVIRONMENT) else spelt.get(str(key).lower(), key)
        kept[same] = lay(kept.get(same), node)
    return Node(kept, over.where if not base.value else base.where)


def _lay_list(base: Node, over: Node) -> Node:
    """`evaluate.0` reaches into a list; anything else replaces it."""
    if not isinstance(over.value, dict) or not all(str(key).isdigit() for key in over.value):
        return over
    made = list(base.value)
    for key, node in over.value.items():
        at = int(key)
        if at > len(made):
            problem = Problem(str(key), f": the list has {len(made)} entries", over.where)
            raise ConfigError("the overrides", [problem])
        made[at : at + 1] = [lay(made[at] if at < len(made) else None, node)]
    return Node(made, base.where)


def from_options(options: Sequence[str]) -> Iterable[Node]:
    """The trees that `a.b=value` options ask for, in order; values are YAML.

    Raises
    ------
    UsageError : an option without `=`, or without a key.
    ConfigError : a value that is not YAML.
    """
    for option in options:
        path, equals, text = option.partition("=")
        parts = path.strip().split(".")
        if not equals or not all(parts):
            raise UsageError(f"-o {option!r}: must be key=value, such as -o estimate.item.params.folds=3")
        try:
            yield _nested(parts, text, "-o")
        except ConfigError as error:
            raise ConfigError(f"-o {path.strip()}", error.problems) from None


def from_environment(environment: Mapping[str, str]) -> Iterable[Node]:
    """The trees that `CAUSALKIT__A__B=value` variables ask for, in the order of their names."""
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT) and len(name) > len(ENVIRONMENT):
            parts = name.removeprefix(ENVIRONMENT).lower().split("__")
            yield _nested(parts, environment[name], name)


def _nested(parts: Sequence[str], text: str, where: str) -> Node:
    node = _value(text, where)
    for part in reversed(parts):
        key: Any = part
        node = Node({key: node}, where)
    return node


def _value(text: str, where: str) -> Node:
    """One YAML value; an empty text is null."""
    return parse_yaml(text, where, lines=False) if text.strip() else Node(None, where)
