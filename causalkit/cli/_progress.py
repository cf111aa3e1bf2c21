"""Progress bars on a terminal, for loops that take longer than a second."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from causalkit.types import StepRecord

__all__ = ["RichProgress", "StepNarrator", "terminal_progress"]

PATIENCE = 1.0
"""Seconds before a loop gets a bar."""


class RichProgress:
    """Shows loops on stderr as bars; a loop that ends within `patience` seconds shows none.

    Loops may nest: each has a bar of its own, and the display ends with the outermost.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._bars: Bars | None = None
        self._open = 0

    def track(self, items: Iterable[Any], label: str, total: int | None) -> Iterator[Any]:
        """Yield `items`, advancing a bar named `label`; `total` is their number where it is known."""
        if total is None:
            total = len(items) if isinstance(items, Sized) else None
        began, task, done = time.monotonic(), None, 0
        try:
            for item in items:
                yield item
                done += 1
                if task is None and time.monotonic() - began > self.patience:
                    task = self._enter(label, total)
                if task is not None and self._bars is not None:
                    self._bars.update(task, completed=done)
        finally:
            if task is not None:
                self._leave(task)

    @contextlib.contextmanager
    def busy(self, label: str) -> Iterator[None]:
        """A moving bar named `label` until the block ends: steps that are no loops show it."""
        task = self._enter(label, None)
        try:
            yield
        finally:
            self._leave(task)

    def _enter(self, label: str, total: int | None) -> Any:
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        self._open += 1
        return self._bars.add_task(label, total=total)

    def _leave(self, task: Any) -> None:
        self._open -= 1
        if self._bars is None:
            return
        self._bars.remove_task(task)
        if self._open == 0:
            self._bars.stop()
            self._bars = None


class StepNarrator:
    """A tracker that says on stderr how each step of a run ended."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def started(self, run: Any) -> None:
        """Say which run it is."""
        self.say(f"run {run.id}")

    def step(self, run: Any, record: StepRecord) -> None:
        """One line for a step: how it ended, how long it took, and what did it."""
        took = f"{record.seconds:6.1f} s" if record.status != "skipped" else " " * 8
        told = record.message if record.status == "skipped" else record.component
        self.say(f"  {record.step:<9} {record.status:<11} {took}  {told}".rstrip())

    def warn(self, message: str) -> None:
        """Say what was found wrong and mended."""
        self.say(f"  {message}")

    def finished(self, run: Any) -> None:
        """Nothing: the result is printed by the command."""


def terminal_progress(*, quiet: bool) -> RichProgress | None:
    """Bars where stderr is a terminal and nobody asked for quiet; else None."""
    return RichProgress() if sys.stderr.isatty() and not quiet else None


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    )
