"""Components and broken plugins, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from causalkit.registry import BrokenPlugin, Entry, Plugin

__all__ = ["as_json", "print_broken", "print_components"]

Reasons = Mapping[int, str]
"""Why a component is broken, by `id` of its entry; empty where it is not."""


def as_json(
    entries: Sequence[Entry], reasons: Reasons, broken: Sequence[BrokenPlugin], disabled: Sequence[Plugin] = ()
) -> dict[str, Any]:
    """The document of `plugins list` and `plugins show`."""
    return {
        "components": [_row(entry, reasons[id(entry)]) for entry in entries],
        "broken": [{"plugin": b.name, "distribution": b.distribution, "reason": b.reason} for b in broken],
        "disabled": [asdict(plugin) for plugin in disabled],
    }


def print_components(console: Any, entries: Sequence[Entry], reasons: Reasons) -> None:
    """A table, the kind told once."""
    from rich.table import Table

    table = Table("kind", "name", "what it does", "from", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    last = ""
    for entry in entries:
        summary = f"BROKEN: {reasons[id(entry)]}" if reasons[id(entry)] else entry.declaration.summary
        table.add_row(entry.kind if entry.kind != last else "", entry.name, summary, entry.distribution)
        last = entry.kind
    console.print(table)


def print_broken(console: Any, broken: Sequence[BrokenPlugin], disabled: Sequence[Plugin]) -> None:
    """A line for each plugin that is broken or disabled, and how to get it back."""
    from causalkit.disabling import VARIABLE

    for told in broken:
        console.print(f"\nbroken: {told.name} of {told.distribution}: {told.reason}")
        console.print(f"  {VARIABLE}={told.name} leaves it out; `causalkit plugins doctor` says more.")
    for plugin in disabled:
        console.print(f"\ndisabled: {plugin.name} of {plugin.distribution} {plugin.version}".rstrip())
        console.print(f"  Take it out of {VARIABLE}, or leave out --no-plugins, to get it back.")


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
