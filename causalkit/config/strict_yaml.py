"""Strict YAML: 1.2 booleans and numbers, no duplicate keys, bounded aliases, no tags, lines kept.

What is read is a tree of `Node`s, so that whatever is later overlaid or moved keeps the place it was
written at. PyYAML does the parsing; what a plain scalar means is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from causalkit.errors import ConfigError, Problem

__all__ = ["MAX_BYTES", "Node", "dump_yaml", "from_python", "parse_yaml"]

MAX_BYTES = 1_000_000
"""The largest config that is read."""
MAX_EXPANDED = 10_000
"""How many nodes aliases may add to those that are written."""

_PREFIX = "tag:yaml.org,2002:"
_FLOAT = (
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_CORE = tuple(
    (tag, re.compile(pattern))
    for tag, pattern in (
        ("null", r"^(?:~|null|Null|NULL|)$"),
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$"),
        ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"),
        ("float", _FLOAT),
    )
)
"""Chapter 10.3 (core schema) of the YAML 1.2 specification."""
_VARIABLE = re.compile(r"\$(?P<escape>\$)?\{(?P<name>[^}]*)\}")


@dataclass(frozen=True)
class Node:
    """A value of a config and where it was written (`shop.yaml:7`, `-o seed`, or empty).

    `value` is a dict of Nodes by key, a list of Nodes, or a plain scalar.
    """

    value: Any
    where: str = ""

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, parts: tuple[str, ...]) -> str:
        """Where the value at a path below was written, or the nearest one above it that is."""
        inner: Any = None
        if parts and isinstance(self.value, dict):
            inner = next((node for key, node in self.value.items() if str(key) == parts[0]), None)
        elif parts and isinstance(self.value, list) and parts[0].isdigit() and int(parts[0]) < len(self.value):
            inner = self.value[int(parts[0])]
        return (inner.at(parts[1:]) if inner is not None else "") or self.where


def from_python(value: Any, where: str = "") -> Node:
    """A tree of Nodes over plain mappings and sequences, all written at `where`."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Mapping):
        return Node({key: from_python(inner, where) for key, inner in value.items()}, where)
    if isinstance(value, list | tuple):
        return Node([from_python(inner, where) for inner in value], where)
    return Node(value, where)


