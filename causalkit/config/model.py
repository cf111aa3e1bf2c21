"""A run's config: found, overlaid, validated whole, filled in, hashed.

Precedence: defaults < file < environment (`CAUSALKIT__ESTIMATE__ITEM__PARAMS__FOLDS=3`) <
`-o estimate.item.params.folds=3`. Every problem is told at once, each with file, line, path, what
was got, and the nearest valid name.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalkit.config.overlay import from_environment, from_options
from causalkit.config.plans import CleanPlan, IdentifyPlan, SplitPlan
from causalkit.config.selection import Selection
from causalkit.config.strict_yaml import MAX_BYTES, Node, dump_yaml, from_python, parse_yaml
from causalkit.errors import ConfigError, Problem, UsageError, nearest

if TYPE_CHECKING:
    from causalkit.registry import Registry
    from causalkit.types import Knowledge

__all__ = [
    "Config",
    "ConfigRow",
    "describe_config",
    "example_names",
    "load_config",
    "read_knowledge",
    "resolved_config",
]

_PLANS: dict[str, type[CleanPlan | SplitPlan | IdentifyPlan]] = {
    "clean": CleanPlan,
    "split": SplitPlan,
    "identify": IdentifyPlan,
}


@dataclass(frozen=True)
class Config:
    """A config that was validated, with every default filled in.

    A section that is None or empty was left out: its step does not run, and the report says so.
    `knowledge` is the mapping that was written, or was read from the file that was named.
    """

    data: Selection
    estimate: Mapping[str, Selection]
    rank: Selection
    naive: Selection
    name: str = "run"
    clean: CleanPlan = field(default_factory=CleanPlan)
    split: SplitPlan = field(default_factory=SplitPlan)
    encode: Mapping[str, Selection] = field(default_factory=dict)
    knowledge: Mapping[str, Any] | None = None
    discover: Selection | None = None
    identify: IdentifyPlan = field(default_factory=IdentifyPlan)
    refute: tuple[Selection, ...] = ()
    explain: Selection | None = None
    evaluate: tuple[Selection, ...] = ()
    baselines: tuple[Selection, ...] = ()
    seed: int = 0
    top: int = 10

    sections = (
        "name",
        "data",
        "clean",
        "split",
        "encode",
        "knowledge",
        "discover",
        "identify",
        "estimate",
        "refute",
        "rank",
        "explain",
        "evaluate",
        "baselines",
        "naive",
        "seed",
        "top",
    )
    """Every key of a config, in the order in which it is written."""

    def to_dict(self) -> dict[str, Any]:
        """Plain mappings, lists and scalars; `load_config` makes an equal Config of it."""
        return {name: _dumped(getattr(self, name)) for name in self.sections}

    def to_yaml(self) -> str:
        """Plain YAML; `load_config` makes an equal Config of it."""
        return dump_yaml(self.to_dict())

    @cached_property
    def sha256(self) -> str:
        """Hash of the canonical JSON of all but `name`, which changes nothing."""
        content = {key: value for key, value in self.to_dict().items() if key != "name"}
        content = json.loads(json.dumps(content))  # keys as text, so that they can be sorted
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def hash(self) -> str:
        """The first 12 hex digits of `sha256`, as runs show it."""
        return self.sha256[:12]


@dataclass(frozen=True)
class ConfigRow:
    """One key of a config, for documentation: its path, default, and help."""

    key: str
    default: str
    help: str


def load_config(
    source: str | Path | Mapping[str, Any] | Config,
    *,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    registry: Registry | None = None,
) -> Config:
    """Read a config from a file, a packaged example's name, or a mapping.

    `overrides` are `a.b=value` texts, as `-o` takes them. `environment` (the process's, where absent)
    gives `${NAME}` in values and `CAUSALKIT__A__B` overrides.

    Raises
    ------
    ConfigError : every problem at once.
    UsageError : there is no such file or example, or an override is not `key=value`.
    """
    from causalkit.config.sections import read_sections
    from causalkit.registry import default_registry

    if isinstance(source, Config):
        source = source.to_dict()
    environment = os.environ if environment is None else environment
    root, title, folder = _read(source, environment)
    overlays = [*from_environment(environment), *from_options(overrides)]
    return read_sections(
        root, overlays, title=title, folder=folder, registry=registry or default_registry(), environment=environment
    )


def resolved_config(path: Path) -> Config:
    """The config that a run left in its folder, as it stands: its components need not be installed any more.

    Raises
    ------
    ConfigError : not YAML, or not what a run writes.
    """
    written = parse_yaml(_bytes(path), str(path), environment={}).plain()
    try:
        return Config(**{name: _lifted(name, written[name]) for name in Config.sections})
    except (KeyError, TypeError, ValueError) as error:
        problem = Problem("the config", f": not as a run writes it: {type(error).__name__}: {error}", str(path))
        raise ConfigError(str(path), [problem]) from None


def _lifted(name: str, value: Any) -> Any:
    """The inverse of `_dumped` for one section."""
    if name in _PLANS:
        return _PLANS[name](**value)
    if name in ("name", "knowledge", "seed", "top") or value is None:
        return value
    if isinstance(value, list):
        return tuple(Selection(**one) for one in value)
    if name in ("encode", "estimate"):
        return {level: None if one is None else Selection(**one) for level, one in value.items()}
    return Selection(**value)


def example_names() -> tuple[str, ...]:
    """Names of the packaged configs."""
    found = (entry.name for entry in files("causalkit.examples").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


def describe_config() -> tuple[ConfigRow, ...]:
    """Every key that the frame owns, with its default and help, in order."""
    from causalkit.config.sections import describe_sections

    return describe_sections()


def read_knowledge(known: Mapping[str, Any] | str | Path, names: Sequence[str] = ()) -> Knowledge:
    """The `knowledge` section of a Config, or a mapping or file written as one, as the frame's type.

    Its rules and triples are spelt out among the variables `names`.

    Raises
    ------
    ConfigError : it is not written as `knowledge` is, contradicts itself, or has a rule that names no variable.
    """
    from causalkit.config.knowledge import knowledge_about, knowledge_section

    problems: list[Problem] = []
    node = from_python(str(known) if isinstance(known, Path) else known)
    read = knowledge_section(node, Path(), os.environ, problems)
    if problems or read is None:
        raise ConfigError("knowledge", problems or [Problem("knowledge", ": is empty")])
    return knowledge_about(read, names)


def _read(source: str | Path | Mapping[str, Any], environment: Mapping[str, str]) -> tuple[Node, str, Path]:
    """The tree as written, what to call it, and the folder that paths in it start from."""
    if isinstance(source, Mapping):
        return from_python(source), "the config", Path()
    path = Path(source)
    if path.is_file():
        text, folder, title = _bytes(path), path.parent, str(source)
    elif str(source) in example_names():
        text, folder, title = (
            files("causalkit.examples").joinpath(f"{source}.yaml").read_bytes(),
            Path(),
            f"{source}.yaml",
        )
    else:
        raise _not_there(path)
    root = parse_yaml(text, title, environment=environment)
    if isinstance(root.value, dict) and "name" not in root.value:
        root.value["name"] = Node(Path(title).stem, title)
    return root, title, folder


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _not_there(path: Path) -> UsageError:
    names = example_names()
    beside = [entry.name for entry in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    hint = nearest(path.name, [*names, *beside])
    what = "is a folder, not a config" if path.is_dir() else "is neither a file nor the name of an example"
    return UsageError(f"{str(path)!r} {what}{hint}", f"Examples: {', '.join(names) or 'none'}.")


def _dumped(value: Any) -> Any:
    if isinstance(value, Selection):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _dumped(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_dumped(inner) for inner in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


assert set(Config.sections) == {f.name for f in fields(Config)}
