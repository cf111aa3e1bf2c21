"""`causalkit runs`: what was run, how it ended, how two runs differ, and what one found as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from causalkit.cli._output import Output, common_options, runs_dir_option

if TYPE_CHECKING:
    from causalkit.runner import Run

__all__ = ["runs"]


@click.group()
def runs() -> None:
    """List runs, show or export one, compare two, or free what they keep."""


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
    """Show a run: its steps, and what came out.

    RUN is a path, the start of a run's name, or `latest` (the default).
    """
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
        if not steps and (reached := _reached(opened)):
            console.print(f"  {reached:<9} was under way")
        console.print()
        render_run(console, opened)

    out.result(shown, render)


def _reached(run: Run) -> str:
    """The step that a killed run was at: its manifest was never written again."""
    return next((str(event["step"]) for event in reversed(run.folder.events()) if event["kind"] == "begun"), "")


@runs.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@runs_dir_option
@common_options
def compare(first: str, second: str, runs_dir: str, out: Output) -> None:
    """Say what differs between two runs.

    A and B are paths, starts of runs' names, or `latest`. Config, data, versions, effects, lists and metrics
    are compared.
    """
    from causalkit.cli import _comparison
    from causalkit.comparing import compare as compared_with
    from causalkit.runner import open_run

    compared = compared_with(open_run(first, runs_dir), open_run(second, runs_dir))
    out.result(_comparison.document(compared), lambda console: _comparison.render(console, compared))


@runs.command()
@click.argument("run", default="latest")
@click.option("--out", "place", required=True, type=click.Path(path_type=Path), help="A new folder, or FILE.zip.")
@click.option(
    "--format",
    "sort",
    default="parquet",
    show_default=True,
    type=click.Choice(("parquet", "csv", "json")),
    help="What tables are written as; vectors are always Parquet.",
)
@runs_dir_option
@common_options
def export(run: str, place: Path, sort: Any, runs_dir: str, out: Output) -> None:
    """Write all that a run found for other tools.

    RUN is a path, the start of a run's name, or `latest` (the default). The folder or zip opens without causalkit.
    """
    from causalkit.bundling import bundle
    from causalkit.runner import open_run

    made = bundle(open_run(run, runs_dir), place, sort)
    out.say(f"{len(made.files)} files, and README.md and index.json, which say what they are.")
    document = {"run": made.run, "out": str(place), "files": made.files}
    out.result(document, lambda console: console.print(str(place), soft_wrap=True))


@runs.command()
@click.option(
    "--keep-gb",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="How much to keep, the last used.",
)
@click.option("--unfinished", is_flag=True, help="Also free what unfinished runs need to go on where they stopped.")
@runs_dir_option
@common_options
def gc(keep_gb: float, unfinished: bool, runs_dir: str, out: Output) -> None:
    """Free what runs keep to be reused.

    It lies in <runs-dir>/.cache. The runs themselves stay as they are.
    """
    from causalkit.runner import free, kept_bytes

    freed = free(runs_dir, keep_gb, spare_unfinished=not unfinished)
    kept = kept_bytes(runs_dir)
    if kept > keep_gb * 1e9 and not unfinished:
        out.say("What unfinished runs need to go on is kept; --unfinished frees that, too.")
    told = f"{freed / 1e6:,.1f} MB freed, {kept / 1e6:,.1f} MB kept"
    out.result({"freed_bytes": freed, "kept_bytes": kept}, lambda console: console.print(told))
