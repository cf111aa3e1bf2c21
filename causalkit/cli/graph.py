"""`causalkit graph`: a run's causal graph, shown, written for other tools, or for review."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from causalkit.cli._output import Output, common_options, plain_json, runs_dir_option

if TYPE_CHECKING:
    from causalkit.runner import Run
    from causalkit.types import CausalGraph

__all__ = ["graph"]

FORMATS = ("gml", "dot", "json")


@click.group()
def graph() -> None:
    """Show a run's causal graph, or write it for other tools or for review."""


@graph.command()
@click.argument("run", default="latest")
@runs_dir_option
@common_options
def show(run: str, runs_dir: str, out: Output) -> None:
    """Show the edges of RUN's causal graph.

    RUN is a path, the start of a run's name, or `latest` (the default). The surest edges come first.
    """
    from causalkit.runner import open_run

    opened = open_run(run, runs_dir)
    found = _graph_of(opened)
    edges = sorted(found.edges, key=lambda edge: -edge.confidence)

    def render(console: Any) -> None:
        from rich.table import Table

        from causalkit.reporting.words import clean

        heads = ("edge", "confidence", "strength", "evidence")
        table = Table(*heads, box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for edge in edges:
            told = "; ".join(why.words for why in edge.evidence)
            strength = "" if edge.strength is None else f"{edge.strength:.3g}"
            table.add_row(clean(str(edge)), f"{edge.confidence:.2f}", strength, clean(told))
        console.print(table)
        for note in found.notes:
            console.print(clean(note), style="dim", soft_wrap=True)

    out.result({"run": opened.id, "graph": found.to_dict()}, render)


@graph.command()
@click.argument("run", default="latest")
@click.option("--format", "sort", type=click.Choice(FORMATS), help="Without: as the file ends; on stdout gml.")
@click.option("--out", "file", type=click.Path(path_type=Path), help="Where to; without, to stdout.")
@runs_dir_option
@common_options
def export(run: str, sort: str | None, file: Path | None, runs_dir: str, out: Output) -> None:
    """Write RUN's causal graph for other tools.

    RUN is a path, the start of a run's name, or `latest` (the default). JSON also holds evidence, tiers and
    descriptions.
    """
    from causalkit.exporting import check_destination
    from causalkit.runner import open_run
    from causalkit.store.atomic import replacing

    if file is not None:
        check_destination(file, [f".{name}" for name in FORMATS] if sort is None else ())
    opened = open_run(run, runs_dir)
    chosen = sort or (file.suffix[1:].lower() if file else "gml")
    text = _text(opened, chosen)
    if file is not None:
        with replacing(file.resolve()) as temporary:
            temporary.write_text(text, encoding="utf-8")
        out.say(f"{len(_graph_of(opened).edges)} edges in {file}")
    shown = None if file else text
    document = {"run": opened.id, "format": chosen, "out": str(file) if file else None, "text": shown}
    out.result(document, lambda _: click.echo(shown, file=out.stream, nl=False) if shown else None)


@graph.command()
@click.argument("run", default="latest")
@click.option("--out", "file", type=click.Path(path_type=Path), help="Where to; without, to stdout.")
@click.option("--overwrite", is_flag=True, help="Write over a file that is there, decisions in it too.")
@runs_dir_option
@common_options
def edit(run: str, file: Path | None, overwrite: bool, runs_dir: str, out: Output) -> None:
    """Write RUN's causal graph as YAML for review.

    Each edge stands with its evidence and a place to decide: keep, reverse, remove, and why. The edited file goes
    back in as knowledge: `causalkit run CONFIG -o knowledge=FILE`. RUN is a path, the start of a run's name, or
    `latest` (the default).
    """
    from causalkit.errors import UsageError
    from causalkit.exporting import check_destination
    from causalkit.graph_review import review_of
    from causalkit.runner import open_run
    from causalkit.store.atomic import replacing

    if file is not None:
        check_destination(file, (".yaml", ".yml"))
        if file.exists() and not overwrite:
            raise UsageError(f"{file} is there already, and may hold decisions", "Name another file, or --overwrite.")
    opened = open_run(run, runs_dir)
    text = review_of(opened)
    if file is not None:
        with replacing(file.resolve()) as temporary:
            temporary.write_text(text, encoding="utf-8")
        out.say(f"{len(_graph_of(opened).edges)} edges in {file}; decide, then `causalkit run … -o knowledge={file}`")
    shown = None if file else text
    document = {"run": opened.id, "out": str(file) if file else None, "text": shown}
    out.result(document, lambda _: click.echo(shown, file=out.stream, nl=False) if shown else None)


def _graph_of(run: Run) -> CausalGraph:
    from causalkit.sheets import graph_of

    return graph_of(run)


def _text(run: Run, sort: str) -> str:
    """The graph in a format, ending with a new line."""
    from causalkit.sheets import graph_document

    found = _graph_of(run)
    if sort == "dot":
        return found.to_dot()
    if sort == "gml":
        return found.to_gml() + "\n"
    return json.dumps(plain_json(graph_document(run)), indent=1, ensure_ascii=False) + "\n"
