"""The report in a few lines of plain text, for the command line."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from causalkit.reporting.recommendations import RecommendationList, recommendations
from causalkit.reporting.summary import answer, caveats, status_counts, units_of
from causalkit.reporting.view import ReportView
from causalkit.reporting.words import Units, clean, count, joined, shortened

__all__ = ["render_text"]

WIDTH = 100


def render_text(view: ReportView, *, top: int = 5) -> str:
    """The question, the answer, naive to adjusted, what weakens it, what encoders met, the `top` recommendations.

    No colours, no control characters; lines of at most 100 characters but for long words.
    """
    units = units_of(view)
    blocks = [
        _wrap(view.question or view.name),
        _wrap(answer(view)),
        _ladder(view, units),
        _items(view),
        _listed("What weakens it", [f"{c.level}: {c.text}" for c in caveats(view)]),
        _listed("What encoders met", view.met),
        _recommended(recommendations(view, units), units, top),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _wrap(text: str, lead: str = "") -> str:
    hang = " " * len(lead)
    return textwrap.fill(clean(text), WIDTH, initial_indent=lead, subsequent_indent=hang, break_long_words=False)


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(_wrap(line, "  - ") for line in lines)]) if lines else ""


def _ladder(view: ReportView, units: Units) -> str:
    if not view.ladder:
        return "Naive to adjusted: left out, no specification was compared."
    rows = [
        (shortened(r.specification, 40), shortened(r.population, 26), units.effect(r.effect),
         units.interval(r.lower, r.upper), units.effect(r.naive))
        for r in view.ladder
    ]  # fmt: skip
    return f"Naive to adjusted, {units.words}\n" + _table(
        ("specification", "population", "effect", "95 % interval", "naive"), rows
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: tuple[str, ...]) -> str:
        cells = (cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        return ("  " + "  ".join(cells)).rstrip()

    return "\n".join(line(row) for row in [head, *rows])


def _items(view: ReportView) -> str:
    counts = status_counts(view)
    if not counts:
        return ""
    told = joined(f"{count(n)} {status}" for status, n in counts.items())
    return _wrap(f"{view.items_called[:1].upper()}{view.items_called[1:]}: {told}.")


def _recommended(lists: list[RecommendationList], units: Units, top: int) -> str:
    first = next((each for each in lists if each.scope == "overall"), None)
    if first is None:
        return "Recommendations: left out, nothing was ranked overall."
    lines = [f"Top recommendations, {units.words}"]
    for line in first.lines[:top]:
        guess = " (predicted)" if line.status == "predicted" else ""
        lines.append(f"  {line.rank:>2}. {line.item}{guess}  {line.effect}  ({line.interval})")
        if line.text:
            lines.append(_wrap(line.text, "      "))
    return "\n".join(lines)
