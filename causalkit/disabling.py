"""Plugins that a user has switched off, by the variable `CAUSALKIT_DISABLE`.

It holds names of distributions or plugins, with commas between; `*` is every one but the built-ins, which stay.
Worker processes inherit it. Nothing here imports a plugin: names come from metadata.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

__all__ = [
    "COMMANDS",
    "COMPONENTS",
    "OWN",
    "VARIABLE",
    "everything",
    "names",
    "normal",
    "owner",
    "points",
    "split",
    "unknown",
]

VARIABLE = "CAUSALKIT_DISABLE"
COMPONENTS = "causalkit"
"""The entry-point group of plugins' components."""
COMMANDS = "causalkit.commands"
"""The entry-point group of plugins' own commands."""
OWN = "causalkit"
"""The distribution of the frame and the built-ins."""
UNKNOWN = "(unknown)"
_EVERY = "*"


def names() -> frozenset[str]:
    """The names that the variable holds, normalised as package names are (`My_Plugin` is `my-plugin`)."""
    return frozenset(normal(name) for name in os.environ.get(VARIABLE, "").split(",") if name.strip())


def split(points: Iterable[EntryPoint]) -> tuple[list[EntryPoint], list[EntryPoint]]:
    """The entry points that are in use, and those that are disabled."""
    given, off = list(points), names()
    return [p for p in given if not off & _called(p)], [p for p in given if off & _called(p)]


def unknown() -> list[str]:
    """Names that the variable holds and no installed plugin has; built-ins can't be disabled."""
    asked = names() - {_EVERY}
    if not asked:
        return []
    return sorted(asked.difference(*(_called(p) for group in (COMPONENTS, COMMANDS) for p in points(group))))


def points(group: str) -> list[EntryPoint]:
    """The entry points of a group; a distribution whose list of them can't be read is passed over."""
    from importlib.metadata import distributions, entry_points

    try:
        return list(entry_points(group=group))
    except Exception:  # one torn file is enough
        found = [point for one in distributions() for point in _points_of(one)]
        return [point for point in found if point.group == group]


def _points_of(distribution: Distribution) -> list[EntryPoint]:
    try:
        return list(distribution.entry_points)
    except Exception:
        return []


@contextmanager
def everything() -> Iterator[None]:
    """Disable all but the built-ins meanwhile."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = _EVERY
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def owner(point: EntryPoint) -> tuple[str, str]:
    """The distribution that an entry point comes from, and its version; `(unknown)` where its metadata is torn."""
    try:
        assert point.dist is not None
        return str(point.dist.name or UNKNOWN), str(point.dist.version or "")
    except Exception:  # there is no such file, or it can't be read
        return UNKNOWN, ""


def _called(point: EntryPoint) -> set[str]:
    """What an entry point may be disabled by; nothing for the built-ins."""
    distribution = normal(owner(point)[0])
    return set() if distribution == OWN else {_EVERY, distribution, normal(point.name)}


def normal(name: str) -> str:
    """A name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
