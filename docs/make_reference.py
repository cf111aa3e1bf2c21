"""Writes docs/reference.md from docstrings, declarations and the config's own help.

    python docs/make_reference.py

A test (tests/test_docs.py) fails when the file is not what this would write.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import causalkit
from causalkit import errors, hookspecs, types
from causalkit.cli import COMMANDS, cli
from causalkit.components import KINDS
from causalkit.config import describe_config
from causalkit.parameters import json_schema
from causalkit.registry import Registry, default_registry

PAGE = Path(__file__).with_name("reference.md")


def reference(registry: Registry) -> str:
    """The whole page; `registry` says which components are listed."""
    parts = [_opening(), _commands(), _config(), _components(registry), _kinds(), _python(), _types(), _errors()]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _opening() -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield "Made by `python docs/make_reference.py` from docstrings and declarations; a test keeps it true."
    yield "`causalkit describe KIND NAME` says the same in a terminal, with the method and its sources."


def _commands() -> Iterator[str]:
    yield "## Commands"
    yield ""
    yield "| command | what it does | options |"
    yield "|---|---|---|"
    context = click.Context(cli)
    for name, (_, summary) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        options = [o for p in command.params if isinstance(p, click.Option) for o in p.opts[:1]]
        group = isinstance(command, click.Group)
        inner = ", ".join(list(command.commands) or command.list_commands(context)) if group else ""
        yield f"| `{name}{f' {inner}' if inner else ''}` | {summary} | {' '.join(f'`{o}`' for o in options)} |"


def _config() -> Iterator[str]:
    yield "## Config"
    yield ""
    yield "| key | default | help |"
    yield "|---|---|---|"
    for row in describe_config():
        yield f"| `{row.key}` | {_cell(row.default)} | {_cell(row.help)} |"


def _components(registry: Registry) -> Iterator[str]:
    yield "## Built-in components"
    for kind in KINDS:
        entries = [entry for entry in registry.of(kind) if entry.distribution == "causalkit"]
        if entries:
            yield ""
            yield f"### {kind}"
        for entry in entries:
            yield from _component(entry.name, entry.declaration.summary, registry.load(kind, f"builtin:{entry.name}"))


def _component(name: str, summary: str, cls: type) -> Iterator[str]:
    yield ""
    yield f"**`{name}`** – {summary}"
    schema = json_schema(cls)
    if schema["properties"]:
        yield ""
        yield "| parameter | default | help |"
        yield "|---|---|---|"
    for field, told in schema["properties"].items():
        needed = field in schema.get("required", ())
        default = "required" if needed else f"`{told.get('default')}`" if "default" in told else ""
        yield f"| `{field}` | {_cell(default)} | {_cell(told.get('description', ''))} |"


def _kinds() -> Iterator[str]:
    yield "## Kinds and hooks"
    yield ""
    yield "| kind | hook | methods | what its components do |"
    yield "|---|---|---|---|"
    for kind in KINDS.values():
        methods = ", ".join(f"`{method}`" for method in kind.methods)
        yield f"| {kind.name} | `{kind.hook}` | {methods} | {_cell(kind.summary)} |"
    yield ""
    yield "Told of what a run does: " + ", ".join(
        f"`{name}`" for name in vars(hookspecs) if name.startswith(("causalkit_run_", "causalkit_step_"))
    )


def _python() -> Iterator[str]:
    yield "## Python: `import causalkit as ck`"
    yield ""
    yield "| name | what it is |"
    yield "|---|---|"
    for name in causalkit.__all__:
        if not name.startswith("__"):
            yield f"| `ck.{name}` | {_cell(_first_line(getattr(causalkit, name)))} |"


def _types() -> Iterator[str]:
    yield "## Types: `causalkit.types`"
    yield ""
    yield "| type | fields | what it is |"
    yield "|---|---|---|"
    for name in types.__all__:
        made = getattr(types, name)
        if inspect.isclass(made):
            fields = ", ".join(getattr(made, "__dataclass_fields__", ()))
            yield f"| `{name}` | {fields} | {_cell(_first_line(made))} |"


def _errors() -> Iterator[str]:
    yield "## Errors: `causalkit.errors`"
    yield ""
    yield "| error | exit code | when |"
    yield "|---|---|---|"
    for name in sorted(errors.__all__):
        made = getattr(errors, name)
        if inspect.isclass(made) and issubclass(made, Exception):
            yield f"| `{name}` | {made.exit_code} | {_cell(_first_line(made))} |"


def _first_line(what: Any) -> str:
    return (inspect.getdoc(what) or "").splitlines()[0] if inspect.getdoc(what) else ""


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference(default_registry()), encoding="utf-8")
    click.echo(f"wrote {PAGE.name}")
