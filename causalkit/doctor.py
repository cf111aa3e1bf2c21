"""What is installed, what is wrong with it, and what is missing: from metadata, without importing any of it.

Plugins alone are imported, in a process of their own.
"""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

from causalkit import disabling
from causalkit.disabling import OWN
from causalkit.extra_plugins import EXTRA_PLUGINS
from causalkit.probing import Bench, Outcome

__all__ = ["Examination", "Missing", "Problem", "as_json", "examine_installation", "registry_told"]

EXTRAS = {
    "demo": "quickstart's log of a year of grocery promotions; without it, bring your own log, or `shop` runs",
    "images": "the encoder `clip`, which reads images; everything else runs without",
    "openai": "language models behind any OpenAI-compatible endpoint; everything else runs without",
}
_GPU = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, and what to do."""

    what: str
    todo: str


@dataclass(frozen=True)
class Missing:
    """Something that is not installed: what it is for, what works without it, and the command that gets it."""

    name: str
    gives: str
    command: str


@dataclass(frozen=True)
class Examination:
    """What `causalkit plugins doctor` found.

    `versions` are those of causalkit, its plugins and what they need; `python` and `platform` say where.
    """

    python: str
    platform: str
    versions: dict[str, str]
    problems: tuple[Problem, ...]
    missing: tuple[Missing, ...]
    disabled: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def examine_installation() -> Examination:
    """Look at what is installed."""
    known = _Installed()
    used, off = disabling.split(disabling.points(disabling.COMPONENTS))
    roots = [OWN, *sorted({disabling.normal(disabling.owner(point)[0]) for point in [*used, *off]} - {OWN})]
    needs = list(known.needs_of(roots))
    problems = [
        *map(_torn, known.torn),
        *known.doubled(),
        *_unmet(needs, known),
        *_plugin_problems({p.name: p.value for p in used}),
    ]
    problems += [
        Problem(f"{disabling.VARIABLE} names no installed plugin: {name}", "Correct it, or take it out.")
        for name in disabling.unknown()
    ]
    direct = {disabling.normal(need.name) for need in needs if disabling.normal(need.by) in roots}
    versions = {name: known.version(name) for name in dict.fromkeys([*roots, *sorted(direct)])}
    return Examination(
        platform.python_version(),
        platform.platform(),
        {name: version for name, version in versions.items() if version},
        tuple(dict.fromkeys(problems)),
        tuple(_missing(known)),
        tuple(sorted({f"{p.name} of {disabling.owner(p)[0]}" for p in off})),
    )


@dataclass(frozen=True)
class _Need:
    """That a distribution asks for another."""

    by: str
    name: str
    asked: Requirement


class _Installed:
    """Every distribution that Python finds, by normalised name; the first on the path is the one in use."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[Distribution]] = {}
        self.torn: list[str] = []
        for found in distributions():
            name = _name_of(found)
            if not name:
                self.torn.append(str(getattr(found, "_path", "somewhere on the path")))
            else:
                self.by_name.setdefault(disabling.normal(name), []).append(found)

    def version(self, name: str) -> str:
        """The version in use; empty where it is not installed."""
        found = self.by_name.get(disabling.normal(name))
        return str(found[0].version) if found else ""

    def needs_of(self, roots: Iterable[str]) -> Iterator[_Need]:
        """What distributions ask for, and what those ask for in turn; extras only where somebody asks for them."""
        waiting, seen = [(name, "") for name in roots], set[tuple[str, str]]()
        while waiting:
            name, extra = waiting.pop()
            if (name, extra) in seen or not self.version(name):
                continue
            seen.add((name, extra))
            for need in _asked_by(self.by_name[disabling.normal(name)][0], extra):
                yield need
                waiting += [(disabling.normal(need.name), wanted) for wanted in ("", *need.asked.extras)]

    def doubled(self) -> Iterator[Problem]:
        """Distributions that lie in several places with several versions."""
        for name, found in sorted(self.by_name.items()):
            versions = dict.fromkeys(str(one.version) for one in found)
            if len(versions) > 1:
                yield Problem(
                    f"{name} is installed {len(found)} times: {', '.join(versions)}; the first is used",
                    f"`{_pip('uninstall', name)}` as often as it is there, then `{_pip('install', name)}`.",
                )


def _name_of(distribution: Distribution) -> str:
    """Its name; empty where its metadata or its entry points can't be read."""
    try:
        _, name = distribution.entry_points, distribution.metadata["Name"]
        return str(name or "") if distribution.version else ""
    except Exception:  # whatever is in the files, or that there are none
        return ""


