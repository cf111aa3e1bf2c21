"""Recordings: exchanges with language models as JSON lines, to be kept beside a paper and replayed without a network.

Lines are sorted by key, names within a line too: the same exchanges give the same bytes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from causalkit.errors import DataError, StoreError
from causalkit.transcripts import Exchange

__all__ = ["read_recording", "write_recording"]

_NEEDED = {one.name for one in fields(Exchange) if one.default is MISSING and one.default_factory is MISSING}
_KNOWN = {one.name for one in fields(Exchange)}
_LARGEST = 10**12
"""Of a count, a price or a time; a log-probability is not below its negative."""


def write_recording(exchanges: Iterable[Exchange], path: Path) -> int:
    """Write a recording, whole or not at all; returns how many exchanges it holds. Raises `StoreError`."""
    lines = {one.key: _line(one) for one in exchanges}
    text = "".join(lines[key] for key in sorted(lines))
    whole = Path(f"{path}.{secrets.token_hex(4)}")
    try:
        whole.write_text(text, encoding="utf-8")
        whole.replace(path)
    except OSError as error:
        whole.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written: {error.strerror}", "Choose another place.") from None
    return len(lines)


def read_recording(path: Path) -> Iterator[Exchange]:
    """The exchanges of a recording, as they stand there.

    A line that carries `digest` must be what it was when written; one that was written by hand needs `model`,
    `prompt`, `schema` and `answer` alone.

    Raises
    ------
    DataError : a file that cannot be read, or a line that is none, was changed, or contradicts another; says which.
    """
    try:
        lines = Path(path).read_text("utf-8-sig").split("\n")  # other marks of a line's end may stand in an answer
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the recording {path} cannot be read: {error}", "Check its path and permissions.") from None
    said: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            one = _exchange(line, f"{path}:{number}")
            if said.setdefault(one.key, (one.answer, one.refused)) != (one.answer, one.refused):
                raise DataError(
                    f"{path}:{number} gives a second answer to one question", "Take one of the two lines away."
                )
            yield one


def _line(one: Exchange) -> str:
    told = one.told() | {"key": one.key, "digest": one.digest}
    return json.dumps(told, sort_keys=True, ensure_ascii=False) + "\n"


def _exchange(line: str, where: str) -> Exchange:
    try:
        told = json.loads(line)
        json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:  # half a character and NaN are no JSON either
        raise DataError(f"{where} is no JSON: {error}", "Export the recording again.") from None
    if not isinstance(told, dict) or not told.keys() >= _NEEDED:
        raise DataError(f"{where} is no exchange: it needs {', '.join(sorted(_NEEDED))}", "Export the recording again.")
    for one in fields(Exchange):
        if one.name in told and not _is_sound(told[one.name], str(one.type)):
            raise DataError(f"{where} has {told[one.name]!r:.80} for {one.name}", "Export the recording again.")
    made = Exchange(**{name: value for name, value in told.items() if name in _KNOWN})
    if told.get("digest", made.digest) != made.digest:
        raise DataError(
            f"{where} was changed after it was written",
            "Export it again, or take `digest` away if the change is meant.",
        )
    return made


def _is_sound(value: Any, kind: str) -> bool:
    """Whether a value is what a field of that type may hold."""
    if kind == "str":
        return isinstance(value, str)
    if kind == "Mapping[str, float]":
        return isinstance(value, dict) and all(_is_number(one, -_LARGEST, 1e-6) for one in value.values())
    if kind.startswith("Mapping"):
        return isinstance(value, dict)
    if value is None:
        return "None" in kind
    return _is_number(value, 0, _LARGEST) and (kind != "int" or isinstance(value, int))


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
