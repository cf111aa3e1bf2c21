"""A plugin's hooks and declarations, and what is wrong with them; no component is imported."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from causalkit import hookspecs
from causalkit.components import API, Declaration
from causalkit.errors import nearest

__all__ = [
    "NAMEABLE",
    "SPELLING",
    "Hooks",
    "can_be_entered",
    "module_exists",
    "sound_hooks",
    "wrong_declaration",
    "wrong_hooks",
]

SPELLING = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""How components are called."""
NAMEABLE = re.compile(r"[\w.+-]+")
"""What a config can select, and a file be called by."""
_KNOWN = tuple(name for name in vars(hookspecs) if name.startswith("causalkit_"))


class Hooks:
    """Some hooks of one plugin, by name."""

    def __init__(self, **hooks: Any) -> None:
        vars(self).update(hooks)


def sound_hooks(plugin: Any) -> Hooks:
    """The plugin's hooks that can be called, and nothing else of it."""
    return Hooks(**{name: hook for name, hook in _hooks(plugin) if not _wrong_hook(name, hook)})


def wrong_hooks(plugin: Any) -> Iterator[str]:
    """What is wrong with a plugin's hooks, a sentence each."""
    hooks = dict(_hooks(plugin))
    for name, hook in hooks.items():
        if reason := _wrong_hook(name, hook):
            yield reason
    bare = [name for name in _KNOWN if name not in hooks and _is_own(plugin, name)]
    for name in bare:
        yield f"{name} is not under @hookimpl, so it is never called"
    if not hooks and not bare:
        yield "it has no hook: nothing in it is under @hookimpl"


def can_be_entered(item: Any) -> bool:
    """Whether a declaration has a name to be listed by, whatever else is wrong with it."""
    name = getattr(item, "name", None)
    return isinstance(item, Declaration) and isinstance(name, str) and NAMEABLE.fullmatch(name) is not None


def wrong_declaration(item: Any) -> str:
    """What is wrong with a declaration, found without importing its target; empty if nothing."""
    if not isinstance(item, Declaration):
        return f"must give Declaration objects, got {type(item).__name__}"
    for part in ("name", "target", "summary", "examples"):
        if not isinstance(getattr(item, part, None), str):
            return f"{part} = {getattr(item, part, None)!r}: must be text"
    if not NAMEABLE.fullmatch(item.name):
        return f"name = {item.name!r}: must be letters and digits, words joined by hyphens; a config can't select it"
    if item.api != API:
        return f"speaks api {item.api!r}, and this causalkit speaks {API}; install a version of either that match"
    module, colon, attribute = str(item.target).partition(":")
    if not (colon and attribute):
        return f"target {item.target!r} is not 'package.module:Class'"
    return "" if module_exists(module) else f"target {item.target!r}: no module {module!r}"


def module_exists(module: str) -> bool:
    """Whether a module can be found without importing it or its parents beyond the first."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    if not rest:
        return True
    places = [Path(place).joinpath(*rest) for place in spec.submodule_search_locations or ()]
    return any(p.with_suffix(".py").is_file() or p.joinpath("__init__.py").is_file() or _compiled(p) for p in places)


def _compiled(path: Path) -> bool:
    return any(path.parent.glob(f"{path.name}.*.so")) or any(path.parent.glob(f"{path.name}.*.pyd"))


def _hooks(plugin: Any) -> list[tuple[str, Any]]:
    return [(name, member) for name, member in inspect.getmembers(plugin, callable) if _is_hook(member)]


def _is_hook(member: Any) -> bool:
    return hasattr(member, "causalkit_impl")


def _is_own(plugin: Any, name: str) -> bool:
    """Whether a plugin defines a function of this name, and did not import it."""
    member = getattr(plugin, name, None)
    return callable(member) and getattr(member, "__module__", "") != hookspecs.__name__


def _wrong_hook(name: str, hook: Any) -> str:
    if name not in _KNOWN:
        return f"unknown hook {name!r}{nearest(name, _KNOWN)}"
    given = list(inspect.signature(getattr(hookspecs, name)).parameters)
    asked = inspect.signature(hook).parameters.values()
    strange = [p.name for p in asked if p.default is p.empty and p.kind != p.VAR_KEYWORD and p.name not in given]
    if not strange:
        return ""
    told = f"is given {', '.join(given)}" if given else "takes nothing"
    return f"hook {name} {told}, and this one asks for {', '.join(strange)}{nearest(strange[0], given)}"
