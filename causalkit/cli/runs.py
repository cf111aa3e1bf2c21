"""`causalkit runs`: what was run, and how it ended."""

from __future__ import annotations

from typing import Any

import click

from causalkit.cli._output import Output, common_options, runs_dir_option

__all__ = ["runs"]


@click.group()
def runs() -> None:
    """List runs, or show one."""


@runs.command("list")
@runs_dir_option
@common_options
def list_(runs_dir: str, out: Output) -> None:
    """List runs, oldest first."""
    from causalkit.runner import list_runs

    found = list_runs(runs_dir)
    rows = [{"run": r.id, "name": r.name, "status": r.status, "seconds": r.seconds, "path": str(r.path)} for r in found]

    def render(console: Any) -> None:
        from rich.table import Table

        if not rows:
            out.say(f"There are no runs in {runs_dir}.")
            return
        table = Table("run", "name", "status", "seconds", box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for row in rows:
            table.add_row(*(str(row[key]) for key in ("run", "name", "status", "seconds")))
        console.print(table)

    out.result({"runs": rows}, render)


@runs.command()
@click.argument("run", default="latest")
@runs_dir_option
@common_options
def show(run: str, runs_dir: str, out: Output) -> None:
    """Show RUN (a path, the start of its name, or `latest`): its steps, and what came out."""
    from causalkit.cli._summary import document
    from causalkit.runner import open_run

    opened = open_run(run, runs_dir)
    shown = document(opened)
    steps = opened.result.steps

    def render(console: Any) -> None:
        from causalkit.cli._summary import render as render_run

        for step in steps:
            note = f"  {step.message}" if step.message and step.status != "done" else ""
            console.print(f"  {step.step:<9} {step.status:<11} {step.seconds:>7.1f} s{note}")
        console.print()
        render_run(console, opened)

    out.result(shown, render)
