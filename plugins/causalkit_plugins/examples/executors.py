"""Executors to check whose defaults will not do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def process(folder: Path) -> Iterable[Any]:
    """Two workers, on a machine of any size."""
    from causalkit_plugins.executors.process import Process

    return [Process(workers=2)]
