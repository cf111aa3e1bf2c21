"""`causalkit plugins new`: a plugin of your own that works, to change."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from causalkit.cli._output import Output, common_options

__all__ = ["new"]


@click.command()
@click.argument("name")
@click.option("--kind", required=True, help="What it offers: dataset, encoder, discoverer, estimator, ranker, …")
@click.option(
    "--out", "place", default=".", show_default=True, type=click.Path(file_okay=False), help="The folder to put it in."
)
@common_options
def new(name: str, kind: str, place: str, out: Output) -> None:
    """Write the plugin causalkit-NAME: one small working component, its test of one line, README and CI file.

    NAME is what a config will select it by: lower-case words joined by hyphens. Nothing is overwritten.
    """
    from causalkit.errors import UsageError
    from causalkit.registry import default_registry
    from causalkit.scaffolding import make, template

    template(kind)
    for entry in default_registry().of(kind):
        if entry.name == name:
            raise UsageError(f"{entry.distribution} has a {kind} named {name!r} already", "Choose another name.")
    made = make(name, kind, Path(place))
    folder = shlex.quote(str(made.folder))
    commands = [f"pip install -e {shlex.quote(f'{made.folder}[test]')}", f"python -m pytest {folder}", made.run]
    document = {
        "name": made.name,
        "kind": made.kind,
        "distribution": made.distribution,
        "folder": str(made.folder),
        "files": list(made.files),
        "select": made.line,
        "next": commands,
    }

    def render(console: Any) -> None:
        console.print(f"Made {made.distribution} in {made.folder}:", soft_wrap=True)
        for path in made.files:
            console.print(f"  {path}", soft_wrap=True)
        console.print("\nInstall it, check it, use it:")
        for command in commands:
            console.print(f"  {command}", soft_wrap=True)
        console.print(f"\nWhat selects it: {made.line}", soft_wrap=True)

    out.result(document, render)
