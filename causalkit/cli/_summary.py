"""What `causalkit run` prints at the end: the answer, the top recommendations with receipts, the measurements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from causalkit.errors import CausalkitError

if TYPE_CHECKING:
    from rich.console import Console

    from causalkit.runner import Run
    from causalkit.types import Measurement

__all__ = ["document", "measured", "recommendations", "render"]

SHOWN = 5
"""How many recommendations the terminal shows with their receipts."""


def document(run: Run) -> dict[str, Any]:
    """The result of a run for `--json`."""
    result = run.result
    return {
        "run": run.id,
        "path": str(run.path),
        "status": run.status,
        "report": str(run.report_path) if run.report_path.exists() else None,
        "config_hash": result.config_hash,
        "data_fingerprint": result.data_fingerprint,
        "seed": result.seed,
        "answer": _answer(run) or None,
        "notes": _notes(run),
        "usage": result.usage,
        "steps": [{"step": s.step, "status": s.status, "seconds": s.seconds} for s in result.steps],
        "recommendations": recommendations(run),
        "measurements": [measured(measurement) for measurement in result.measurements],
    }


def _notes(run: Run) -> list[str]:
    """What a reader of the results should know of the log, and what encoders met."""
    from causalkit.reporting.from_run import notes_of_encoders

    facts = run.folder.load("load/facts")
    return [*(facts.notes if facts else ()), *notes_of_encoders(run)]


def recommendations(run: Run) -> list[dict[str, Any]]:
    """The overall list, best first, each with its receipt's text."""
    if run.ranking is None:
        return []
    explanation = run.explanation
    rows: list[dict[str, Any]] = run.ranking.overall.to_dict(orient="records")
    for row in rows:
        receipt = explanation.find(row["item"]) if explanation is not None else None
        row["receipt"] = receipt.text if receipt is not None else None
    return rows


def measured(measurement: Measurement) -> dict[str, Any]:
    """A measurement without its details."""
    names = ("name", "of", "on", "value", "lower", "upper", "n", "note")
    return {name: getattr(measurement, name) for name in names}


def render(console: Console, run: Run) -> None:
    """Print the summary of a run."""
    from rich.text import Text

    seconds = sum(step.seconds for step in run.result.steps)
    console.print(Text.assemble((run.config.name, "bold"), f" · run {run.id} · {run.status} in {seconds:.0f} s"))
    if answer := _answer(run):
        console.print()
        console.print(answer)
    _render_list(console, run)
    _render_measurements(console, run)
    _render_notes(console, run)
    console.print()
    if (usage := run.result.usage) is not None:
        console.print(f"Language models: {usage.words}, when their answers were first given")
    if run.report_path.exists():
        console.print("Report: ", style="bold", end="")
        console.print(str(run.report_path), soft_wrap=True)
    else:
        console.print(f"Kept in {run.path}", soft_wrap=True)
    if hint := _hint(run):
        console.print(hint, soft_wrap=True)


def _answer(run: Run) -> str:
    """The report's answer in one sentence, where the run got that far."""
    if run.effects is None:
        return ""
    from causalkit.reporting.from_run import report_view
    from causalkit.reporting.summary import answer

    try:
        return answer(report_view(run))
    except CausalkitError:
        return ""


def _render_list(console: Console, run: Run) -> None:
    rows = recommendations(run)
    if not rows:
        return
    from rich.padding import Padding
    from rich.text import Text

    from causalkit.reporting.words import clean

    console.print()
    console.print(f"Top of the list for everybody, of {len(rows)} by {run.ranking.ranker if run.ranking else ''}:")
    for row in rows[:SHOWN]:
        head = Text.assemble(f"{row['rank']:>3}  ", (clean(row["item"]), "bold"), f"  {effect_words(row)}")
        console.print(head)
        if row["receipt"]:
            console.print(Padding(Text(clean(row["receipt"]), style="dim"), (0, 0, 0, 5), expand=False))


def effect_words(row: dict[str, Any]) -> str:
    """`+0.36 (95 % +0.30 to +0.42) per 100`, or what stands in its place."""
    from causalkit.reporting.words import Units

    effect, lower, upper = (float(row[name]) for name in ("effect", "lower", "upper"))
    if not math.isfinite(effect):
        return f"[{row['status']}]"
    units = Units.fitting("", [upper - lower])
    shown = f"{units.effect(effect)} per 100 (95 % {units.interval(lower, upper)})"
    return shown if row["status"] == "estimated" else f"{shown} [{row['status']}]"


def _render_measurements(console: Console, run: Run) -> None:
    """A row per metric: the run's own ranking with its interval, what it is compared with beside."""
    from rich.table import Table

    found = [m for m in run.measurements if math.isfinite(m.value)]
    own = run.ranking.ranker if run.ranking is not None else ""
    metrics = dict.fromkeys(_title(m) for m in found if m.of == own)
    beside = list(dict.fromkeys(m.of for m in found if m.of != own and _title(m) in metrics))
    if not metrics:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("on held-out rows", f"{own} (95 %)"):
        table.add_column(name, no_wrap=True)
    for name in beside:
        table.add_column(name)
    for title in metrics:
        of = {m.of: m for m in found if _title(m) == title}
        table.add_row(title, _with_interval(of[own]), *(f"{of[b].value:.3g}" if b in of else "" for b in beside))
    console.print()
    console.print(table)


def _render_notes(console: Console, run: Run) -> None:
    """What encoders met, such as texts that were cut; nothing where there was nothing."""
    from rich.padding import Padding

    from causalkit.reporting.from_run import notes_of_encoders
    from causalkit.reporting.words import clean

    notes = list(notes_of_encoders(run))
    if not notes:
        return
    console.print()
    console.print("What encoders met:")
    for note in notes:
        console.print(Padding(clean(note), (0, 0, 0, 2), expand=False), markup=False, highlight=False)


def _title(measurement: Measurement) -> str:
    return measurement.name if measurement.on == "test" else f"{measurement.name} ({measurement.on})"


def _with_interval(m: Measurement) -> str:
    known = math.isfinite(m.lower) and math.isfinite(m.upper)
    return f"{m.value:.3g} ({m.lower:.3g} to {m.upper:.3g})" if known else f"{m.value:.3g}"


def _hint(run: Run) -> str:
    """What to call next: for the rest of a run that stopped, for the lists of users, or for the graph alone."""
    if run.status in ("failed", "interrupted", "killed"):
        return f"It goes on with: causalkit run --resume {run.path}"
    if run.ranking is None and run.graph is not None:
        return f"The causal graph: causalkit graph show {run.id}"
    users = run.ranking is not None and bool((run.ranking.table["scope"] == "user").any())
    return f"For one user: causalkit recommend {run.id} --user ID" if users else ""
