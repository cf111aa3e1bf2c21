"""Resolving what a config selects: names to components, params validated, defaults filled in."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from causalkit.config.overlay import is_none, selection_parts
from causalkit.config.strict_yaml import Node
from causalkit.errors import CausalkitError, InvalidParameter, PluginError, Problem, nearest
from causalkit.registry import Registry

__all__ = ["NotPlainError", "Resolver", "Selection", "plain"]


@dataclasses.dataclass(frozen=True)
class Selection:
    """A component by name, with its parameters filled in: `{use, params}`."""

    use: str
    params: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What `Registry.build` takes."""
        return {"use": self.use, "params": self.params}


class NotPlainError(TypeError):
    """A value that YAML cannot hold."""


class Resolver:
    """Resolves selections, gathering every problem on the way.

    A component is built to be checked (constructors only store), so that its own checks of several
    parameters together count too; where something inside it is wrong, the outer one is not built.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.problems: list[Problem] = []
        self.blamed: set[tuple[str, str]] = set()
        """Kind and name of the components whose own parameters were wrong."""

    def problem(self, path: str, message: str, where: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, message, where))

    def load(self, kind: str, use: Node, path: str) -> type | None:
        """The class of a component, or None where it cannot be had."""
        name = use.value
        try:
            self.registry.find(kind, name)
            return self.registry.load(kind, name)
        except PluginError as error:
            names = [entry.name for entry in self.registry.of(kind)]
            if name in names or ":" in name:
                self.problem(path, f" = {name!r}: {error.what}. {error.todo}".rstrip(), use.where)
            else:
                offered = nearest(name, names) or f"; there are {', '.join(names) or 'none'}"
                hint = self.registry.hint(kind, name)
                self.problem(path, f" = {name!r}: no such {kind}{offered}{f'. {hint}' if hint else ''}", use.where)
            return None

    def resolve(self, kind: str, node: Node, path: str) -> tuple[Selection | None, Any]:
        """The filled-in selection of a component of `kind` and the component, or (None, None) after a problem."""
        found = self.parts(node, path)
        if found is None:
            return None, None
        use, params = found
        at = path if node.value == use.value or "@" in str(node.value) else f"{path}.use"
        cls = self.load(kind, use, at)
        if cls is None:
            return None, None
        if not hasattr(cls, "get_params"):
            self.problem(at, f" = {use.value!r}: {cls.__name__} is not a class under @component", use.where)
            return None, None
        before = len(self.problems)
        values, shown = self._values(cls, params, f"{path}.params")
        broken = len(self.problems) > before
        built = self._build(kind, use.value, values, params, path, only_fields=broken)
        if broken or built is None:
            return None, None
        return Selection(use.value, self._filled(built, shown, params, f"{path}.params")), built

    def parts(self, node: Node, path: str) -> tuple[Node, Node] | None:
        """`use` and `params` of a selection, or None where it is none."""
        if isinstance(node.value, str) and node.value:
            node = selection_parts(node)
        if not isinstance(node.value, dict) or "use" not in node.value:
            self.problem(path, f" = {_short(node.plain())}: must be a name, or {{use: NAME, params: …}}", node.where)
            return None
        for key in [key for key in node.value if key not in ("use", "params")]:
            told = f": no such key{nearest(key, ['use', 'params'])}"
            self.problem(f"{path}.{key}", told, node.value[key].where)
        use, params = node.value["use"], node.value.get("params", Node({}, node.where))
        params = Node({}, params.where) if params.value is None else params
        if not isinstance(use.value, str):
            self.problem(f"{path}.use", f" = {_short(use.plain())}: must be the name of a component", use.where)
            return None
        if not isinstance(params.value, dict):
            told = f" = {_short(params.plain())}: must be a mapping of parameters"
            self.problem(f"{path}.params", told, params.where)
            return None
        sugar = selection_parts(use)
        if "params" in sugar.value:
            return sugar.value["use"], Node({**sugar.value["params"].value, **params.value}, params.where)
        if "@" in use.value:
            self.problem(path, f" = {use.value!r}: must be a whole number after '@'", use.where)
            return None
        return use, params

    def _values(self, cls: type, params: Node, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Values to build with (held components built), and as they are shown (held ones as selections)."""
        held = self.registry.held(cls, {key: node.value for key, node in params.value.items()})
        values: dict[str, Any] = {}
        shown: dict[str, Any] = {}
        for key, node in params.value.items():
            if key in held and not is_none(node):
                values[key], shown[key] = self._held(held[key], node, f"{path}.{key}")
            elif key in held:
                values[key] = None
            else:
                values[key] = node.plain()
        return values, shown

    def _held(self, kind: str, node: Node, path: str) -> tuple[Any, Any]:
        """What `Registry.build` would build here, and its selection: one component, or many by name or place."""
        if isinstance(node.value, dict) and "use" not in node.value:
            pairs = {key: self._held(kind, inner, f"{path}.{key}") for key, inner in node.value.items()}
            return {k: built for k, (built, _) in pairs.items()}, {k: shown for k, (_, shown) in pairs.items()}
        if isinstance(node.value, list):
            made = [self._held(kind, inner, f"{path}.{i}") for i, inner in enumerate(node.value)]
            return [built for built, _ in made], [shown for _, shown in made]
        if not isinstance(node.value, str | dict):
            return node.value, node.value
        selection, built = self.resolve(kind, node, path)
        return (built, selection.to_dict()) if selection else (_StandIn(), None)

    def _build(self, kind: str, use: str, values: dict[str, Any], params: Node, path: str, *, only_fields: bool) -> Any:
        """Build the component, telling what is wrong; with `only_fields`, of single parameters only."""
        try:
            return self.registry.build(kind, {"use": use, "params": values})
        except InvalidParameter as error:
            self.blamed.add((kind, use))
            self._tell(error.problems, params, f"{path}.params")
        except CausalkitError as error:
            if not only_fields:
                self.problem(path, f": {error.what}. {error.todo}".rstrip(), params.where)
        except Exception as error:  # a stranger's constructor may raise anything
            if not only_fields:
                self.problem(path, f": {type(error).__name__}: {error}", params.where)
        return None

    def _filled(self, built: Any, shown: Mapping[str, Any], params: Node, path: str) -> dict[str, Any]:
        """Every parameter as plain data; a default that YAML cannot hold is left to the component."""
        made = {}
        for name, value in built.get_params(deep=False).items():
            try:
                made[name] = shown[name] if name in shown else plain(value)
            except NotPlainError as error:
                if name in params.value:
                    told = f": is a {error}; a config holds plain values only"
                    self.problem(f"{path}.{name}", told, params.value[name].where)
        return made

    def _tell(self, problems: Sequence[Problem], params: Node, path: str) -> None:
        for problem in problems:
            where = params.at(tuple(problem.path.split("."))) if problem.path else params.where
            self.problem(f"{path}.{problem.path}" if problem.path else path, problem.message, where)


class _StandIn:
    """Stands where a held component could not be built, so that the rest can be checked all the same."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


def plain(value: Any) -> Any:
    """The value as YAML and JSON hold it: mappings, lists, text, numbers, truth, null.

    Raises
    ------
    NotPlainError : it cannot be.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, str | PurePath):
        return str(value)
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(inner) for inner in value), key=repr)
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return plain(value.item())
    raise NotPlainError(type(value).__name__)


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
