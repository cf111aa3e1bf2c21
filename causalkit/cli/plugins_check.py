"""`causalkit plugins check`: the score card of a distribution."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from causalkit.cli._output import Output, common_options

if TYPE_CHECKING:
    from causalkit.checking import ComponentCard
    from causalkit.testing.kit import Finding

__all__ = ["check"]


@click.command()
@click.argument("dist")
@click.option("--component", metavar="NAME", help="Only the component of this name.")
@click.option("--kind", help="Only components of this kind.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="Seconds that one check may take.",
)
@common_options
def check(dist: str, component: str | None, kind: str | None, timeout: float, out: Output) -> None:
    """Check DIST (a distribution, or a plugin of one) and its components, each in a process of its own.

    Exit code 1 where a check fails. A component that says nothing of what it assumes is unverified, which is no
    failure.
    """
    from causalkit.checking import as_json, check_distribution
    from causalkit.components import kind_named

    if kind is not None:
        kind_named(kind)
    card = check_distribution(dist, component=component, kind=kind, timeout=timeout, say=out.say)

    def render(console: Any) -> None:
        console.print(f"{card.distribution} {card.version}".strip())
        _print(console, "distribution", card.findings)
        for one in card.components:
            _print(console, f"{one.kind} {one.name}", one.findings)
            if claim := _claim(one):
                console.print(f"    {claim}")
        console.print(f"\n{card.verdict}")

    out.result(as_json(card), render)
    if not card.passed:
        sys.exit(1)


def _print(console: Any, name: str, findings: Iterable[Finding]) -> None:
    """Counts in a line, then each failure: what it is held to, and what is wrong."""
    from causalkit.checking import counts, summary_of

    told = counts(tuple(findings))
    said = ", ".join(f"{n} {status.replace('-', ' ')}" for status, n in told.items() if n)
    console.print(f"  {name:<34} {said}")
    for found in findings:
        if found.status == "failed":
            console.print(f"    FAILED {found.check}: {summary_of(found.check)}", style="bold")
            console.print(f"      {found.reason}")


def _claim(card: ComponentCard) -> str:
    """What it assumes, and whether that was held against planted worlds; empty where there is nothing to claim."""
    if card.assumes is None:
        reasons = dict.fromkeys(found.reason for found in card.of("unverified"))
        return f"unverified: {'; '.join(reasons)}" if reasons else ""
    names = ", ".join(card.assumes) or "nothing"
    return f"assumes {names}: {'verified' if card.verified else 'not verified'} in planted worlds"
