"""The tracker as it is checked: writing to a folder of the check's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["mlflow"]


def mlflow(folder: Path) -> Iterator[Any]:
    """One that writes below `folder`."""
    from .tracker import Mlflow

    yield Mlflow(uri=str(folder / "mlruns"), wait=30)