def parse_yaml(
    text: str | bytes, name: str, *, environment: Mapping[str, str] | None = None, lines: bool = True
) -> Node:
    """Read one YAML document; `${NAME}` in values is replaced from `environment` where one is given.

    `text` is UTF-8 where it is bytes; messages call it `name`, followed by the line where `lines`.

    Raises
    ------
    ConfigError : every problem that could be found, each with its line.
    """
    reader = _Reader(name, environment, lines)
    try:
        root = yaml.compose(_decoded(text, name), Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(name, [reader.syntax(error)]) from None
    except RecursionError:
        raise ConfigError(name, [Problem("the file", ": nested too deeply to be read", name)]) from None
    if root is None:
        return Node({}, name)
    reader.count(root)
    made = Node(None, name) if reader.problems else reader.read(root, ())
    if reader.problems:
        raise ConfigError(name, reader.problems)
    return made


def dump_yaml(value: Any) -> str:
    """Plain YAML that this loader, and any other, reads back as the same value."""
    return str(yaml.dump(_escaped(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


class _Loader(yaml.SafeLoader):
    """PyYAML's scanner and parser under the YAML 1.2 core schema."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  # PyYAML's own way


for _tag, _pattern in _CORE:
    _Loader.add_implicit_resolver(_PREFIX + _tag, _pattern, None)


def _decoded(text: str | bytes, name: str) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        told = f": larger than the {MAX_BYTES:,} bytes that a config may have"
        raise ConfigError(name, [Problem("the file", told, name)], "Keep data in files of their own.")
    try:
        return text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1 if isinstance(text, bytes) else 1
        raise ConfigError(
            name, [Problem("the file", ": not UTF-8 text", f"{name}:{line}")], "Save it as UTF-8."
        ) from None


class _Reader:
    """Turns PyYAML's nodes into ours, gathering problems on the way."""

    def __init__(self, name: str, environment: Mapping[str, str] | None, lines: bool) -> None:
        self.name, self.environment, self.lines = name, environment, lines
        self.problems: list[Problem] = []

    def where(self, node: yaml.Node) -> str:
        return f"{self.name}:{node.start_mark.line + 1}" if self.lines else self.name

    def syntax(self, error: yaml.YAMLError) -> Problem:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        said = getattr(error, "problem", None) or str(error).splitlines()[0]
        place = f"{self.name}:{mark.line + 1}" if mark is not None and self.lines else self.name
        return Problem("not valid YAML", f": {said}", place)

    def count(self, root: yaml.Node) -> None:
        """Refuse aliases that hold themselves, or that expand beyond what was written."""
        sizes: dict[int, int] = {}
        open_nodes: set[int] = set()

        def size(node: yaml.Node) -> int:
            if id(node) in open_nodes:
                self.problems.append(Problem("alias", ": holds itself", self.where(node)))
                return 0
            if id(node) not in sizes:
                open_nodes.add(id(node))
                sizes[id(node)] = 1 + sum(size(inner) for inner in _inner(node))
                open_nodes.discard(id(node))
            return sizes[id(node)]

        if size(root) > len(sizes) + MAX_EXPANDED:
            told = f": expand to {sizes[id(root)]:,} values from {len(sizes):,} written"
            self.problems.append(Problem("aliases", told, self.where(root)))

    def read(self, node: yaml.Node, path: tuple[str, ...], where: str = "") -> Node:
        where = where or self.where(node)
        known = ("str", "map", "seq", "null", "bool", "int", "float")
        tag = node.tag.removeprefix(_PREFIX)
        if tag not in known:
            shown = node.tag.replace(_PREFIX, "!!")
            self.problem(path, f": the tag {shown} is refused; a config holds plain values only", self.where(node))
            return Node(None, where)
        if isinstance(node, yaml.MappingNode):
            return Node(self.mapping(node, path), where)
        if isinstance(node, yaml.SequenceNode):
            return Node([self.read(inner, (*path, str(i))) for i, inner in enumerate(node.value)], where)
        return Node(self.scalar(node, tag, path), where)

    def mapping(self, node: yaml.MappingNode, path: tuple[str, ...]) -> dict[Any, Node]:
        made: dict[Any, Node] = {}
        first: dict[Any, yaml.Node] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problem(path, ": a key must be one word or number", self.where(key_node))
                continue
            key = self.scalar(key_node, key_node.tag.removeprefix(_PREFIX), path, filled=False)
            if key in first:
                lines = f"lines {first[key].start_mark.line + 1} and {key_node.start_mark.line + 1}"
                self.problem((*path, str(key)), f": written twice, on {lines}; keep one", self.where(key_node))
                continue
            first[key] = key_node
            made[key] = self.read(value_node, (*path, str(key)), self.where(key_node))
        return made

    def scalar(self, node: yaml.Node, tag: str, path: tuple[str, ...], *, filled: bool = True) -> Any:
        text = str(node.value)
        if filled and tag == "str" and self.environment is not None and "${" in text:
            return self.filled(node, text, path)
        try:
            return _scalar(text, tag)
        except ValueError:
            self.problem(path, f" = {text!r}: not a {tag}", self.where(node))
            return None

    def filled(self, node: yaml.Node, text: str, path: tuple[str, ...]) -> Any:
        """The text with its variables replaced; a plain `${NAME}` alone is read as YAML would read the value."""
        made = _VARIABLE.sub(lambda found: self.variable(found, node, path), text)
        whole = getattr(node, "style", None) is None and _VARIABLE.fullmatch(text) and not text.startswith("$$")
        return _scalar(made, _plain_tag(made)) if whole else made

    def variable(self, found: re.Match[str], node: yaml.Node, path: tuple[str, ...]) -> str:
        name = found["name"]
        if found["escape"]:
            return f"${{{name}}}"
        assert self.environment is not None
        if name not in self.environment:
            told = f": the environment variable {name!r} is not set; set it, or write $${{{name}}} for the text itself"
            self.problem(path, told, self.where(node))
        return self.environment.get(name, "")

    def problem(self, path: tuple[str, ...], message: str, where: str) -> None:
        self.problems.append(Problem(".".join(path) or "the document", message, where))


def _inner(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _plain_tag(text: str) -> str:
    return next((tag for tag, pattern in _CORE if pattern.match(text)), "str")


def _scalar(text: str, tag: str) -> Any:
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int":
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if tag == "float":
        return float(re.sub(r"\.(inf|nan)$", r"\1", text, flags=re.IGNORECASE))
    return text


def _escaped(value: Any) -> Any:
    """Texts with `${` as `$${`, so that they are read back as they are; keys are never replaced."""
    if isinstance(value, dict):
        return {key: _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(inner) for inner in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


class _Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.1 or 1.2 would read as something else; never writes an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    resolved: str = dumper.resolve(yaml.ScalarNode, value, (True, False))  # type: ignore[no-untyped-call]
    old = resolved != _PREFIX + "str"
    style = "'" if old or _plain_tag(value) != "str" else None
    return dumper.represent_scalar(_PREFIX + "str", value, style=style)


_Dumper.add_representer(str, _text)
