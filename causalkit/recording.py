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
_TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "float | None": (int, float, type(None)),
}


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
    DataError : a file that cannot be read, or a line that is none or was changed; says which.
    """
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the recording {path} cannot be read: {error}", "Check its path and permissions.") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _exchange(line, f"{path}:{number}")


def _line(one: Exchange) -> str:
    told = one.told() | {"key": one.key, "digest": one.digest}
    return json.dumps(told, sort_keys=True, ensure_ascii=False) + "\n"


def _exchange(line: str, where: str) -> Exchange:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is no JSON: {error}", "Export the recording again.") from None
    if not isinstance(told, dict) or not told.keys() >= _NEEDED:
        raise DataError(f"{where} is no exchange: it needs {', '.join(sorted(_NEEDED))}", "Export the recording again.")
    for one in fields(Exchange):
        wanted = _TYPES.get(str(one.type), dict)
        if not isinstance(told.get(one.name, wanted() if wanted in (str, dict) else 0), wanted):
            raise DataError(f"{where} has {told[one.name]!r} for {one.name}", "Export the recording again.")
    made = Exchange(**{name: value for name, value in told.items() if name in _KNOWN})
    if told.get("digest", made.digest) != made.digest:
        raise DataError(
            f"{where} was changed after it was written",
            "Export it again, or take `digest` away if the change is meant.",
        )
    return made
