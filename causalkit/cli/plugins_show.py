"""`causalkit plugins show`: one plugin, its version, and what it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from causalkit.cli._output import Output, common_options

if TYPE_CHECKING:
    from causalkit.errors import PluginError
    from causalkit.registry import Registry

__all__ = ["show"]


@click.command()
@click.argument("name")
@common_options
def show(name: str, out: Output) -> None:
    """Show the plugin or distribution NAME: its version, and what it offers."""
    from causalkit.cli._plugin_tables import as_json, print_broken, print_components
    from causalkit.registry import default_registry

    registry = default_registry()
    mine = [entry for entry in registry.entries if name in (entry.plugin, entry.distribution)]
    broken = [b for b in registry.broken if name in (b.name, b.distribution)]
    disabled = [p for p in registry.disabled if name in (p.name, p.distribution)]
    if not (mine or broken or disabled):
        raise _unknown(name, registry)
    reasons = {id(entry): entry.broken for entry in mine}

    def render(console: Any) -> None:
        owners = sorted({entry.maker for entry in mine})
        if owners:
            console.print(f"{name}, from {', '.join(owners)}")
            print_components(console, mine, reasons)
        print_broken(console, broken, disabled)

    out.result(as_json(mine, reasons, broken, disabled), render)


def _unknown(name: str, registry: Registry) -> PluginError:
    from causalkit.errors import PluginError, nearest

    known = {known for p in [*registry.plugins, *registry.disabled] for known in (p.name, p.distribution)}
    known |= {known for b in registry.broken for known in (b.name, b.distribution)}
    same = [entry for entry in registry.entries if entry.name == name]
    todo = [f"`causalkit describe {e.kind} {name}` is about the {e.kind} of {e.distribution}." for e in same]
    return PluginError(
        f"there is no plugin {name!r}{'' if same else nearest(name, known)}",
        " ".join([*todo, f"Installed: {', '.join(sorted(known))}."]),
    )
