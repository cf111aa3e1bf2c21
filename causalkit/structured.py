"""Values out of what a language model says: JSON wherever it stands, valid under a schema, and never guessed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from causalkit.errors import UsageError

__all__ = ["WRAPPED", "Unreadable", "check_schema", "choice_of", "read_value", "wrapped"]

WRAPPED = "answer"
"""The property that holds a value that is no object: providers that take a schema take objects alone."""
_THOUGHT = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-zA-Z]*")
_AROUND = " \t\r\n\"'`*."
_LONGEST = 1_000_000
_SHOWN = 200
_REFERRING = ("$ref", "$dynamicRef")
_OPENING = re.compile(r"[{\[]")
_TRIES = 200
"""Brackets at which a value is looked for: a text of nothing but brackets must not take hours."""


class Unreadable(ValueError):
    """An answer that holds no value, several, or one that the schema forbids; says which."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `UsageError` for what is no JSON schema."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator

    try:
        if not isinstance(schema, Mapping):
            raise SchemaError(f"it is {schema!r:.80}")
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise UsageError(f"the schema of the answers is no JSON schema: {error.message}", "Mend the schema.") from None
    _check_references(schema)


def _check_references(schema: Mapping[str, Any]) -> None:
    """Raise `UsageError` for a reference that leads out of the schema, or nowhere: nothing is ever fetched."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except (Unresolvable, ValueError):
            raise UsageError(
                f"the schema of the answers refers to {reference!r}, which is not in it",
                "Write what it refers to into the schema, under `$defs`.",
            ) from None


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        yield from (told for name, told in part.items() if name in _REFERRING and isinstance(told, str))
    if isinstance(part, Mapping | list):
        for inner in part.values() if isinstance(part, Mapping) else part:
            yield from _references(inner)


def read_value(text: str, schema: Mapping[str, Any]) -> Any:
    """The one value in `text` that `schema` allows: alone, in a fence, in prose, or a bare word of an `enum`.

    Raises
    ------
    Unreadable : there is none, or there are several different ones.
    """
    if len(text) > _LONGEST:
        raise Unreadable(f"it is {len(text):,} characters long")
    text = _without_thoughts(text).strip()
    why = "it holds no JSON"
    for candidates in (_whole(text, schema), _fenced(text), _within(text)):
        fitting: list[Any] = []
        for value in candidates:
            problem = ""
            for inner in _unwrapped(value, schema):
                problem = _problem(inner, schema)
                if not problem:
                    fitting += [inner] if not any(_same(inner, one) for one in fitting) else []
                    break
            why = f"the schema forbids it: {problem}" if problem else why
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise Unreadable(f"it holds {len(fitting)} different answers")
    raise Unreadable(why)


def wrapped(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema, as one of an object; `read_value` takes the object away again."""
    if schema.get("type") == "object":
        return dict(schema)
    held = {WRAPPED: dict(schema)}
    return {"type": "object", "properties": held, "required": [WRAPPED], "additionalProperties": False}


def choice_of(schema: Mapping[str, Any]) -> tuple[str, tuple[str, ...]] | None:
    """The property that is a choice, and its choices; the property is empty where the schema itself is the choice.

    None where there is no `enum` of texts, or several.
    """
    if _is_choice(schema):
        return "", tuple(schema["enum"])
    inner = schema.get("properties")
    found = [(name, part) for name, part in inner.items() if _is_choice(part)] if isinstance(inner, Mapping) else []
    return (found[0][0], tuple(found[0][1]["enum"])) if len(found) == 1 else None


def _is_choice(schema: Any) -> bool:
    named = schema.get("enum") if isinstance(schema, Mapping) else None
    return isinstance(named, list | tuple) and bool(named) and all(isinstance(one, str) for one in named)


def _unwrapped(value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    yield value
    if isinstance(value, dict) and set(value) == {WRAPPED} and schema.get("type") != "object":
        yield value[WRAPPED]


def _problem(value: Any, schema: Mapping[str, Any]) -> str:
    """Why a value is not valid; empty where it is. No schema is ever fetched."""
    from jsonschema.exceptions import best_match
    from jsonschema.validators import Draft202012Validator
    from referencing import Registry

    try:
        error = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(value))
    except RecursionError:
        return "it is nested too deeply"
    return "" if error is None else f"{error.json_path}: {error.message}"[:_SHOWN]


def _whole(text: str, schema: Mapping[str, Any]) -> list[Any]:
    """The text as JSON; where the schema is a choice of texts, as one of them without quotes."""
    found = list(_parsed(text))
    return found if found or not _is_choice(schema) else [one for one in schema["enum"] if one == text.strip(_AROUND)]


def _fenced(text: str) -> list[Any]:
    inside = text.split("```")[1:-1:2]
    return [value for inner in inside for value in _parsed(_LANGUAGE.sub("", inner, count=1))]


def _without_thoughts(text: str) -> str:
    """The text without what stands in `<think>`; in one pass, for a text may be a million marks that nothing closes."""
    kept, at, began = [], 0, -1
    for mark in _THOUGHT.finditer(text):
        if not mark[1]:
            began = mark.start() if began < 0 else began
        elif began >= 0:
            kept.append(text[at:began])
            at, began = mark.end(), -1
    return " ".join([*kept, text[at:]])


def _within(text: str) -> list[Any]:
    """Objects and lists that stand in prose, outermost first, one after another."""
    decoder, found, at = _decoder(), [], 0
    for _ in range(_TRIES):
        start = opening.start() if (opening := _OPENING.search(text, at)) else -1
        if start < 0:
            break
        try:
            value, at = decoder.raw_decode(text, start)
            found.append(value)
        except (ValueError, RecursionError):
            at = start + 1
    return found


def _parsed(text: str) -> Iterator[Any]:
    try:
        yield _decoder().decode(text.strip())
    except (ValueError, RecursionError):
        return


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=_finite, parse_constant=_refuse, object_pairs_hook=_pairs)


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(f"{written} is beyond all numbers")
    return number


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)


def _same(a: Any, b: Any) -> bool:
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
