"""`causalkit explain`: the receipt of one recommendation."""

from __future__ import annotations

import click

from causalkit.cli._output import Output, common_options, plain_json, runs_dir_option

__all__ = ["explain"]


@click.command()
@click.argument("run", default="latest")
@click.option("--item", required=True, help="The item.")
@click.option("--user", help="The user; without, the receipt for everybody.")
@runs_dir_option
@common_options
def explain(run: str, item: str, user: str | None, runs_dir: str, out: Output) -> None:
    """The receipt of one recommendation.

    RUN is a path, the start of a run's name, or `latest` (the default).
    """
    from causalkit.runner import open_run

    opened = open_run(run, runs_dir)
    receipt = opened.explain(user, item)
    from causalkit.reporting.words import clean

    out.result({"run": opened.id, "receipt": plain_json(receipt)}, lambda console: console.print(clean(receipt.text)))
