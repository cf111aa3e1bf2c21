"""What `causalkit.checking` asks of the process in which a stranger's code runs; all of it goes through JSON."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from causalkit import disabling
from causalkit.components import Declaration
from causalkit.isolation import StrayError, contained
from causalkit.plugin_hooks import SPELLING, module_exists, wrong_hooks
from causalkit.probe import HEAVY, imported, look_at
from causalkit.registry import Entry, Registry

__all__ = ["checked", "declared", "made"]

HEAVIER = (*HEAVY, "pandas", "numpy", "pydantic", "pyarrow", "networkx", "rich")
"""Libraries that finding a plugin must not import: also those that a component may."""
LONGEST = 110
"""Characters of a summary, so that it fits a line of `plugins list`."""


def declared(distribution: str) -> dict[str, Any]:
    """The components of a distribution, and what the checks of a distribution find: id, status and reason."""
    before = set(sys.modules)
    points = [p for p in disabling.points(disabling.COMPONENTS) if disabling.owner(p)[0] == distribution]
    registry, unloaded, hooks = Registry(), [], []
    for point in points:
        try:
            with contained():
                plugin = point.load()
        except StrayError as error:
            unloaded.append(f"entry point {point.name!r} ({point.value}): {error}")
            continue
        hooks += [f"{point.name}: {reason}" for reason in wrong_hooks(plugin)]
        registry.add(point.name, plugin, *disabling.owner(point))
    heavy = sorted(name for name in set(sys.modules) - before if name in HEAVIER)
    mine = registry.entries
    problems = {
        "loads": unloaded,
        "light": [f"importing its hooks imports {name}; import it inside what uses it" for name in heavy],
        "hooks": hooks,
        "declarations": list(_undeclared(registry, hooks)),
        "names": list(_wrong_names(mine)),
        "unique-names": list(_doubled(mine, distribution)),
        "summaries": list(_wrong_summaries(mine)),
        "examples": [f"{e.kind} {e.name}: {why}" for e in mine if (why := _wrong_examples(e.declaration))],
        "metadata": list(_wrong_metadata(distribution)),
    }
    found = [
        {"check": f"distribution/{name}", "status": "failed" if why else "passed", "reason": "; ".join(why)}
        for name, why in problems.items()
    ]
    whole = [(e, e.declaration) for e in mine if not e.broken]
    components = [{"kind": e.kind, "name": e.name, "target": d.target, "examples": d.examples} for e, d in whole]
    return {"findings": found, "components": components}


def made(kind: str, target: str, examples: str, folder: str) -> list[dict[str, Any]]:
    """How each example of a component is made, and what it assumes."""
    from causalkit.assumptions import assumed_by
    from causalkit.errors import ComponentError

    look_at(kind, target)
    found = _examples(target, examples, folder)
    if not found:
        raise ComponentError(f"{examples} gives nothing to check", "It must give one component or more.")
    told = [(repr(one), assumed_by(one)) for one in found]
    return [{"repr": shown, "assumes": None if names is None else sorted(names)} for shown, names in told]


def checked(kind: str, target: str, examples: str, folder: str, at: int, check: str) -> dict[str, Any]:
    """What one check finds of one example."""
    from causalkit.testing.kit import Subject, checks_for, find

    wanted = next(one for one in checks_for(kind) if one.id == check)
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as own:
        return asdict(find(Subject(kind, _examples(target, examples, folder)[at], Path(own)), wanted))


@cache
def _examples(target: str, examples: str, folder: str) -> tuple[Any, ...]:
    if examples:
        return tuple(imported(examples)(Path(tempfile.mkdtemp(dir=folder))))
    return (imported(target)(),)


def _undeclared(registry: Registry, hooks: list[str]) -> Iterator[str]:
    """What is wrong with declarations, or that there are none."""
    known = {reason.partition(": ")[2] for reason in hooks}
    for broken in registry.broken:
        yield from (reason for reason in broken.reason.split("; ") if reason not in known)
    if not registry.entries and not registry.broken:
        yield "it declares no component"


def _wrong_names(mine: list[Entry]) -> Iterator[str]:
    for entry in mine:
        if not SPELLING.fullmatch(entry.name):
            yield f"{entry.kind} {entry.name!r}: a name is lower case, words joined by hyphens"


def _doubled(mine: list[Entry], distribution: str) -> Iterator[str]:
    others = [e for e in Registry.discover().entries if e.distribution != distribution]
    for entry in mine:
        for other in others:
            if (other.kind, other.name) == (entry.kind, entry.name):
                yield f"{entry.kind} {entry.name!r} is also one of {other.distribution}"
        if sum((e.kind, e.name) == (entry.kind, entry.name) for e in mine) > 1:
            yield f"{entry.kind} {entry.name!r} is declared twice"


def _wrong_summaries(mine: list[Entry]) -> Iterator[str]:
    for entry in mine:
        summary = entry.declaration.summary
        if not isinstance(summary, str) or not summary.strip() or "\n" in summary or len(summary) > LONGEST:
            yield f"{entry.kind} {entry.name!r}: its summary must be one line of at most {LONGEST} characters"


def _wrong_examples(declaration: Declaration) -> str:
    if not declaration.examples:
        return ""
    module, colon, _ = declaration.examples.partition(":")
    if not colon or not module_exists(module):
        return f"examples {declaration.examples!r} is not 'package.module:function' of a module that is there"
    try:
        with contained():
            function: Callable[..., Any] = imported(declaration.examples)
    except StrayError as error:
        return f"examples {declaration.examples!r}: {error}"
    return "" if callable(function) else f"examples {declaration.examples!r} is no function"


def _wrong_metadata(distribution: str) -> Iterator[str]:
    told = metadata(distribution)
    if not told.get_all("Requires-Python"):
        yield "it does not say which Python it needs (`requires-python`)"
    needed = [re.split(r"[^A-Za-z0-9._-]", line.strip(), maxsplit=1)[0] for line in told.get_all("Requires-Dist") or ()]
    if distribution != "causalkit" and not any(disabling.normal(name).startswith("causalkit") for name in needed):
        yield "it does not depend on causalkit (`dependencies`)"
