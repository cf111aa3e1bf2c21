"""What `causalkit run` prints at the end: the answer, the top recommendations with receipts, the measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable
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
        "steps": [{"step": s.step, "status": s.status, "seconds": s.seconds} for s in result.steps],
        "recommendations": recommendations(run),
        "measurements": [measured(measurement) for measurement in result.measurements],
    }


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
    return {name: getattr(measurement, name) for name in names if hasattr(measurement, name)}


def render(console: Console, run: Run) -> None:
    """Print the summary of a run."""
    from rich.text import Text

    seconds = sum(step.seconds for step in run.result.steps)
    console.print(Text.assemble((run.config.name, "bold"), f" · run {run.id} · {run.status} in {seconds:.0f} s"))
    if answer := _answer(run):
        console.print()
        console.print(answer)
    _render_list(console, run)
    _render_measurements(console, run.measurements)
    console.print()
    if run.report_path.exists():
        console.print("Report: ", style="bold", end="")
        console.print(str(run.report_path), soft_wrap=True)
    else:
        console.print(f"Kept in {run.path}", soft_wrap=True)


def _answer(run: Run) -> str:
    """The report's answer in one sentence, where the run got that far."""
    if run.effects is None:
        return ""
    from causalkit._assemble import report_view
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


def _render_measurements(console: Console, measurements: Iterable[Measurement]) -> None:
    found = list(measurements)
    if not found:
        return
    from rich.table import Table

    table = Table(
        "measured on held-out rows", "of", "value", "95 %", "n", box=None, pad_edge=False, padding=(0, 3, 0, 0)
    )
    for m in found:
        interval = f"{m.lower:.4g} to {m.upper:.4g}" if math.isfinite(m.lower) and math.isfinite(m.upper) else "–"
        name = m.name if getattr(m, "on", "test") == "test" else f"{m.name} ({m.on})"
        table.add_row(name, m.of, f"{m.value:.4g}" if math.isfinite(m.value) else "–", interval, str(m.n or "–"))
    console.print()
    console.print(table)
