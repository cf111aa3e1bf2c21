"""`causalkit recommend`: a run's list for one user, or for everybody."""

from __future__ import annotations

from typing import Any

import click

from causalkit.cli._output import Output, common_options, runs_dir_option

__all__ = ["recommend"]


@click.command()
@click.argument("run", default="latest")
@click.option("--user", help="The user; without, the list that is the same for everybody.")
@click.option("-k", "count", type=click.IntRange(min=1), help="How many; without, all that the run kept.")
@runs_dir_option
@common_options
def recommend(run: str, user: str | None, count: int | None, runs_dir: str, out: Output) -> None:
    """Recommendations of RUN (a path, the start of its name, or `latest`), best first."""
    from causalkit.runner import open_run

    opened = open_run(run, runs_dir)
    rows: list[dict[str, Any]] = opened.recommend(user, count).to_dict(orient="records")

    def render(console: Any) -> None:
        from rich.table import Table

        from causalkit.cli._summary import effect_words
        from causalkit.reporting.words import clean

        table = Table("", "item", "effect", "whose", box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for row in rows:
            table.add_row(str(row["rank"]), clean(row["item"]), effect_words(row), str(row["level"]))
        console.print(table)

    out.result({"run": opened.id, "user": user, "recommendations": rows}, render)
