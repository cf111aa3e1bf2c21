"""`causalkit recommend`: a run's list for one user, for everybody, for all users, or for a new log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from causalkit.cli._output import Output, common_options, runs_dir_option

if TYPE_CHECKING:
    import pandas as pd

    from causalkit.runner import Run
    from causalkit.serving import NewLists

__all__ = ["recommend"]

SHOWN = 5
"""Users of a new log whose lists the terminal shows."""
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("run", default="latest")
@click.option("--user", help="The user; without, the list that is the same for everybody.")
@click.option("--all", "everyone", is_flag=True, help="Every list: overall, of segments, of every user; needs --out.")
@click.option(
    "--log", type=_FILE, help="A new log (Parquet or CSV) with users, and items, to score; no outcomes needed."
)
@click.option("--items", type=_FILE, help="With --log: attributes of its items, such as their text.")
@click.option("--users", type=_FILE, help="With --log: attributes of its users, such as their segment.")
@click.option("--out", "file", type=_FILE, help="Write to a file: .parquet, .csv, .json or .jsonl.")
@click.option("-k", "count", type=click.IntRange(min=1), help="How many each; without, as many as the run kept.")
@runs_dir_option
@common_options
def recommend(
    run: str,
    user: str | None,
    everyone: bool,
    log: Path | None,
    items: Path | None,
    users: Path | None,
    file: Path | None,
    count: int | None,
    runs_dir: str,
    out: Output,
) -> None:
    """Recommendations of RUN, best first.

    RUN is a path, the start of a run's name, or `latest` (the default).

    For one user or for everybody; with --all, every list to a file; with --log, lists for the users of a new
    log. In CSV, a text that a spreadsheet would take for a formula gets a ' before it.
    """
    from causalkit.exporting import ENDINGS, check_destination
    from causalkit.runner import open_run

    _check(user, everyone, log, items, users, file)
    if file is not None:
        check_destination(file, ENDINGS)
    opened = open_run(run, runs_dir)
    if everyone:
        _all(opened, file, count, out)
    elif log is not None:
        _new(opened, log, items, users, file, count, out)
    else:
        _one(opened, user, file, count, out)


def _check(
    user: str | None, everyone: bool, log: Path | None, items: Path | None, users: Path | None, file: Path | None
) -> None:
    """Refuse options that do not go together."""
    if everyone and file is None:
        raise click.UsageError("--all needs --out FILE")
    if sum((user is not None, everyone, log is not None)) > 1:
        raise click.UsageError("--user, --all and --log exclude each other")
    if log is None and (items is not None or users is not None):
        raise click.UsageError("--items and --users describe a new log: name it with --log")


def _one(run: Run, user: str | None, file: Path | None, count: int | None, out: Output) -> None:
    from causalkit.exporting import write_table
    from causalkit.serving import one_list

    found = one_list(run, user, count)
    document: dict[str, Any] = {"run": run.id, "user": user}
    if file is not None:
        rows = write_table([found], file)
        out.say(f"{rows} rows in {file}")
        out.result(document | {"out": str(file), "rows": rows}, lambda _: None)
        return
    records = found.to_dict(orient="records")
    out.result(document | {"recommendations": records}, lambda console: _render(console, records))


def _all(run: Run, file: Path | None, count: int | None, out: Output) -> None:
    from causalkit.cli._progress import terminal_progress
    from causalkit.components import Context
    from causalkit.exporting import write_table
    from causalkit.serving import all_lists
    from causalkit.types import RANKING_COLUMNS

    assert file is not None
    tally = _Tally()
    context = Context(progress=terminal_progress(quiet=out.quiet or out.json))
    rows = write_table(tally.of(all_lists(run, count, context)), file, RANKING_COLUMNS)
    out.say(f"{rows} rows, lists of {tally.users} users, in {file}")
    out.result({"run": run.id, "out": str(file), "rows": rows, "users": tally.users}, lambda _: None)


class _Tally:
    """Counts the users whose lists go by; each is in one block."""

    def __init__(self) -> None:
        self.users = 0

    def of(self, blocks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for block in blocks:
            self.users += int(block.loc[block["scope"] == "user", "who"].nunique())
            yield block


def _new(
    run: Run, log: Path, items: Path | None, users: Path | None, file: Path | None, count: int | None, out: Output
) -> None:
    from causalkit.cli._progress import terminal_progress
    from causalkit.components import Context
    from causalkit.exporting import write_table
    from causalkit.serving import NEW_COLUMNS, lists_for

    context = Context(progress=terminal_progress(quiet=out.quiet or out.json))
    made = lists_for(run, log, items=items, users=users, k=count, context=context)
    _say(made, out)
    document: dict[str, Any] = {"run": run.id, "log": str(log)}
    document |= {
        name: getattr(made, name) for name in ("users", "cold_users", "items", "cold_items", "left_out", "notes")
    }
    if file is not None:
        rows = write_table(made.blocks, file, NEW_COLUMNS)
        out.say(f"{rows} rows in {file}")
        out.result(document | {"out": str(file), "rows": rows}, lambda _: None)
        return
    records = [row for block in made.blocks for row in block.to_dict(orient="records")]
    out.result(document | {"recommendations": records}, lambda console: _render_users(console, records, out))


def _say(made: NewLists, out: Output) -> None:
    cold = f"{made.cold_users} of {made.users} users and {made.cold_items} of {made.items} items are new to the run"
    out.say(f"{cold}; the effects of new items are predicted" if made.cold_items else cold)
    for note in made.notes:
        out.say(note)


def _render(console: Any, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from causalkit.cli._summary import effect_words
    from causalkit.reporting.words import clean

    table = Table("", "item", "effect", "whose", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for row in rows:
        table.add_row(str(row["rank"]), clean(row["item"]), effect_words(row), str(row["level"]))
    console.print(table)


def _render_users(console: Any, rows: list[dict[str, Any]], out: Output) -> None:
    from causalkit.reporting.words import clean

    names = list(dict.fromkeys(row["who"] for row in rows))
    if not names:
        out.say("There is nothing to recommend to these users.")
    for name in names[:SHOWN]:
        own = [row for row in rows if row["who"] == name]
        console.print(f"{clean(name)}{' (new)' if own[0]['cold_user'] else ''}")
        _render(console, own)
    if len(names) > SHOWN:
        out.say(f"{len(names) - SHOWN} more users; --out FILE writes all.")
