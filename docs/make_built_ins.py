"""Writes docs/plugins/built-ins.md: what the conformance kit finds of every built-in component.

    python docs/make_built_ins.py

A test (tests/testing/test_built_ins.py) checks each built-in anew and fails where its row is not what the page says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from causalkit.checking import ComponentCard, check_distribution, counts
from causalkit.testing import CHECKS

PAGE = Path(__file__).parent / "plugins" / "built-ins.md"
COLUMNS = ("kind", "component", "passed", "failed", "does not apply", "unverified", "rests on")


def page(cards: Sequence[ComponentCard]) -> str:
    """The whole page."""
    return "\n".join([*_opening(), *_table(cards), "", *_left_out(cards)]) + "\n"


def row(card: ComponentCard) -> str:
    """One component's line of the table."""
    numbers = map(str, counts(card.findings).values())
    rests = "" if card.assumes is None else ", ".join(card.assumes) or "nothing"
    return f"| {' | '.join([card.kind, f'`{card.name}`', *numbers, rests])} |"


def _opening() -> Iterator[str]:
    yield "# Built-ins under the kit"
    yield ""
    yield "Every built-in is held to the same checks as a stranger's component: `causalkit plugins check causalkit`"
    yield "runs them. `python docs/make_built_ins.py` writes this page; a test checks each component anew and compares."
    yield ""
    yield "*Unverified* means that a component claims nothing which planted data could hold it to. *Rests on* is what"
    yield "its answers assume, in [names of a closed list](index.md#what-it-rests-on): it is right, with intervals"
    yield "that cover, in every planted world where all of that holds; elsewhere it says what fails. Checks have fixed"
    yield "seeds and a few draws each: they find gross faults, and are no study of coverage."
    yield ""


def _table(cards: Sequence[ComponentCard]) -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|" + "---|" * len(COLUMNS)
    yield from dict.fromkeys(row(card) for card in cards)


def _left_out(cards: Sequence[ComponentCard]) -> Iterator[str]:
    """Which checks do not apply, or leave something unverified, why, and to whom."""
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for card in cards:
        for found in (*card.of("not-applicable"), *card.of("unverified")):
            told[found.check, found.reason].append(f"`{card.name}`")
    yield "## What does not apply, and why"
    yield ""
    yield "| check | why | of |"
    yield "|---|---|---|"
    for (check, reason), names in sorted(told.items()):
        shown = " ".join(reason.split()).replace("|", "\\|")
        yield f"| `{check}` | {shown} | {', '.join(dict.fromkeys(names))} |"


if __name__ == "__main__":
    found = check_distribution("causalkit", say=partial(click.echo, err=True))
    PAGE.write_text(page(found.components), encoding="utf-8")
    click.echo(f"{len(found.components)} components, {len(CHECKS)} checks; {found.verdict}")
