"""Holds an installed distribution and each of its components to what plugins must do, in processes of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint
from typing import Any

from causalkit import disabling
from causalkit.errors import PluginError, UsageError, nearest
from causalkit.probing import PATIENCE, Bench, Outcome
from causalkit.testing.kit import CHECKS, STATUSES, Finding, Judged, checks_for

__all__ = ["ComponentCard", "DistributionCard", "as_json", "check_distribution", "counts", "summary_of"]

MOST_LOST = 2
"""Processes that may be lost with one component before its other checks are left out."""
_TASKS = "causalkit.check_tasks"
_SUMMARIES = {
    "component/made": "It can be made: with its defaults, or by the declaration's `examples`.",
    "distribution/loads": "Its entry points can be imported.",
    "distribution/light": "Importing them imports no heavy library.",
    "distribution/hooks": "Each hook is known, is under @hookimpl and asks for what it is given.",
    "distribution/declarations": "Each component that it declares can be found, and speaks this causalkit's api.",
    "distribution/names": "Names are lower case, words joined by hyphens.",
    "distribution/unique-names": "No other installed distribution has a component of the same kind and name.",
    "distribution/summaries": "Each component has a summary of one line.",
    "distribution/examples": "`examples` of declarations can be imported.",
    "distribution/metadata": "Its metadata says which Python it needs, and that it needs causalkit.",
}


@dataclass(frozen=True)
class ComponentCard(Judged):
    """What the checks found of one component.

    Parameters
    ----------
    example : how it was made: its `repr`.
    assumes : what it says it rests on; None where it says nothing, and is unverified in planted worlds.
    """

    kind: str
    name: str
    example: str
    assumes: tuple[str, ...] | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class DistributionCard:
    """What the checks found of a distribution and of its components."""

    distribution: str
    version: str
    findings: tuple[Finding, ...]
    components: tuple[ComponentCard, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(f.status != "failed" for f in self.findings) and all(card.passed for card in self.components)

    @property
    def verdict(self) -> str:
        """One sentence."""
        called = f"{self.distribution} {self.version}".strip()
        bad = sum(f.status == "failed" for f in self.findings) + sum(len(c.of("failed")) for c in self.components)
        if bad:
            return f"{called} fails {bad} check{'s' * (bad > 1)}."
        unverified = [card.name for card in self.components if not card.verified]
        if unverified:
            return f"{called} passes; unverified: {', '.join(dict.fromkeys(unverified))}."
        return f"{called} passes every check."


def check_distribution(
    name: str,
    *,
    component: str | None = None,
    kind: str | None = None,
    timeout: float = PATIENCE,
    say: Callable[[str], None] = lambda _: None,
) -> DistributionCard:
    """Check a distribution, found by its name or by that of a plugin of it.

    Parameters
    ----------
    component, kind : only the components of this name, or kind.
    timeout : seconds that one check may take.
    say : told what is under way.

    Raises
    ------
    PluginError : there is no such distribution. UsageError : it has no such component.
    """
    points = _points_of(name)
    distribution, version = disabling.owner(points[0])
    say(f"{distribution} {version}: what it declares")
    with Bench(timeout) as bench:
        facts = bench.do((f"{_TASKS}:declared", (distribution,)))
    if facts.fault:
        lost = Finding("distribution/loads", "failed", facts.fault)
        return DistributionCard(distribution, version, (lost,), ())
    findings = tuple(Finding(**found) for found in facts.value["findings"])
    chosen = _chosen(facts.value["components"], distribution, component, kind)
    cards = [card for told in chosen for card in _cards(told, timeout, say)]
    return DistributionCard(distribution, version, findings, tuple(cards))


def _points_of(name: str) -> list[EntryPoint]:
    """The entry points of the distribution meant."""
    points = disabling.points(disabling.COMPONENTS)
    asked = disabling.normal(name)
    found = [p for p in points if asked in (disabling.normal(disabling.owner(p)[0]), disabling.normal(p.name))]
    if not found:
        known = sorted({told for p in points for told in (disabling.owner(p)[0], p.name)})
        raise PluginError(
            f"there is no plugin {name!r}{nearest(name, known)}",
            f"Installed: {', '.join(known)}. One of your own must be installed first: `pip install -e FOLDER`.",
        )
    owner = disabling.owner(found[0])
    return [p for p in points if disabling.owner(p) == owner]


def _chosen(
    told: Sequence[dict[str, str]], distribution: str, component: str | None, kind: str | None
) -> list[dict[str, str]]:
    chosen = [one for one in told if component in (None, one["name"]) and kind in (None, one["kind"])]
    if told and not chosen:
        names = [one["name"] for one in told]
        asked = " ".join(part for part in (kind, component) if part)
        raise UsageError(
            f"{distribution} has no {asked!r}{nearest(component or '', names)}",
            "It has " + ", ".join(f"{one['kind']} {one['name']}" for one in told) + ".",
        )
    return chosen


def _cards(told: dict[str, str], timeout: float, say: Callable[[str], None]) -> Iterator[ComponentCard]:
    """A card for each example of a component; one that can't be made has one failed finding."""
    kind, name = told["kind"], told["name"]
    how = (kind, told["target"], told["examples"])
    scratch = tempfile.TemporaryDirectory(prefix="causalkit-check-", ignore_cleanup_errors=True)
    with scratch as folder, Bench(timeout) as bench:
        made = bench.do((f"{_TASKS}:made", (*how, folder)))
        if made.fault:
            say(f"{kind} {name}: cannot be made")
            yield ComponentCard(kind, name, "", None, (Finding("component/made", "failed", made.fault),))
            return
        for i, example in enumerate(made.value):
            say(f"{kind} {name}: {len(checks_for(kind))} checks")
            assumes = None if example["assumes"] is None else tuple(example["assumes"])
            findings = tuple(_findings(bench, (*how, folder, i), kind))
            yield ComponentCard(kind, name, example["repr"], assumes, findings)


def _findings(bench: Bench, how: tuple[Any, ...], kind: str) -> Iterator[Finding]:
    """What each check finds; one with which the process is lost has failed."""
    lost = 0
    for check in checks_for(kind):
        if lost >= MOST_LOST:
            yield Finding(check.id, "unverified", f"not run: {lost} checks before it took their process along")
            continue
        outcome: Outcome = bench.do((f"{_TASKS}:checked", (*how, check.id)))
        lost += outcome.lost
        yield Finding(check.id, "failed", outcome.fault) if outcome.fault else Finding(**outcome.value)


def summary_of(check: str) -> str:
    """What a check holds a distribution or a component to, one line."""
    return CHECKS[check].summary if check in CHECKS else _SUMMARIES.get(check, "")


def as_json(card: DistributionCard) -> dict[str, Any]:
    """The document of `plugins check --json`."""

    def told(findings: Sequence[Finding]) -> list[dict[str, Any]]:
        return [{**asdict(found), "summary": summary_of(found.check)} for found in findings]

    components = [
        {
            **asdict(one),
            "findings": told(one.findings),
            "counts": counts(one.findings),
            "passed": one.passed,
            "verified": one.verified,
        }
        for one in card.components
    ]
    whole = {"findings": told(card.findings), "components": components}
    return {**asdict(card), **whole, "passed": card.passed, "verdict": card.verdict}


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many findings of each status."""
    return {status: sum(found.status == status for found in findings) for status in STATUSES}
