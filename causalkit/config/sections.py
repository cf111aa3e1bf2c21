"""Reading a config's sections from the tree as written, and saying what each key means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field, ValidationError

from causalkit.config.knowledge import knowledge_section
from causalkit.config.model import Config, ConfigRow
from causalkit.config.overlay import is_none, lay
from causalkit.config.plans import CleanPlan, IdentifyPlan, Plan, SplitPlan, plan_problems
from causalkit.config.selection import Resolver, Selection
from causalkit.config.strict_yaml import Node, from_python
from causalkit.errors import ConfigError, PluginError, Problem, nearest

if TYPE_CHECKING:
    from causalkit.registry import Registry

__all__ = ["describe_sections", "read_sections"]

P = TypeVar("P", bound=Plan)

LEVELS = ("item", "segment", "pair")
LISTS = {"refute": "refuter", "evaluate": "metric", "baselines": "ranker"}
DEFAULTS = {"rank": "uplift", "baselines": ["random", "popularity"], "naive": "difference-in-means"}
HELP = {
    "data": ("required", "The log: a dataset component, such as `tables` for files of your own."),
    "encode": ("none", "Encoders by what they encode: `item`, `user`. A bare encoder encodes items. Absent: no text."),
    "knowledge": (
        "none",
        "Tiers, required and forbidden edges, rules, triples, a reviewed graph: a mapping, the path of a YAML file "
        "that holds one, or a list of these.",
    ),
    "discover": ("none", "The discoverer of the causal graph. Absent: design alone decides what is adjusted for."),
    "estimate": ("required", "Estimators by level: `item`, `segment`, `pair`. A bare one fills the level it declares."),
    "refute": ("none", "Refuters: what tries to break the estimate. Absent: nothing does, and the report says so."),
    "rank": ("uplift", "The ranker that makes the recommendations."),
    "explain": ("none", "The explainer that writes the receipts. Absent: recommendations come without."),
    "evaluate": ("none", "Metrics, on held-out rows; `ndcg@10` is `{use: ndcg, params: {k: 10}}`."),
    "baselines": ("[random, popularity]", "Rankers measured beside `rank`."),
    "naive": ("difference-in-means", "The estimator whose reading stands beside, unadjusted."),
}


class Basics(Plan):
    """The keys that are a single value."""

    name: str = Field(default="run", min_length=1, description="What the run is called in reports; not hashed.")
    seed: int = Field(default=0, ge=0, lt=2**63, description="The one seed that all others come from.")
    top: int = Field(default=10, ge=1, description="How long each list of recommendations is.")


PLANS: dict[str, type[Plan]] = {"clean": CleanPlan, "split": SplitPlan, "identify": IdentifyPlan}


def read_sections(
    root: Node,
    overlays: Sequence[Node],
    *,
    title: str,
    folder: Path,
    registry: Registry,
    environment: Mapping[str, str],
) -> Config:
    """The Config of a tree with `overlays` laid over it in turn; raises `ConfigError` with every problem."""
    if not isinstance(root.value, dict):
        raise ConfigError(
            title, [Problem("the config", f" = {root.plain()!r}: must be a mapping of sections", root.where)]
        )
    reader = _Sections(registry, folder, environment)
    shaped = reader.shape(root)
    for overlay in overlays:
        shaped = lay(shaped, reader.shape(overlay))
    return reader.config(shaped, title)


class _Sections:
    def __init__(self, registry: Registry, folder: Path, environment: Mapping[str, str]) -> None:
        self.resolver = Resolver(registry)
        self.folder, self.environment = folder, environment
        self.problems = self.resolver.problems

    def shape(self, root: Node) -> Node:
        """The tree with each bare selection put where it belongs, so that one tree can be laid over another."""
        made = dict(root.value)
        for key, node in made.items():
            if is_none(node) or not (
                isinstance(node.value, str) or (isinstance(node.value, dict) and "use" in node.value)
            ):
                continue
            if key in LISTS:
                made[key] = Node([node], node.where)
            elif key == "encode":
                made[key] = Node({"item": node}, node.where)
            elif key == "estimate" and (level := self.level_of(node)):
                made[key] = Node({level: node}, node.where)
        return Node(made, root.where)

    def level_of(self, node: Node) -> str | None:
        """The level that a bare estimator declares, or None where that cannot be known."""
        found = Resolver(self.resolver.registry).parts(node, "estimate")
        if found is None:
            return None
        cls = self.known_class(found[0].value)
        given = found[1].value.get("level")
        declared = given.value if given is not None else getattr(cls, "level", None)
        if cls is not None and declared not in LEVELS:
            declared = getattr(
                Resolver(self.resolver.registry).resolve("estimator", node, "estimate")[1], "level", None
            )
        return declared if declared in LEVELS else None

    def known_class(self, use: str) -> type | None:
        try:
            return self.resolver.registry.load("estimator", use)
        except PluginError:
            return None

    def config(self, root: Node, title: str) -> Config:
        """Every section read; raises with all problems."""
        for key, node in root.value.items():
            if key not in Config.sections:
                told = f" = {_short(node.plain())}: no such key{nearest(key, Config.sections)}"
                self.problems.append(Problem(str(key), told, node.where))
        read: dict[str, Callable[[Node | None], Any]] = {
            "data": lambda node: self.one("dataset", node, "data", required=True),
            "encode": self.encode,
            "knowledge": lambda node: knowledge_section(node, self.folder, self.environment, self.problems),
            "discover": lambda node: self.one("discoverer", node, "discover"),
            "estimate": self.estimate,
            "rank": lambda node: self.one("ranker", self.default("rank", node), "rank"),
            "explain": lambda node: self.one("explainer", node, "explain"),
            "naive": lambda node: self.one("estimator", self.default("naive", node), "naive"),
        }
        values: dict[str, Any] = {}
        for key in Config.sections:
            node = root.value.get(key)
            if key in read:
                values[key] = read[key](node)
            elif key in LISTS:
                values[key] = self.many(LISTS[key], node, key)
            elif key in PLANS:
                values[key] = self.plan(PLANS[key], node, key)
        basics = self.basics(root)
        if self.problems:
            raise self.error(title)
        return Config(**values, name=basics.name, seed=basics.seed, top=basics.top)

    def error(self, title: str) -> ConfigError:
        self.problems.sort(key=_line)
        sections = {problem.path.partition(".")[0] for problem in self.problems}
        subject = sections.pop() if len(sections) == 1 and sections <= set(Config.sections) else title
        blamed = sorted(self.resolver.blamed)
        see = f"describe {blamed[0][0]} {blamed[0][1]}" if len(blamed) == 1 else "describe config"
        if not blamed and all(": no such" in p.message and "key" not in p.message for p in self.problems):
            see = "plugins list"
        return ConfigError(subject, self.problems, f"See `causalkit {see}`.")

    def default(self, key: str, node: Node | None) -> Node:
        return from_python(DEFAULTS[key], "(default)") if node is None or node.value is None else node

    def one(self, kind: str, node: Node | None, path: str, *, required: bool = False) -> Selection | None:
        if node is None or (is_none(node) and not required):
            if required:
                self.problems.append(Problem(path, f": required, and missing; name a {kind}"))
            return None
        return self.resolver.resolve(kind, node, path)[0]

    def many(self, kind: str, node: Node | None, path: str) -> tuple[Selection, ...]:
        node = self.default(path, node) if path in DEFAULTS else node
        if node is None or is_none(node):
            return ()
        if not isinstance(node.value, list):
            self.problems.append(Problem(path, f" = {_short(node.plain())}: must be a list of {kind}s", node.where))
            return ()
        made = [self.resolver.resolve(kind, inner, f"{path}.{i}")[0] for i, inner in enumerate(node.value)]
        return tuple(selection for selection in made if selection is not None)

    def encode(self, node: Node | None) -> dict[str, Selection]:
        made = {}
        for key, inner in self.named(node, "encode", ("item", "user")):
            selection, built = self.resolver.resolve("encoder", inner, f"encode.{key}")
            if selection is None:
                continue
            if key == "item" and getattr(built, "input", "") == "histories":
                told = f" = {selection.use!r}: reads histories, and items have none; write {{user: {selection.use}}}"
                self.problems.append(Problem(f"encode.{key}", told, inner.where))
            made[key] = selection
        return made

    def estimate(self, node: Node | None) -> dict[str, Selection]:
        made = {}
        if node is None or is_none(node) or node.value == {}:
            self.problems.append(Problem("estimate", ": required, and missing; name an estimator"))
            return {}
        if _is_selection(node):  # its level could not be known: say why
            if self.resolver.resolve("estimator", node, "estimate")[0] is not None:
                told = ": the level it fills is not known; write {item: …}, {segment: …} or {pair: …}"
                self.problems.append(Problem("estimate", told, node.where))
            return {}
        for key, inner in self.named(node, "estimate", LEVELS):
            selection, built = self.resolver.resolve("estimator", self.with_level(inner, key), f"estimate.{key}")
            if selection is None:
                continue
            if (level := getattr(built, "level", key)) != key:
                told = f" = {selection.use!r}: fills the level {level!r}; write {{{level}: {selection.use}}}"
                self.problems.append(Problem(f"estimate.{key}", told, inner.where))
            made[key] = selection
        return {level: made[level] for level in LEVELS if level in made}

    def with_level(self, node: Node, level: str) -> Node:
        """The selection with its parameter `level`, where it has one that is not given, set to where it stands."""
        found = Resolver(self.resolver.registry).parts(node, "estimate")
        cls = self.known_class(found[0].value) if found else None
        if (
            found is None
            or cls is None
            or "level" not in getattr(getattr(cls, "__signature__", None), "parameters", ())
        ):
            return node
        use, params = found
        return Node(
            {"use": use, "params": Node({"level": Node(level, node.where), **params.value}, params.where)}, node.where
        )

    def named(self, node: Node | None, path: str, known: Sequence[str]) -> list[tuple[str, Node]]:
        if node is None or is_none(node):
            return []
        if not isinstance(node.value, dict):
            self.problems.append(Problem(path, f" = {_short(node.plain())}: must be a mapping", node.where))
            return []
        for key in [key for key in node.value if key not in known]:
            told = f": no such key{nearest(key, known) or '; there are ' + ', '.join(known)}"
            self.problems.append(Problem(f"{path}.{key}", told, node.value[key].where))
        return [(key, inner) for key, inner in node.value.items() if key in known and not is_none(inner)]

    def plan(self, model: type[P], node: Node | None, path: str) -> P:
        node = Node({}) if node is None or is_none(node) else node
        if not isinstance(node.value, dict):
            self.problems.append(Problem(path, f" = {_short(node.plain())}: must be a mapping", node.where))
            return model()
        try:
            return model.model_validate(node.plain())
        except ValidationError as error:
            self.problems += plan_problems(error, path, node, list(model.model_fields))
            return model()

    def basics(self, root: Node) -> Basics:
        given = {key: node for key, node in root.value.items() if key in Basics.model_fields and node.value is not None}
        try:
            return Basics.model_validate({key: node.plain() for key, node in given.items()})
        except ValidationError as error:
            self.problems += [
                Problem(p.path.removeprefix("."), p.message, p.where) for p in plan_problems(error, "", Node(given), [])
            ]
            return Basics()


def describe_sections() -> tuple[ConfigRow, ...]:
    """Every key that the frame owns, with its default and help."""
    rows: list[ConfigRow] = []
    for key in Config.sections:
        if key in HELP:
            rows.append(ConfigRow(key, *HELP[key]))
        elif key in PLANS:
            rows += [_row(f"{key}.{name}", field) for name, field in PLANS[key].model_fields.items()]
        else:
            rows.append(_row(key, Basics.model_fields[key]))
    return tuple(rows)


def _row(key: str, field: Any) -> ConfigRow:
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    return ConfigRow(key, "none" if default is None else str(default), field.description or "")


def _line(problem: Problem) -> int:
    """Where to list a problem: by line, those without one last."""
    line = problem.where.rpartition(":")[2]
    return int(line) if line.isdigit() else 2**31


def _is_selection(node: Node) -> bool:
    return isinstance(node.value, str) or (isinstance(node.value, dict) and "use" in node.value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
