"""Finds plugins, says whose each component is, and builds components from their config.

Each entry point is loaded in its own `try`: a plugin that fails is listed as broken, with its
reason, and never stops another. Nothing here imports a component before it is built.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint
from itertools import islice
from typing import Any

import pluggy

from causalkit import disabling, hookspecs
from causalkit.components import KINDS, Declaration
from causalkit.errors import ComponentError, InvalidParameter, PluginError, Problem, nearest
from causalkit.extra_plugins import how_to_get
from causalkit.isolation import StrayError, contained, said
from causalkit.plugin_hooks import can_be_entered, sound_hooks, wrong_declaration, wrong_hooks
from causalkit.provenance import source_hash

__all__ = ["BrokenPlugin", "Entry", "Plugin", "Registry", "default_registry", "parse_selection"]

MOST_DECLARED = 1000
"""Components of one kind that a plugin may declare; a hook that never ends is stopped there."""


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

    @property
    def maker(self) -> str:
        """The distribution it comes from, with its version."""
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True)
class Plugin:
    """A plugin that loaded, or that is disabled."""

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
    disabled: list[Plugin] = field(default_factory=list)
    manager: pluggy.PluginManager = field(default_factory=lambda: _new_manager())

    @classmethod
    def discover(cls, points: Iterable[EntryPoint] | None = None) -> Registry:
        """Load every entry point of the group `causalkit` that is not disabled, each in its own `try`."""
        registry = cls()
        used, off = disabling.split(disabling.points(disabling.COMPONENTS) if points is None else points)
        registry.disabled = [Plugin(p.name, *disabling.owner(p)) for p in sorted(off, key=lambda p: p.name)]
        for point in sorted(used, key=lambda p: (disabling.owner(p)[0] != "causalkit", p.name)):
            registry._load(point)
        return registry

    def _load(self, point: EntryPoint) -> None:
        distribution, version = disabling.owner(point)
        try:
            with contained():
                module = point.load()
        except StrayError as error:
            self.broken.append(BrokenPlugin(point.name, distribution, f"failed to import: {error}"))
            return
        self.add(point.name, module, distribution, version)

    def add(self, name: str, plugin: Any, distribution: str = "(this process)", version: str = "") -> None:
        """Register a plugin module or object; what it declares wrongly is listed in `broken`."""
        try:
            with contained():
                reasons, hooks = list(wrong_hooks(plugin)), sound_hooks(plugin)
        except StrayError as error:
            self.broken.append(BrokenPlugin(name, distribution, f"cannot be looked at: {error}"))
            return
        try:
            self.manager.register(hooks, name=f"{distribution}:{name}")
        except ValueError as error:
            self.broken.append(BrokenPlugin(name, distribution, str(error)))
            return
        for kind in KINDS.values():
            reasons += self._declare(kind.name, getattr(hooks, kind.hook, None), name, distribution, version)
        if reasons:
            self.broken.append(BrokenPlugin(name, distribution, "; ".join(reasons)))
        self.plugins.append(Plugin(name, distribution, version))

    def _declare(self, kind: str, hook: Any, plugin: str, distribution: str, version: str) -> list[str]:
        """Enter what one hook declares; returns what was wrong with it."""
        if hook is None:
            return []
        try:
            with contained():
                declared = list(islice(hook(), MOST_DECLARED + 1))
        except StrayError as error:
            return [f"hook {KINDS[kind].hook} raised {error}"]
        if len(declared) > MOST_DECLARED:
            return [f"hook {KINDS[kind].hook} declares more than {MOST_DECLARED} components"]
        reasons = []
        for item in declared:
            wrong = wrong_declaration(item)
            if not can_be_entered(item):
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
                f"Installed: {', '.join(names) or 'none'}. {self.hint(kind, name)}".strip(),
            )
        if len(found) > 1:
            owners = " and ".join(e.distribution for e in found)
            alike = len({e.plugin for e in found}) < len(found)
            choices = " or ".join(f"{e.distribution if alike else e.plugin}:{e.name}" for e in found)
            raise PluginError(f"two {kind}s are named {use!r}: from {owners}", f"Write {choices}.")
        if found[0].broken:
            raise PluginError(f"{kind} {use!r} of {found[0].distribution} is broken: {found[0].broken}")
        return found[0]

    def hint(self, kind: str, name: str) -> str:
        """What would bring a component that is not there; empty where nothing is known to."""
        distribution, command = how_to_get(kind, name)
        here = {p.distribution for p in (*self.plugins, *self.disabled)} | {b.distribution for b in self.broken}
        return " ".join(told for told in ("" if distribution in here else command, self.not_in_use()) if told)

    def not_in_use(self) -> str:
        """Which plugins are broken or disabled, so that what they offer is not there; empty where none is."""
        broken = ", ".join(dict.fromkeys(b.name for b in self.broken))
        off = ", ".join(f"{p.name} (of {p.distribution})" for p in self.disabled)
        told = [f"Broken plugins: {broken}; see `causalkit plugins list`."] if broken else []
        if off:
            told.append(f"Disabled by {disabling.VARIABLE} or --no-plugins: {off}; what they offer is not there.")
        return " ".join(told)

    def load(self, kind: str, use: str) -> type:
        """Import the class of a component."""
        entry = self.find(kind, use)
        module, _, attribute = entry.declaration.target.partition(":")
        if module not in sys.modules:
            source_hash(module, entry.distribution)  # of what is about to be imported, before it can be edited
        try:
            with contained():
                made = getattr(importlib.import_module(module), attribute)
        except StrayError as error:
            raise PluginError(
                f"{kind} {use!r} of {entry.distribution} could not be imported: {error}",
                f"Its target is {entry.declaration.target}.",
            ) from error.__cause__
        return made  # type: ignore[no-any-return]

    def build(self, kind: str, selection: Any) -> Any:
        """Build a component from `"name"`, `"name@k"`, or `{use: …, params: …}`, held ones first.

        Raises
        ------
        PluginError, InvalidParameter, ComponentError
        """
        use, params = parse_selection(selection)
        cls = self.load(kind, use)
        held = self.held(cls, params)
        built = {name: self._build_held(held[name], value) if name in held else value for name, value in params.items()}
        try:
            made = cls(**built)
        except InvalidParameter as error:
            raise InvalidParameter(
                f"{kind} {use!r}", error.problems, f"See `causalkit describe {kind} {use}`."
            ) from None
        except SystemExit as error:
            raise ComponentError(f"{kind} {use!r} exits when it is made: {said(error)}") from error
        missing = [m for m in KINDS[kind].methods if not callable(getattr(made, m, None))]
        if missing:
            raise ComponentError(f"{kind} {use!r} has no method {missing[0]!r}, which its kind needs")
        return made

    def held(self, cls: type, params: Mapping[str, Any]) -> dict[str, str]:
        """The kind of what each of `params` selects, for those that hold components.

        A field may take words of its own beside (`Literal["logged"] | PropensityModel`): such a word is a value,
        and so is any other bare name there that no component has.
        """
        from causalkit.parameters import field_kinds, field_words

        kinds, words = field_kinds(cls), field_words(cls)
        return {
            name: kinds[name]
            for name, value in params.items()
            if name in kinds and not (isinstance(value, str) and self._is_word(kinds[name], value, words[name]))
        }

    def _is_word(self, kind: str, value: str, words: frozenset[str]) -> bool:
        known = {entry.name for entry in self.of(kind)}
        return value in words or (bool(words) and value.rpartition(":")[2].partition("@")[0] not in known)

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


def default_registry() -> Registry:
    """The registry of what is installed, but for what is disabled, read once per process."""
    return _discovered(disabling.names())


@cache
def _discovered(_off: frozenset[str]) -> Registry:
    return Registry.discover()


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("causalkit")
    manager.add_hookspecs(hookspecs)
    return manager
