"""Answers filled in by likelihood: where a schema has finitely many values at each place, any model can answer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from causalkit_plugins.llms._local import LocalModel
from causalkit_plugins.llms._logprobs import normalised

__all__ = ["Filled", "fill", "is_fillable"]

_STEPS = 10
"""Steps between the bounds of a number."""
_MOST = 1000
"""Values at one place."""
_OF_OBJECTS = {"type", "properties", "required", "additionalProperties", "title", "description", "$schema"}


@dataclass(frozen=True)
class Filled:
    """An answer as JSON, the tokens it took, and the log-probabilities of each choice of texts by its property."""

    text: str
    tokens: int
    choices: Mapping[str, dict[str, float]]


def is_fillable(schema: Any) -> bool:
    """Whether each place of the schema has finitely many values: choices, yes or no, numbers within bounds."""
    if not isinstance(schema, Mapping):
        return False
    parts = _properties(schema)
    if parts is not None:
        return bool(parts) and all(is_fillable(part) for part in parts.values())
    return 0 < len(_values(schema)) <= _MOST


def fill(model: LocalModel, start: list[int], schema: Mapping[str, Any]) -> Filled:
    """The likeliest value at each place, one after another, each given those before it."""
    filling = _Filling(model, start)
    text = filling.written(schema, "", "", "")
    return Filled(text, len(model.ids(text)), filling.choices)


@dataclass
class _Filling:
    """A schema being filled in behind `start`, and the choices made so far."""

    model: LocalModel
    start: list[int]
    choices: dict[str, dict[str, float]] = field(default_factory=dict)

    def written(self, schema: Mapping[str, Any], name: str, before: str, closing: str) -> str:
        """`before` with this place filled in; `closing` is what follows a value here."""
        parts = _properties(schema)
        if parts is None:
            return before + self._best(schema, name, before, closing)
        names = list(parts)
        for place, inner in enumerate(names):
            before += f"{'{' if place == 0 else ', '}{json.dumps(inner, ensure_ascii=False)}: "
            after = "}" if inner == names[-1] else ","
            before = self.written(parts[inner], inner, before, after)
        return before + "}"

    def _best(self, schema: Mapping[str, Any], name: str, before: str, closing: str) -> str:
        """The likeliest value. What follows it counts: else the shorter of two that begin alike would always win."""
        values = _values(schema)
        texts = [json.dumps(value, ensure_ascii=False) for value in values]
        scores = self.model.scores(self.start, [before + text + closing for text in texts])
        highest = max(scores)
        if all(isinstance(value, str) for value in values):
            weights = {value: math.exp(score - highest) for value, score in zip(values, scores, strict=True)}
            self.choices[name] = normalised(weights)
        return texts[scores.index(highest)]


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The places of an object, by name; None for what is no object, or is open."""
    named = schema.get("properties")
    closed = set(schema) <= _OF_OBJECTS
    return named if schema.get("type", "object") == "object" and isinstance(named, Mapping) and closed else None


def _values(schema: Mapping[str, Any]) -> list[Any]:
    """The values at a place that has finitely many; of numbers within bounds, those at even steps."""
    if "enum" in schema:
        return [one for one in schema["enum"] if one is None or isinstance(one, str | int | float)]
    if "const" in schema:
        return [schema["const"]]
    kind, low, high = schema.get("type"), schema.get("minimum"), schema.get("maximum")
    if kind in ("boolean", "null"):
        return [True, False] if kind == "boolean" else [None]
    if kind not in ("number", "integer") or low is None or high is None or high < low or "multipleOf" in schema:
        return []
    if kind == "integer" and high - low <= _MOST - 1:
        return list(range(math.ceil(low), math.floor(high) + 1))
    steps = [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]
    return [round(one) if kind == "integer" else round(one, 6) for one in steps]
