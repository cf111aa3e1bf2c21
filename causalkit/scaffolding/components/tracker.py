"""How long each step of a run took, as a table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from causalkit.components import component
from causalkit.types import StepRecord

if TYPE_CHECKING:
    from causalkit.run_handle import Run


@component
class StepTimes:
    """Writes a line for each step into a CSV file in the run's folder.

    Columns: step, status, seconds, component.
    """

    file: str = "times.csv"
    "What the file is called; a run that is taken up again adds to it."

    def started(self, run: Run) -> None:
        """Begin the table, where it is not there."""
        if not (Path(run.path) / self.file).exists():
            self._write(run, "step", "status", "seconds", "component")

    def step(self, run: Run, record: StepRecord) -> None:
        """Add a line."""
        self._write(run, record.step, record.status, f"{record.seconds:.3f}", record.component)

    def finished(self, run: Run) -> None:
        """All is written."""

    def _write(self, run: Run, *cells: str) -> None:
        with (Path(run.path) / self.file).open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(cells)
