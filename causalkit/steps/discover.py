"""From a part of the log that estimation never sees to a causal graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from causalkit import preparation
from causalkit.config import read_knowledge
from causalkit.steps import soundness
from causalkit.steps.lending import lent
from causalkit.steps.work import Work
from causalkit.types import Knowledge, Variables

__all__ = ["discover", "gather_knowledge"]


def discover(work: Work) -> Work:
    """The causal graph over the log's variables, from rows that estimation never sees."""
    assert work.split is not None
    seen = preparation.variables(work.split.take(work.log, "discover"))
    knowledge = gather_knowledge(seen, work.config.knowledge)
    assert work.config.discover is not None
    discoverer = work.build("discoverer", work.config.discover)
    given = seen if getattr(discoverer, "takes_weights", False) else seen.repeated()
    drawn = discoverer.discover(lent(given), lent(knowledge), context=work.under("discover"))
    graph = soundness.graph(drawn, seen, knowledge, work.whose("discoverer", work.config.discover))
    graph = replace(graph, notes=(*seen.notes, *_effective_n(seen), *knowledge.notes, *graph.notes))
    return work.with_outputs(variables=seen, graph=graph)


def _effective_n(seen: Variables) -> Iterator[str]:
    """How many units the variables of each level have: what their tests may count."""
    levels: dict[tuple[str, ...], list[str]] = {}
    for name in seen.names:
        levels.setdefault(seen.levels.get(name, ()), []).append(name)
    for level, names in levels.items():
        said = " × ".join(level) or "row"
        yield f"effective n {seen.units_of(names[0])} ({said}): {', '.join(names)}"


def gather_knowledge(seen: Variables, config: Mapping[str, Any] | None) -> Knowledge:
    """The schema's tiers together with the config's `knowledge:`; raises `ConfigError`."""
    known = seen.knowledge()
    if config:
        known = known.merged(read_knowledge(config, seen.names))
    known.check(seen.names)
    return known
