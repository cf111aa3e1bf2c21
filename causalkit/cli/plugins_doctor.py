"""`causalkit plugins doctor`: versions, what is wrong, and what is missing."""

from __future__ import annotations

import sys
from typing import Any

import click

from causalkit.cli._output import Output, common_options

__all__ = ["doctor"]


@click.command()
@common_options
def doctor(out: Output) -> None:
    """Say which versions are installed, what is wrong, and what is missing, each with the command that mends it.

    Exit code 1 where something is wrong; what is merely missing is no problem.
    """
    from causalkit.doctor import as_json, examine_installation

    found = examine_installation()

    def render(console: Any) -> None:
        console.print(f"Python {found.python} on {found.platform}")
        console.print("  " + ", ".join(f"{name} {version}" for name, version in found.versions.items()))
        for problem in found.problems:
            console.print(f"\nPROBLEM  {problem.what}", style="bold")
            console.print(f"  {problem.todo}")
        for plugin in found.disabled:
            console.print(f"\ndisabled  {plugin}: by CAUSALKIT_DISABLE or --no-plugins")
        if found.missing:
            console.print("\nNot installed, and needed for no more than it says:")
        for one in found.missing:
            console.print(f"  {one.name}: {one.gives}")
            console.print(f"    {one.command}")
        count = len(found.problems)
        console.print("\nSound." if found.sound else f"\n{count} problem{'s' * (count > 1)}.")

    out.result(as_json(found), render)
    if not found.sound:
        sys.exit(1)
