"""Components that pass, and that fail, the checks in `causalkit.testing.checks.tracker`."""

from __future__ import annotations

import json
from pathlib import Path

from causalkit_plugins.trackers.jsonl import Jsonl

from causalkit.components import component
from tests.testing.mutants import Make


@component
class Listing:
    """Writes the steps of a run, and what was measured, into a file of its folder."""

    file: str = "steps.json"
    "What the file is called."

    def started(self, run):
        self._steps = []

    def step(self, run, record):
        self._steps.append([record.step, record.status, record.message])

    def finished(self, run):
        measured = {one.name: one.value for one in run.measurements}
        told = {"steps": self._steps, "config": run.config.to_dict(), "measured": measured, "status": run.status}
        (Path(run.path) / self.file).write_text(json.dumps(told), "utf-8")


HEALTHY: list[Make] = [lambda _: Listing(), lambda folder: Jsonl(path=str(folder / "events.jsonl"))]


@component
class Picky(Listing):
    """Knows two ways in which a step ends."""

    def step(self, run, record):
        {"done": 1, "failed": 2, "interrupted": 3, "odd": 4}[record.status]
        super().step(run, record)


@component
class Proud(Listing):
    """Writes of the best item of every run."""

    def finished(self, run):
        run.effects.item["effect"].idxmax()
        super().finished(run)


@component
class Single(Listing):
    """Serves one run in its life."""

    def started(self, run):
        if "_steps" in vars(self):
            raise RuntimeError("busy")
        super().started(run)


@component
class Founding(Listing):
    """Makes a folder for itself in the run's."""

    def started(self, run):
        super().started(run)
        (Path(run.path) / "mine").mkdir()


@component
class Latin(Listing):
    """Writes in Latin letters."""

    def step(self, run, record):
        record.message[:5].encode("latin-1")
        super().step(run, record)


@component
class Tidy(Listing):
    """Clears the report away."""

    def finished(self, run):
        super().finished(run)
        if Path(run.report_path).is_file():
            Path(run.report_path).write_text("seen")


MUTANTS: dict[str, Make] = {
    "tracker/takes-a-whole-run": lambda _: Picky(),
    "tracker/takes-a-run-that-made-nothing": lambda _: Proud(),
    "tracker/takes-run-after-run": lambda _: Single(),
    "tracker/takes-a-run-that-is-taken-up-again": lambda _: Founding(),
    "tracker/takes-odd-messages": lambda _: Latin(),
    "tracker/leaves-the-run-alone": lambda _: Tidy(),
}
