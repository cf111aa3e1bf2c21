"""The help of a component's fields: the string literal below each, read from the source."""

from __future__ import annotations

import ast
import inspect
import linecache
from functools import cache

__all__ = ["parameter_help"]


@cache
def parameter_help(cls: type) -> dict[str, str]:
    """Each field's help: the string literal below it, read from the source (also in a notebook)."""
    documented: dict[str, str] = {}
    for klass in reversed(cls.__mro__):
        place = klass.__dict__.get("_declared_at")
        if place:
            documented |= _help_in_source(klass.__name__, *place)
    return documented


def _help_in_source(name: str, filename: str, lineno: int) -> dict[str, str]:
    source = "".join(linecache.getlines(filename))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name and _spans(node, lineno):
            return _strings_below_fields(node)
    return {}


def _spans(node: ast.ClassDef, lineno: int) -> bool:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return first <= lineno <= (node.end_lineno or node.lineno)


def _strings_below_fields(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        is_field = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if is_field and is_text and isinstance(below.value.value, str):  # type: ignore[attr-defined]
            found[field.target.id] = inspect.cleandoc(below.value.value)  # type: ignore[attr-defined]
    return found
