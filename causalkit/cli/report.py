"""`causalkit report`: where a run's report is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from causalkit.cli._output import Output, common_options, runs_dir_option

if TYPE_CHECKING:
    from causalkit.run_handle import Run

__all__ = ["report"]


@click.command()
@click.argument("run", default="latest")
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
@click.option("--text", is_flag=True, help="Print it in a few lines of plain text.")
@click.option("--write", is_flag=True, help="Write it anew from what the run holds.")
@runs_dir_option
@common_options
def report(run: str, show: bool, text: bool, write: bool, runs_dir: str, out: Output) -> None:
    """Print where a run's report is, or a short form of it.

    RUN is a path, the start of a run's name, or `latest` (the default).
    """
    from causalkit.errors import UsageError
    from causalkit.runner import open_run

    opened = open_run(run, runs_dir)
    if text:
        _say(opened, out)
        return
    if write:
        opened.write_report()
    path = opened.report_path
    if not path.exists():
        raise UsageError(f"run {opened.id} ({opened.status}) has no report", "--write makes one of what it has.")
    if show:
        opened.open_report()
    out.result({"run": opened.id, "report": str(path)}, lambda console: console.print(str(path), soft_wrap=True))


def _say(run: Run, out: Output) -> None:
    from causalkit.reporting.from_run import report_view
    from causalkit.reporting.text import render_text

    said = render_text(report_view(run))
    out.result({"run": run.id, "text": said}, lambda console: console.print(said, end="", soft_wrap=True, markup=False))
