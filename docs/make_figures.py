"""Writes README's figures from benchmarks/results/*.json, so that no figure is typed by hand.

    python docs/make_figures.py

A test (tests/test_docs.py) fails when README is not what this would write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
START, END = "<!-- figures: python docs/make_figures.py -->", "<!-- end of figures -->"
BENCHMARKS = {
    "quickstart": "The main job, on real data",
    "shop": "Ranking by effect against the planted truth, 20 simulated shops",
    "kill": "Runs that are killed and taken up again",
    "scale": "A hundred million rows, and lists for a million users",
    "newcomer": "A plugin of each kind by a newcomer, and a bad one of each",
    "startup": "The command line",
}
LEFT_OUT = (
    *("slowest steps", "held-out error", "types ", "held-out-effect@20", "bare click", "causalkit plugins list,"),
    *(
        "its parts beside",
        "kills made",
        "writing",
        "the same of processors",
        "items with an estimate",
        "µs per further",
    ),
)
"""Rows that only the committed results show, by how they begin."""
PARTS_LEFT_OUT = (": its own test", ": its score card")
"""The same, by what they say."""


def figures() -> str:
    """One table per benchmark, each under the command that makes it."""
    return "\n".join(line for name, title in BENCHMARKS.items() for line in _table(name, title))


def _table(name: str, title: str) -> Iterator[str]:
    result = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))
    machine = result["machine"]
    yield f"**{title}** – `python benchmarks/{name}.py` ({machine['cores']} cores, {machine['processor']})"
    yield ""
    yield "| what | measured | goal |"
    yield "|---|---|---|"
    for row in result["rows"]:
        if not row["what"].startswith(LEFT_OUT) and not any(part in row["what"] for part in PARTS_LEFT_OUT):
            verdict = {True: "met", False: "**missed**", None: "not judged"}[row["met"]] if row["goal"] else ""
            goal = f"{row['goal']}, {verdict}" if verdict else ""
            yield f"| {row['what']} | {_shown(row['value'])} | {goal} |"
    yield ""


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def filled(readme: str) -> str:
    """README with the figures between their two marks."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{figures()}{END}{after}"


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    click.echo("wrote README.md")
