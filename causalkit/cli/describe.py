"""`causalkit describe`: what a component takes, or what a config's keys mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from causalkit.cli._output import Output, common_options, plain_json

if TYPE_CHECKING:
    from causalkit.registry import Entry

__all__ = ["describe", "type_of"]


@click.command()
@click.argument("kind")
@click.argument("name", required=False)
@common_options
def describe(kind: str, name: str | None, out: Output) -> None:
    """Say what the component NAME of KIND takes; `config` as KIND describes a config's keys.

    With --json, the JSON Schema of its parameters.
    """
    from causalkit.components import KINDS
    from causalkit.errors import UsageError, nearest

    if kind == "config":
        _describe_config(name, out)
        return
    if kind not in KINDS:
        known = [*KINDS, "config"]
        raise UsageError(f"there is no kind {kind!r}{nearest(kind, known)}", f"Kinds: {', '.join(known)}.")
    if name is None:
        _describe_kind(kind, out)
        return
    from causalkit.parameters import json_schema
    from causalkit.registry import default_registry

    registry = default_registry()
    entry = registry.find(kind, name)
    cls = registry.load(kind, name)
    shown = {**json_schema(cls), "kind": kind, "name": entry.name, "distribution": entry.distribution}
    shown |= {"assumes": _assumptions(cls), "examples": entry.declaration.examples or None}
    out.result(shown, lambda console: _render(console, entry, cls, shown))


def _assumptions(cls: type) -> dict[str, str] | None:
    """What a component says it rests on, in words by name; None where it does not say, or not before it is made."""
    from causalkit.assumptions import ASSUMPTIONS, assumed_by

    if isinstance(getattr(cls, "assumes", None), property):
        return None
    names = assumed_by(cls)
    return None if names is None else {name: told.sentence for name, told in ASSUMPTIONS.items() if name in names}


def _describe_kind(kind: str, out: Output) -> None:
    from causalkit.components import KINDS
    from causalkit.registry import default_registry

    entries = default_registry().of(kind)
    rows = [{"name": entry.name, "summary": entry.declaration.summary} for entry in entries]

    def render(console: Any) -> None:
        console.print(f"{kind}: {KINDS[kind].summary}")
        for row in rows:
            console.print(f"  {row['name']:<22} {row['summary']}")

    out.result({"kind": kind, "summary": KINDS[kind].summary, "components": rows}, render)


def _describe_config(section: str | None, out: Output) -> None:
    from causalkit.config import describe_config
    from causalkit.errors import UsageError, nearest

    rows = [row for row in describe_config() if section in (None, row.key, row.key.partition(".")[0])]
    if not rows:
        known = dict.fromkeys(row.key.partition(".")[0] for row in describe_config())
        raise UsageError(f"a config has no key {section!r}{nearest(str(section), known)}", f"Keys: {', '.join(known)}.")
    shown = [{"key": row.key, "default": row.default, "help": row.help} for row in rows]
    out.result({"keys": shown}, lambda console: _render_rows(console, [(r.key, r.default, r.help) for r in rows]))


def _render(console: Any, entry: Entry, cls: type, schema: dict[str, Any]) -> None:
    console.print(f"{entry.kind} {entry.name}, from {entry.distribution} {entry.version}".rstrip())
    console.print()
    console.print(_flowing(schema.get("description") or entry.declaration.summary))
    required = set(schema.get("required", ()))
    rows = []
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else _default(field.get("default"))
        rows.append((f"{name}: {type_of(field, schema)}", default, field.get("description", "")))
    for name in ("level", "sort", "needs", "input"):
        value = getattr(cls, name, None)
        if isinstance(value, str | tuple | frozenset) and name not in schema.get("properties", {}):
            text = value if isinstance(value, str) else ", ".join(sorted(value)) or "nothing"
            console.print(f"\n{name}: {text}")
        elif isinstance(value, property) and value.__doc__:
            console.print(f"\n{name}: {value.__doc__.splitlines()[0]}", markup=False)
    if schema["assumes"]:
        console.print("\nassumes:")
        for name, sentence in schema["assumes"].items():
            console.print(f"  {name:<18} {sentence}")
    elif schema["assumes"] is not None:
        console.print("\nassumes: nothing")
    elif isinstance(own := getattr(cls, "assumes", None), property):
        console.print(f"\nassumes: as its parameters say. {own.__doc__ or ''}".rstrip())
    if schema["examples"]:
        console.print(f"\nexamples to check: {schema['examples']}")
    console.print()
    if rows:
        _render_rows(console, rows)
    else:
        console.print("It takes no parameters.")


def _render_rows(console: Any, rows: list[tuple[str, str, str]]) -> None:
    from rich.padding import Padding

    for name, default, text in rows:
        console.print(f"{name}  ({'required' if default == 'required' else f'default {default}'})", style="bold")
        if text:
            console.print(Padding(_flowing(text), (0, 0, 0, 4), expand=False))


def _flowing(text: str) -> str:
    """Paragraphs in one line each, for the terminal to break; tables, lists and formulas as they stand."""
    return "\n\n".join(
        " ".join(lines) if all(line[:1].strip("-*| ") for line in lines) else "\n".join(lines)
        for lines in (paragraph.splitlines() for paragraph in text.split("\n\n"))
    )


def _default(value: Any) -> str:
    return "none" if value is None else str(plain_json(value)) or "empty"


def type_of(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """A parameter's type in a few words."""
    from causalkit.components import KINDS

    if "x-kind" in field:
        return f"{'an' if field['x-kind'][0] in 'aeiou' else 'a'} {field['x-kind']}"
    if "x-kind" in field.get("items", {}):
        return f"list of {KINDS[field['items']['x-kind']].hook.removeprefix('causalkit_')}"
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(type_of(inner, schema) for inner in field["anyOf"]))
    if "enum" in field:
        return " or ".join(repr(value) for value in field["enum"])
    if "const" in field:
        return repr(field["const"])
    words = {"null": "none", "array": "list", "object": "mapping", "boolean": "true or false", "string": "text"}
    found = field.get("type", "anything")
    limits = [f"{sign} {field[key]}" for key, sign in _LIMITS if key in field]
    return ", ".join([words.get(found, found), *limits])


_LIMITS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
