"""Finds plugins, says whose each component is, and builds components from their config.

Each entry point is loaded in its own `try`: a plugin that fails is listed as broken, with its
reason, and never stops another. Nothing here imports a component before it is built.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pluggy

from causalkit import hookspecs
from causalkit.components import API, KINDS, Declaration
from causalkit.errors import ComponentError, InvalidParameter, PluginError, Problem, nearest
from causalkit.provenance import source_hash

__all__ = ["BrokenPlugin", "Entry", "Plugin", "Registry", "default_registry"]

GROUP = "causalkit"


@dataclass(frozen=True)
class Entry:
    """A declared component: its kind, its declaration, and the plugin and distribution it comes from."""

    kind: str
    declaration: Declaration
    plugin: str
    distribution: str
    version: str = ""
    broken: str = ""

    @property
    def name(self) -> str:
        """The name a config selects it by."""
        return self.declaration.name


@dataclass(frozen=True)
class Plugin:
    """A plugin that loaded."""

    name: str
    distribution: str
    version: str


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that did not load, or not whole, and why."""

    name: str
    distribution: str
    reason: str


@dataclass
class Registry:
    """Every component that is installed.

    `Registry.discover()` reads the entry points; `Registry()` and `add` make one by hand.
    """

    entries: list[Entry] = field(default_factory=list)
    plugins: list[Plugin] = field(default_factory=list)
    broken: list[BrokenPlugin] = field(default_factory=list)
    manager: pluggy.PluginManager = field(default_factory=lambda: _new_manager())

    @classmethod
    def discover(cls, points: Iterable[EntryPoint] | None = None) -> Registry:
        """Load every entry point of the group `causalkit`, each in its own `try`."""
        registry = cls()
        found = entry_points(group=GROUP) if points is None else points
        for point in sorted(found, key=lambda p: (_distribution(p)[0] != "causalkit", p.name)):
            registry._load(point)
        return registry

    def _load(self, point: EntryPoint) -> None:
        distribution, version = _distribution(point)
        try:
            module = point.load()
        except (Exception, SystemExit) as error:  # a stranger's import may do anything; it stops nobody else
            self.broken.append(BrokenPlugin(point.name, distribution, f"failed to import: {_said(error)}"))
            return
        self.add(point.name, module, distribution, version)

    def add(self, name: str, plugin: Any, distribution: str = "(this process)", version: str = "") -> None:
        """Register a plugin module or object; what it declares wrongly is listed in `broken`."""
        reasons = [f"unknown hook {hook!r}{nearest(hook, _hook_names())}" for hook in _unknown_hooks(plugin)]
        try:
            self.manager.register(plugin, name=f"{distribution}:{name}")
            self.manager.check_pending()
        except (ValueError, pluggy.PluginValidationError) as error:
            if not reasons:
                reasons.append(_said(error))
            if not isinstance(error, pluggy.PluginValidationError):
                self.broken.append(BrokenPlugin(name, distribution, "; ".join(reasons)))
                return
        for kind in KINDS.values():
            reasons += self._declare(kind.name, getattr(plugin, kind.hook, None), name, distribution, version)
        if reasons:
            self.broken.append(BrokenPlugin(name, distribution, "; ".join(reasons)))
        self.plugins.append(Plugin(name, distribution, version))

    def _declare(self, kind: str, hook: Any, plugin: str, distribution: str, version: str) -> list[str]:
        """Enter what one hook declares; returns what was wrong with it."""
        if hook is None or not hasattr(hook, "causalkit_impl"):
            return []
        try:
            declared = list(hook())
        except (Exception, SystemExit) as error:
            return [f"hook {KINDS[kind].hook} raised {_said(error)}"]
        reasons = []
        for item in declared:
            wrong = _wrong(item)
            if wrong and not isinstance(item, Declaration):
                reasons.append(f"hook {KINDS[kind].hook}: {wrong}")
                continue
            self.entries.append(Entry(kind, item, plugin, distribution, version, wrong))
            if wrong:
                reasons.append(f"{kind} {item.name!r}: {wrong}")
        return reasons

    def of(self, kind: str) -> tuple[Entry, ...]:
        """The components of a kind, by name."""
        return tuple(sorted((e for e in self.entries if e.kind == kind), key=lambda e: (e.name, e.plugin)))

    def find(self, kind: str, use: str) -> Entry:
        """The component selected by `name` or `plugin:name`.

        Raises
        ------
        PluginError : unknown, ambiguous, or broken; says which distributions, and what to write.
        """
        plugin, _, name = use.rpartition(":")
        found = [e for e in self.of(kind) if e.name == name and plugin in ("", e.plugin, e.distribution)]
        if not found:
            names = [e.name for e in self.of(kind)]
            raise PluginError(
                f"there is no {kind} named {use!r}{nearest(use, names)}",
                f"Installed: {', '.join(names) or 'none'}. {self._broken_hint()}".strip(),
            )
        if len(found) > 1:
            owners = " and ".join(e.distribution for e in found)
            choices = " or ".join(f"{e.plugin}:{e.name}" for e in found)
            raise PluginError(f"two {kind}s are named {use!r}: from {owners}", f"Write {choices}.")
        if found[0].broken:
            raise PluginError(f"{kind} {use!r} of {found[0].distribution} is broken: {found[0].broken}")
        return found[0]

    def _broken_hint(self) -> str:
        names = ", ".join(b.name for b in self.broken)
        return f"Broken plugins: {names}; see `causalkit plugins list`." if names else ""

    def load(self, kind: str, use: str) -> type:
        """Import the class of a component."""
        entry = self.find(kind, use)
        module, _, attribute = entry.declaration.target.partition(":")
        if module not in sys.modules:
            source_hash(module, entry.distribution)  # of what is about to be imported, before it can be edited
        try:
            made = getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{kind} {use!r} of {entry.distribution} could not be imported: {_said(error)}",
                f"Its target is {entry.declaration.target}.",
            ) from error
        return made  # type: ignore[no-any-return]

    def build(self, kind: str, selection: Any) -> Any:
        """Build a component from `"name"`, `"name@k"`, or `{use: …, params: …}`, held ones first.

        Raises
        ------
        PluginError, InvalidParameter, ComponentError
        """
        use, params = parse_selection(selection)
        cls = self.load(kind, use)
        from causalkit.parameters import field_kinds

        held = field_kinds(cls)
        built = {name: self._build_held(held[name], value) if name in held else value for name, value in params.items()}
        try:
            made = cls(**built)
        except InvalidParameter as error:
            raise InvalidParameter(
                f"{kind} {use!r}", error.problems, f"See `causalkit describe {kind} {use}`."
            ) from None
        missing = [m for m in KINDS[kind].methods if not callable(getattr(made, m, None))]
        if missing:
            raise ComponentError(f"{kind} {use!r} has no method {missing[0]!r}, which its kind needs")
        return made

    def _build_held(self, kind: str, value: Any) -> Any:
        if isinstance(value, Mapping) and "use" not in value:
            return {name: self._build_held(kind, inner) for name, inner in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [self._build_held(kind, inner) for inner in value]
        is_selection = isinstance(value, str | Mapping)
        return self.build(kind, value) if is_selection else value


def parse_selection(selection: Any) -> tuple[str, dict[str, Any]]:
    """`(use, params)` of a selection; `name@5` is sugar for `{use: name, params: {k: 5}}`.

    >>> parse_selection("ndcg@10")
    ('ndcg', {'k': 10})
    """
    if isinstance(selection, str):
        name, at, k = selection.partition("@")
        if at and not k.isdigit():
            raise InvalidParameter(name, [Problem("k", f" = {k!r}: must be a whole number after '@'")])
        return name, {"k": int(k)} if at else {}
    if isinstance(selection, Mapping) and isinstance(selection.get("use"), str):
        extra = sorted(set(selection) - {"use", "params"})
        if extra:
            raise InvalidParameter(
                selection["use"], [Problem(str(extra[0]), f": no such key{nearest(extra[0], ['use', 'params'])}")]
            )
        name, sugar = parse_selection(selection["use"])
        return name, sugar | dict(selection.get("params") or {})
    raise InvalidParameter(
        "selection", [Problem("use", f" = {selection!r}: must be a name, or {{use: NAME, params: …}}")]
    )


@cache
def default_registry() -> Registry:
    """The registry of what is installed, read once per process."""
    return Registry.discover()


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("causalkit")
    manager.add_hookspecs(hookspecs)
    return manager


def _hook_names() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("causalkit_")]


def _unknown_hooks(plugin: Any) -> Iterator[str]:
    for name, member in inspect.getmembers(plugin, callable):
        if hasattr(member, "causalkit_impl") and name not in _hook_names():
            yield name


def _wrong(item: Any) -> str:
    """What is wrong with a declaration, found without importing its target; empty if nothing."""
    if not isinstance(item, Declaration):
        return f"must give Declaration objects, got {type(item).__name__}"
    if item.api != API:
        return f"speaks api {item.api}, and this causalkit speaks {API}; install a version of either that match"
    module, colon, attribute = item.target.partition(":")
    if not (colon and attribute):
        return f"target {item.target!r} is not 'package.module:Class'"
    return "" if _module_exists(module) else f"target {item.target!r}: no module {module!r}"


def _module_exists(module: str) -> bool:
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


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("(unknown)", "")


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().rstrip(":")
