"""`causalkit plugins`: what is installed, whose it is, and what is broken and why."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click

from causalkit.cli._output import Output, common_options

if TYPE_CHECKING:
    from causalkit.registry import Entry, Registry

__all__ = ["plugins"]


@click.group()
def plugins() -> None:
    """List what is installed, and whose it is."""


@plugins.command("list")
@click.option("--kind", help="Only components of this kind.")
@click.option("--deep", is_flag=True, help="Also import each component, in a process of its own; slow.")
@common_options
def list_(kind: str | None, deep: bool, out: Output) -> None:
    """List components by kind; a broken one says why, and stops nothing."""
    from causalkit.components import KINDS
    from causalkit.errors import UsageError, nearest
    from causalkit.registry import default_registry

    if kind is not None and kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}{nearest(kind, KINDS)}", f"Kinds: {', '.join(KINDS)}.")
    registry = default_registry()
    entries = [entry for name in KINDS if kind in (None, name) for entry in registry.of(name)]
    reasons = {id(entry): entry.broken or (_import_fault(entry) if deep else "") for entry in entries}
    shown = {
        "components": [_row(entry, reasons[id(entry)]) for entry in entries],
        "broken": [{"plugin": b.name, "distribution": b.distribution, "reason": b.reason} for b in registry.broken],
    }
    out.result(shown, lambda console: _render(console, entries, reasons, registry))


@plugins.command()
@click.argument("name")
@common_options
def show(name: str, out: Output) -> None:
    """Show the plugin or distribution NAME: its version, and what it offers."""
    from causalkit.errors import PluginError, nearest
    from causalkit.registry import default_registry

    registry = default_registry()
    mine = [entry for entry in registry.entries if name in (entry.plugin, entry.distribution)]
    broken = [b for b in registry.broken if name in (b.name, b.distribution)]
    if not mine and not broken:
        known = {known for p in registry.plugins for known in (p.name, p.distribution)}
        same = [entry for entry in registry.entries if entry.name == name]
        todo = [
            f"`causalkit describe {entry.kind} {name}` is about the {entry.kind} of {entry.distribution}."
            for entry in same
        ]
        raise PluginError(
            f"there is no plugin {name!r}{'' if same else nearest(name, known)}",
            " ".join([*todo, f"Installed: {', '.join(sorted(known))}."]),
        )
    reasons = {id(entry): entry.broken for entry in mine}
    shown = {
        "components": [_row(entry, entry.broken) for entry in mine],
        "broken": [{"plugin": b.name, "distribution": b.distribution, "reason": b.reason} for b in broken],
    }

    def render(console: Any) -> None:
        owners = sorted({f"{entry.distribution} {entry.version}".strip() for entry in mine})
        console.print(f"{name}, from {', '.join(owners) or broken[0].distribution}")
        _render_entries(console, mine, reasons)
        for b in broken:
            console.print(f"\nbroken: {b.reason}")

    out.result(shown, render)


def _row(entry: Entry, broken: str) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "summary": entry.declaration.summary,
        "plugin": entry.plugin,
        "distribution": entry.distribution,
        "version": entry.version,
        "target": entry.declaration.target,
        "broken": broken or None,
    }


def _render(console: Any, entries: list[Entry], reasons: dict[int, str], registry: Registry) -> None:
    _render_entries(console, entries, reasons)
    for broken in registry.broken:
        console.print(f"\nbroken: {broken.name} of {broken.distribution}: {broken.reason}")


def _render_entries(console: Any, entries: list[Entry], reasons: dict[int, str]) -> None:
    from rich.table import Table

    table = Table("kind", "name", "what it does", "from", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    last = ""
    for entry in entries:
        summary = f"BROKEN: {reasons[id(entry)]}" if reasons[id(entry)] else entry.declaration.summary
        table.add_row(entry.kind if entry.kind != last else "", entry.name, summary, entry.distribution)
        last = entry.kind
    console.print(table)


def _import_fault(entry: Entry) -> str:
    """What goes wrong when the component's module is imported in a process of its own; empty if nothing."""
    module, _, attribute = entry.declaration.target.partition(":")
    code = "import importlib, sys; getattr(importlib.import_module(sys.argv[1]), sys.argv[2])"
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter, and a module that is installed
            [sys.executable, "-c", code, module, attribute], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return "its import did not end within 120 s"
    return (done.stderr.strip().splitlines() or ["its import failed"])[-1] if done.returncode else ""