def _torn(place: str) -> Problem:
    return Problem(
        f"the metadata in {place} cannot be read", "Install that distribution again, or remove what is left of it."
    )


def _asked_by(distribution: Distribution, extra: str) -> Iterator[_Need]:
    for line in distribution.requires or ():
        try:
            asked = Requirement(line)
        except InvalidRequirement:
            continue
        told = "extra ==" in str(asked.marker or "")
        if (asked.marker is None or asked.marker.evaluate({"extra": extra})) and told == bool(extra):
            yield _Need(distribution.metadata["Name"], asked.name, asked)


def _unmet(needs: Iterable[_Need], known: _Installed) -> Iterator[Problem]:
    """Requirements that what is installed does not meet; a version below our own floor came in silently."""
    for need in needs:
        version = known.version(need.name)
        wanted = f"{need.name}{need.asked.specifier}"
        if not version:
            yield Problem(f"{need.by} needs {wanted}, which is not installed", f"`{_pip('install', wanted)}`")
        elif not _meets(need.asked, version):
            silent = " (an installer that could not have both may have taken it silently)" if need.by == OWN else ""
            yield Problem(
                f"{need.by} needs {wanted}, and {need.name} {version} is installed{silent}",
                f"`{_pip('install', wanted)}`; where another package forbids that, give one of them an environment"
                " of its own.",
            )


def _meets(asked: Requirement, version: str) -> bool:
    try:
        return asked.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return True


def _plugin_problems(points: dict[str, str]) -> Iterator[Problem]:
    """Plugins that are broken, found out in a process of their own: all at once, or one by one where it is lost."""
    with Bench(60) as bench:
        whole = bench.do(("causalkit.doctor:registry_told", ()))
        if not whole.lost and not whole.fault:
            yield from (Problem(what, todo) for what, todo in whole.value)
            return
        for name in sorted(points):
            one: Outcome = bench.do(("causalkit.doctor:registry_told", (name,)))
            if one.fault:
                yield Problem(f"plugin {name}: {one.fault}", _without(name))
            else:
                yield from (Problem(what, todo) for what, todo in one.value)


def registry_told(only: str = "") -> list[tuple[str, str]]:
    """What is wrong with plugins (or with one), and what to do; components of one name are told of too."""
    from causalkit.registry import Registry

    points = [p for p in disabling.points(disabling.COMPONENTS) if only in ("", p.name)]
    registry = Registry.discover(points)
    told = [(f"plugin {b.name} of {b.distribution}: {b.reason}", _without(b.name)) for b in registry.broken]
    by_name: dict[tuple[str, str], list[str]] = {}
    for entry in registry.entries:
        by_name.setdefault((entry.kind, entry.name), []).append(f"{entry.plugin}:{entry.name}")
    for (kind, name), choices in sorted(by_name.items()):
        if len(choices) > 1:
            told.append((f"{len(choices)} {kind}s are named {name!r}", f"Write {' or '.join(choices)} in a config."))
    return told


def _missing(known: _Installed) -> Iterator[Missing]:
    for extra, gives in EXTRAS.items():
        needs = list(_asked_by(known.by_name[OWN][0], extra)) if known.version(OWN) else []
        lacking = [need.name for need in needs if not known.version(need.name)]
        if lacking:
            yield Missing(f"{OWN}[{extra}] ({', '.join(lacking)})", gives, _pip("install", f"{OWN}[{extra}]"))
    for name, plugin in EXTRA_PLUGINS.items():
        if plugin.gives and not known.version(name):
            yield Missing(name, plugin.gives, _pip("install", name))
    torch = known.version("torch")
    if "+cpu" in torch and any(place.exists() for place in _GPU):
        yield Missing(
            f"torch for the GPU of this machine (it has torch {torch})",
            "transformers on `--device cuda`; everything runs on the CPU without",
            _pip("install", "--force-reinstall", "torch"),
        )


def _without(name: str) -> str:
    return f"Mend or remove it; `{disabling.VARIABLE}={name}` leaves it out meanwhile."


def _pip(*arguments: str) -> str:
    return shlex.join(["pip", *arguments])


def as_json(found: Examination) -> dict[str, Any]:
    """The document of `plugins doctor --json`."""
    from dataclasses import asdict

    return {**asdict(found), "sound": found.sound}
