"""Writes README's figures and docs/figures.md from benchmarks/results/*.json, so that no figure is typed by hand.

    python docs/make_figures.py

README shows the few rows that say most, docs/figures.md all of them. A test (tests/test_docs.py) fails when either is
not what this would write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[1]
START, END = "<!-- figures: python docs/make_figures.py -->", "<!-- end of figures -->"
TITLES = {
    "quickstart": "The main job, on real data",
    "shop": "Ranking by effect against the planted truth, 20 simulated shops",
    "encoders/throughput": "Texts through MiniLM, beside sentence-transformers",
    "encoders/equal": "Vectors: batched beside one by one, and beside sentence-transformers",
    "encoders/helps": "How much text helps",
    "encoders/tastes": "What user vectors are worth where a taste is hidden",
    "encoders/many": "Ten million texts, a kill in the middle",
    "discovery/pc_speed": "PC beside causal-learn, pgmpy and gCastle",
    "discovery/pc_correct": "PC against the definition, a plain reference, and knowledge",
    "discovery/null": "Coins that depend on nothing, over rows that repeat users, items and weeks",
    "discovery/priors": "What a language model's answers add to data",
    "discovery/likelihood": "What an answer says of an edge: the table that `fused` ships",
    "discovery/pairs": "Recorded answers of language models, read again",
    "pooling": "What calendar terms cost and save, on calendars where nothing happened",
    "kill": "Runs that are killed and taken up again",
    "scale": "A hundred million rows, and lists for a million users",
    "newcomer": "A plugin of each kind by a newcomer, and a bad one of each",
    "startup": "The command line",
}
"""Every benchmark, by its script without `.py`; its results lie under that name, `/` written as `-`."""
HEADLINES = {
    "quickstart": (
        "causalkit run quickstart",
        "its peak memory",
        "the same again",
        "files that differ",
        "naive: exposed minus unexposed [exposed household-weeks],",
        "+ item and week [exposed household-weeks],",
        "held-out-effect@10 of uplift, test",
        "held-out-effect@10 of random, test",
        "held-out-effect@10 of popularity, test",
        "held-out-effect@10 of uplift on difference-in-means, test",
        "slope of held-out on claimed, test weeks, 218",
        "slope of held-out on claimed, transport weeks, 212",
        "falsification exposure-elsewhere: pooled",
        "falsification shifted-calendar: share",
    ),
    "shop": (
        "cp@10 uplift, mean",
        "cp@10 popularity",
        "cp@10 uplift on difference-in-means, mean",
        "cp@10 uplift minus",
    ),
    "kill": ("200 kills",),
    "scale": (
        "regression, 10⁸ rows × 10⁴ items: peak",
        "regression, 10⁸ rows: µs",
        "95 % intervals",
        "times faster than implicit's topk, as",
        "times faiss",
        "top-10 for 1,000,000 users × 100,000 items × 64 dims, seconds",
    ),
    "encoders/throughput": (
        "product descriptions: times its best",
        "float32: times its best",
        "float32, share",
        "int8: times its best",
        "int8: least",
    ),
    "encoders/equal": ("encode step over", "MiniLM, mean: b"),
    "encoders/helps": (
        "shop, text tells, cold items: error with lsa",
        "shop, text silent, cold items: error with lsa",
        "types made never mailed, no department, 218: error with lsa",
    ),
    "discovery/pc_speed": (
        "p=200: seconds",
        "p=200: times causal-learn",
        "p=1000, 5,000 rows: seconds",
        "p=50, 3 levels, complete graph, G² given one: times",
        "p=200, 3 levels, sparse graph, G² given one: times",
    ),
    "discovery/pc_correct": ("d-separation oracle, alone", "violations"),
    "discovery/null": ("Complete Journey: coin per",),
    "discovery/priors": (
        "data only (the same search, result: dag): sum",
        "hard: sum",
        "fused: sum",
        "fused, every answer flipped: upper",
        "fused, random answers: upper",
        "candidate edges, both",
    ),
    "startup": ("causalkit --help, seconds", "causalkit --help /"),
}
"""Which rows README shows, by how they begin."""


def headlines() -> str:
    """README's table: a row, what was measured, its goal, and the script that measures it."""
    lines = ["| what | measured | goal | by |", "|---|---|---|---|"]
    for name, chosen in HEADLINES.items():
        rows = [row for row in _result(name)["rows"] if row["what"].startswith(chosen)]
        lines += [f"{_line(row)} `{name}.py` |" for row in rows]
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/figures.md: every row of every committed result, under the command that makes it."""
    head = (
        "# Figures",
        "",
        "Every row of every committed result. Each table comes from the command above it, run on the machine that it",
        "names; `--quick` runs a smaller one within a minute. Goals were set before; missed ones stay.",
        "",
    )
    return "\n".join([*head, *(line for name, title in TITLES.items() for line in _table(name, title))])


def _table(name: str, title: str) -> Iterator[str]:
    result = _result(name)
    machine = result["machine"]
    yield f"## {title}"
    yield ""
    yield f"`python benchmarks/{name}.py` ({machine['cores']} cores, {machine['processor']})"
    yield ""
    yield "| what | measured | goal |"
    yield "|---|---|---|"
    yield from map(_line, result["rows"])
    yield ""


def _result(name: str) -> dict[str, Any]:
    path = ROOT / "benchmarks" / "results" / f"{name.replace('/', '-')}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _line(row: dict[str, Any]) -> str:
    verdict = {True: "met", False: "**missed**", None: "not judged"}[row["met"]] if row["goal"] else ""
    goal = f"{row['goal']}, {verdict}" if verdict else ""
    return f"| {_cell(row['what'])} | {_cell(_shown(row['value']))} | {_cell(goal)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def filled(readme: str) -> str:
    """README with the figures between their two marks."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{headlines()}{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(filled(readme.read_text(encoding="utf-8")), encoding="utf-8")
    (ROOT / "docs" / "figures.md").write_text(page(), encoding="utf-8")
    click.echo("wrote README.md and docs/figures.md")
