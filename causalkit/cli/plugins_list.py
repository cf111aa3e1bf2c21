"""`causalkit plugins list`: what is installed, whose it is, what is broken or disabled, and why."""

from __future__ import annotations

from typing import Any

import click

from causalkit.cli._output import Output, common_options

__all__ = ["list_"]


@click.command("list")
@click.option("--kind", help="Only components of this kind.")
@click.option("--deep", is_flag=True, help="Also import each component, in a process of its own; takes seconds.")
@common_options
def list_(kind: str | None, deep: bool, out: Output) -> None:
    """List components by kind; a broken one says why, and stops nothing."""
    from causalkit.cli._plugin_tables import as_json, print_broken, print_components
    from causalkit.components import KINDS, kind_named
    from causalkit.registry import default_registry

    kinds = list(KINDS) if kind is None else [kind_named(kind).name]
    registry = default_registry()
    entries = [entry for name in kinds for entry in registry.of(name)]
    reasons = {id(entry): entry.broken for entry in entries}
    if deep:
        from causalkit.probing import component_faults

        whole = [entry for entry in entries if not entry.broken]
        found = component_faults([(entry.kind, entry.declaration.target) for entry in whole])
        reasons |= {id(entry): reason for entry, reason in zip(whole, found, strict=True)}

    def render(console: Any) -> None:
        print_components(console, entries, reasons)
        print_broken(console, registry.broken, registry.disabled)

    out.result(as_json(entries, reasons, registry.broken, registry.disabled), render)
