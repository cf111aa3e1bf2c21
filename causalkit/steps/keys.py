"""What each step depends on, and the key under which what it made is kept.

A key is a Merkle hash: over the step's own part of the config, the seed, the code and versions of the
components it uses and of what those hold, and the contents of everything that earlier steps hand it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from causalkit.components import Context
from causalkit.config import Config, Selection
from causalkit.provenance import frame_source, library_versions, source_hash
from causalkit.registry import Registry, parse_selection

__all__ = ["NEEDS", "Needs", "component_key", "makers", "outermost", "step_key", "written"]


@dataclass(frozen=True)
class Needs:
    """The sections of the config that a step reads, and the steps before it whose output it is given."""

    sections: tuple[str, ...]
    steps: tuple[str, ...] = ()


_ESTIMATED = ("load", "encode", "identify", "estimate")
NEEDS: dict[str, Needs] = {
    "load": Needs(("data", "clean", "split")),
    "encode": Needs(("encode",), ("load",)),
    "discover": Needs(("discover", "knowledge"), ("load",)),
    "identify": Needs(("identify",), ("load", "discover")),
    "estimate": Needs(("estimate", "naive"), ("load", "encode", "identify")),
    "refute": Needs(("refute", "estimate"), _ESTIMATED),
    "rank": Needs(("rank", "top"), (*_ESTIMATED, "refute")),
    "evaluate": Needs(
        ("evaluate", "baselines", "naive", "estimate", "rank", "top"), (*_ESTIMATED, "discover", "refute", "rank")
    ),
    "refit": Needs(("estimate", "naive", "refute", "rank", "top"), (*_ESTIMATED, "refute", "rank")),
    "explain": Needs(("explain", "rank", "estimate"), (*_ESTIMATED, "discover", "refute", "rank", "evaluate", "refit")),
}
"""Every step that is kept; `report` is written anew each time."""

_KINDS = {
    "data": "dataset",
    "encode": "encoder",
    "discover": "discoverer",
    "estimate": "estimator",
    "naive": "estimator",
    "refute": "refuter",
    "rank": "ranker",
    "evaluate": "metric",
    "baselines": "ranker",
    "explain": "explainer",
}
_ON_ANY_DEVICE = ("load", "identify")
_FROM_FILES = ("load", "encode")


def makers(config: Config, registry: Registry, step: str = "") -> dict[str, str]:
    """Whose each component of a config (or of one step) is, held ones too: `"ranker uplift"` → `"causalkit 0.1.0"`."""
    sections = NEEDS[step].sections if step in NEEDS else tuple(_KINDS)
    found: dict[str, str] = {}
    for section in sections:
        for selection in _selections(getattr(config, section)) if section in _KINDS else ():
            found.update(_made_by(registry, _KINDS[section], selection.to_dict()))
    return dict(sorted(found.items()))


def _made_by(registry: Registry, kind: str, selection: Any) -> Iterator[tuple[str, str]]:
    use, _ = parse_selection(selection)
    yield f"{kind} {use}", registry.find(kind, use).maker
    for inner, part in _parts_of(registry, kind, selection):
        yield from _made_by(registry, inner, part)


def step_key(
    step: str, config: Config, registry: Registry, context: Context, inputs: Mapping[str, str], data: str, device: str
) -> str:
    """The key of a step; `inputs` are digests by step, `data` what is known of its files, `device` a kind of device."""
    needs, written = NEEDS[step], config.to_dict()
    chosen = [
        component_key(registry, _KINDS[section], selection, context)
        for section in needs.sections
        if section in _KINDS
        for selection in _selections(getattr(config, section))
    ]
    return _hashed(
        step,
        {section: written[section] for section in needs.sections},
        config.seed,
        chosen,
        {name: inputs.get(name, "") for name in needs.steps},
        data if step in _FROM_FILES else "",
        "" if step in _ON_ANY_DEVICE else device,
        platform.python_version_tuple()[:2],
        frame_source(),
        library_versions("causalkit"),
    )


def component_key(registry: Registry, kind: str, selection: Selection, context: Context) -> str:
    """Hash of a component: its parameters, its code and versions, what it reads from outside, and what it holds.

    Versions of causalkit's own libraries are in it whosesoever it is: a stranger's may work through a built-in one.
    """
    outside = [] if kind == "dataset" else list(_outside(registry.build(kind, selection.to_dict()), context))
    code = _code(registry, kind, selection.to_dict())
    return _hashed(selection.to_dict(), code, outside, library_versions("causalkit"))


def outermost(
    registry: Registry, kind: str, selection: Selection, wanted: Callable[[Any], bool]
) -> Iterator[Selection]:
    """The selection where its component is `wanted`, else those that it holds of the same kind, and so on inwards."""
    if wanted(registry.build(kind, selection.to_dict())):
        yield selection
        return
    for inner, part in _parts_of(registry, kind, selection.to_dict()):
        if inner == kind:
            yield from outermost(registry, kind, Selection(*parse_selection(part)), wanted)


def written(selection: Any) -> str:
    """A selection as one text, equal for equal ones."""
    return json.dumps(parse_selection(selection), sort_keys=True, default=str)


def _outside(part: Any, context: Context) -> Iterator[str]:
    """What a component, and those it holds, say of the files they read; a dataset is asked when it is loaded."""
    if isinstance(part, Mapping):
        part = list(part.values())
    if isinstance(part, list | tuple):
        for inner in part:
            yield from _outside(inner, context)
    elif hasattr(part, "get_params"):
        if callable(getattr(part, "fingerprint", None)):
            yield str(part.fingerprint(context=context))
        yield from _outside(part.get_params(deep=False), context)


def _code(registry: Registry, kind: str, selection: Any) -> Any:
    """Source and versions of a component and of the components it holds, nested as they are."""
    entry = registry.find(kind, parse_selection(selection)[0])
    module = entry.declaration.target.partition(":")[0]
    inner = [_code(registry, *part) for part in _parts_of(registry, kind, selection)]
    return [
        entry.declaration.target,
        entry.distribution,
        entry.version,
        source_hash(module, entry.distribution),
        library_versions(entry.distribution),
        inner,
    ]


def _parts_of(registry: Registry, kind: str, selection: Any) -> Iterator[tuple[str, Any]]:
    """Kind and selection of the components that one holds, by the order of its fields' names."""
    use, params = parse_selection(selection)
    held = registry.held(registry.load(kind, use), params)
    for name in sorted(held):
        yield from ((held[name], part) for part in _held_selections(params[name]))


def _held_selections(value: Any) -> Iterator[Any]:
    """Selections in a parameter: one, several in a list, or several by name."""
    if isinstance(value, str) or (isinstance(value, Mapping) and "use" in value):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _held_selections(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _held_selections(inner)


def _selections(section: Any) -> list[Selection]:
    if section is None:
        return []
    if isinstance(section, Selection):
        return [section]
    values = section.values() if isinstance(section, Mapping) else section
    return [value for value in values if value is not None]


def _hashed(*parts: Any) -> str:
    text = json.dumps(parts, default=str)  # in the order written: that of columns may show in what is made of them
    return hashlib.sha256(text.encode()).hexdigest()[:32]
