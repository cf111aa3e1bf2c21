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
                    with _whether_or_not_seen():
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
            with _whether_or_not_seen():
                self._bars.start()
        self._open += 1
        return self._bars.add_task(label, total=total)

    def _leave(self, task: Any) -> None:
        self._open -= 1
        if self._bars is None:
            return
        bars = self._bars
        with _whether_or_not_seen():
            bars.remove_task(task)
        if self._open == 0:
            self._bars = None
            with _whether_or_not_seen():
                bars.stop()


class StepNarrator:
    """A tracker that says on stderr how each step of a run ended.

    Parameters
    ----------
    say : prints one line.
    resuming : an unfinished run was asked for; where a new one begins instead, that is said.
    """

    def __init__(self, say: Callable[[str], None], *, resuming: bool = False) -> None:
        self.say = say
        self.resuming = resuming
        self._is_taken_up = False

    def started(self, run: Any) -> None:
        """Say which run it is, and whether it goes on or begins."""
        self._is_taken_up = sum(event["kind"] == "started" for event in run.folder.events()) > 1
        if self.resuming and not self._is_taken_up:
            self.say("no run of this config is unfinished; a new one begins")
        self.say(f"run {run.id}" + (" goes on" if self._is_taken_up else ""))

    def step(self, run: Any, record: StepRecord) -> None:
        """One line for a step: how it ended, how long it took, and what did it."""
        status = "done before" if self._was_done_before(run, record) else record.status
        took = f"{record.seconds:6.1f} s" if record.status != "skipped" else " " * 8
        told = record.message if record.status == "skipped" else record.component
        self.say(f"  {record.step:<9} {status:<11} {took}  {told}".rstrip())

    def _was_done_before(self, run: Any, record: StepRecord) -> bool:
        """Whether the run had done the step before it was stopped; the record says the same either way."""
        if not self._is_taken_up or record.status != "done" or record.step == "report":
            return False
        events = run.folder.events()
        began = max(at for at, event in enumerate(events) if event["kind"] == "started")
        return not any(e["kind"] == "begun" and e["step"] == record.step for e in events[began:])

    def warn(self, message: str) -> None:
        """Say what was found wrong and mended."""
        self.say(f"  {message}")

    def finished(self, run: Any) -> None:
        """Nothing: the result is printed by the command."""


def terminal_progress(*, quiet: bool) -> RichProgress | None:
    """Bars where stderr is a terminal and nobody asked for quiet; else None."""
    return RichProgress() if sys.stderr.isatty() and not quiet else None


def _whether_or_not_seen() -> contextlib.suppress:
    """A terminal that is closed can show nothing; the work goes on, or ends as it must."""
    return contextlib.suppress(OSError)


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Count(MofNCompleteColumn):
        """How many of how many; how many where the number is not known; nothing for what is no loop."""

        def render(self, task: Task) -> Text:
            if task.total is not None:
                return super().render(task)
            return Text(str(int(task.completed)) if task.completed else "", style="progress.download")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        Count(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    )
