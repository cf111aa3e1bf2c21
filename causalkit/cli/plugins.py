"""`causalkit plugins`: a static table of commands, each imported when it is called."""

from __future__ import annotations

import click

from causalkit.cli._lazy import LazyGroup

__all__ = ["plugins"]

COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("causalkit.cli.plugins_list:list_", "Components by kind: whose each is, what is broken or disabled."),
    "show": ("causalkit.cli.plugins_show:show", "One plugin: its version, and what it offers."),
    "new": ("causalkit.cli.plugins_new:new", "Write a plugin of your own: one that works, to change."),
    "check": ("causalkit.cli.plugins_check:check", "Hold a distribution and its components to the kit's checks."),
    "doctor": ("causalkit.cli.plugins_doctor:doctor", "Versions, conflicts, broken plugins; what is missing."),
}
"""Name → where the command is, and the line that `--help` shows."""


@click.group(cls=LazyGroup, table=COMMANDS)
def plugins() -> None:
    """List, write and check plugins, and find out what is wrong with what is installed."""
