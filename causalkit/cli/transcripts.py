"""`causalkit transcripts`: what language models were asked and answered, listed and written as a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from causalkit.cli._output import Output, common_options, runs_dir_option

if TYPE_CHECKING:
    from causalkit.transcripts import Exchange

__all__ = ["transcripts"]


@click.group()
def transcripts() -> None:
    """What language models were asked and answered, in all runs.

    It lies in <runs-dir>/.cache/transcripts.sqlite, which `runs gc` leaves alone: what is there is not asked again.
    """


@transcripts.command("list")
@runs_dir_option
@common_options
def list_(runs_dir: str, out: Output) -> None:
    """List the models that were asked, how often, and what they took."""
    from causalkit.types import Usage

    groups: dict[tuple[str, str], list[Exchange]] = {}
    for one in _all(runs_dir, out):
        groups.setdefault((one.model, _written(one.parameters)), []).append(one)
    rows: list[dict[str, Any]] = [
        {
            "model": model,
            "parameters": dict(some[0].parameters),
            "exchanges": len(some),
            "refused": sum(bool(one.refused) for one in some),
            "usage": Usage.together(one.usage for one in some),
            "first": min(one.time for one in some),
            "last": max(one.time for one in some),
        }
        for (model, _), some in sorted(groups.items())
    ]

    def render(console: Any) -> None:
        if not rows:
            console.print("No language model was asked yet.")
        for row in rows:
            console.print(f"{row['model']}  {row['usage'].words}  {row['first'][:16]} to {row['last'][:16]}")
            console.print(f"    {_written(row['parameters'])}", soft_wrap=True)

    out.result({"transcripts": rows}, render)


@transcripts.command()
@click.option("--out", "place", required=True, type=click.Path(path_type=Path), help="The recording, a .jsonl file.")
@click.option("--model", default="", help="Of this model alone, as `transcripts list` names it.")
@runs_dir_option
@common_options
def export(place: Path, model: str, runs_dir: str, out: Output) -> None:
    """Write a recording, which `use: recorded` replays.

    A line is an exchange; the same exchanges give the same bytes. Prompts and answers are in it as they were.
    """
    from causalkit.errors import UsageError, nearest
    from causalkit.recording import write_recording

    found = _all(runs_dir, out)
    chosen = [one for one in found if model in ("", one.model)]
    if not chosen:
        known = sorted({one.model for one in found})
        raise UsageError(
            f"there is nothing to export{f' of {model!r}' if model else ''}{nearest(model, known)}",
            "See `causalkit transcripts list`.",
        )
    count = write_recording(chosen, place)
    out.result({"out": str(place), "exchanges": count}, lambda console: console.print(str(place), soft_wrap=True))


@transcripts.command("import")
@click.argument("recording", type=click.Path(path_type=Path))
@runs_dir_option
@common_options
def import_(recording: Path, runs_dir: str, out: Output) -> None:
    """Take the exchanges of RECORDING in: the same model is then not asked them again.

    What is there already stays as it is.
    """
    from causalkit.recording import read_recording

    told = list(read_recording(recording))
    store = _store(runs_dir, out)
    before = len(list(store.all()))
    store.take_in(told)
    new = len(list(store.all())) - before
    store.close()
    shown = f"{new} new of {len(told)} exchanges"
    out.result({"exchanges": len(told), "new": new}, lambda console: console.print(shown))


def _all(runs_dir: str, out: Output) -> list[Exchange]:
    store = _store(runs_dir, out)
    found = list(store.all())
    store.close()
    return found


def _store(runs_dir: str, out: Output) -> Any:
    from causalkit.transcripts import Transcripts

    return Transcripts(Path(runs_dir) / ".cache" / "transcripts.sqlite", on_damage=out.say)


def _written(parameters: Any) -> str:
    import json

    return json.dumps(dict(parameters), sort_keys=True, ensure_ascii=False)
