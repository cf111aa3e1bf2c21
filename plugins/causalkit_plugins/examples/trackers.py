"""Trackers to check whose defaults will not do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def jsonl(folder: Path) -> Iterable[Any]:
    """It needs a file."""
    from causalkit_plugins.trackers.jsonl import Jsonl

    return [Jsonl(path=str(folder / "events.jsonl"))]
