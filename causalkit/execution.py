"""Does the steps of one run in order, saves what each makes, and keeps the run folder true."""

from __future__ import annotations

import contextlib
import platform
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, cast

from causalkit.components import Context, Tracker
from causalkit.config import Config
from causalkit.errors import CausalkitError, ComponentError, Interrupted
from causalkit.registry import Registry
from causalkit.run_handle import Run
from causalkit.steps import STEPS, plan
from causalkit.store import RunFolder

if TYPE_CHECKING:
    from causalkit.steps.work import Work
    from causalkit.types import StepRecord

__all__ = ["Execution"]

_LIBRARIES = [
    "causalkit",
    "causal-learn",
    "dowhy",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "torch",
    "transformers",
]


@dataclass
class Execution:
    """One run under way: does the steps, saves what they make, and keeps the manifest true."""

    folder: RunFolder
    config: Config
    registry: Registry
    context: Context
    trackers: Sequence[Tracker]
    fingerprint: str = ""

    def __post_init__(self) -> None:
        self.records: list[StepRecord] = []
        self.handle = Run(self.folder, self.registry)

    def go(self, until: str | None) -> None:
        """Do the steps, the last one `until` (None: all); raises what the step that failed raised."""
        try:
            self._go(until)
        except KeyboardInterrupt:  # between two steps; one within a step has been told there
            with contextlib.suppress(CausalkitError):
                self._manifest("interrupted")
                self._tell("finished")
            raise Interrupted("stopped by the user") from None

    def _go(self, until: str | None) -> None:
        from causalkit.steps.work import Work

        self.folder.write_text("config.yaml", self.config.to_yaml())
        self._manifest("running")
        self._tell("started")
        work = Work(self.config, self.registry, self.context)
        for step in STEPS:
            work = self._step(step, work)
            if step == until:
                break
        self._manifest("done")
        self._tell("finished")

    def _step(self, step: str, work: Work) -> Work:
        from causalkit.types import StepRecord

        used = dict(plan(self.config))[step]
        if not used:
            self._record(StepRecord(step, "skipped", message="the config leaves it out"))
            return work
        self._broadcast("step_started", step=step)
        began = time.perf_counter()
        try:
            with self.context.busy(step):
                work = self._do(step, work)
        except BaseException as error:
            self._ended_badly(step, used, time.perf_counter() - began, error)
            raise
        self._record(StepRecord(step, "done", round(time.perf_counter() - began, 3), used))
        self._broadcast("step_finished", step=step, output=work.outputs)
        return work

    def _do(self, step: str, work: Work) -> Work:
        """One step; anything that is not our own error becomes one that names the step."""
        try:
            if step == "report":
                self._manifest("running")
                self.handle.write_report()
                return work
            work = _function(step)(work)
            for name, value in _artifacts(step, work).items():
                self.folder.save(f"{step}/{name}", value)
            if step == "load":
                self.fingerprint = work.fingerprint
            return work
        except CausalkitError:
            raise
        except KeyboardInterrupt:
            raise Interrupted("stopped by the user") from None
        except Exception as error:
            self.folder.write_text("traceback.txt", traceback.format_exc())
            raise ComponentError(
                f"step {step!r} failed ({dict(plan(self.config))[step]}): {type(error).__name__}: {error}",
                f"The traceback is in {self.folder.path / 'traceback.txt'}; the steps before it are kept there.",
            ) from error

    def _ended_badly(self, step: str, used: str, seconds: float, error: BaseException) -> None:
        from causalkit.types import StepRecord

        status = "interrupted" if isinstance(error, Interrupted | KeyboardInterrupt) else "failed"
        with contextlib.suppress(CausalkitError):
            self._record(StepRecord(step, status, round(seconds, 3), used, str(error)))
            self._manifest(status)
        self._broadcast("step_failed", step=step, error=error)
        self._tell("finished")

    def _record(self, record: StepRecord) -> None:
        self.records.append(record)
        self.folder.event(
            kind="step", step=record.step, status=record.status, seconds=record.seconds, message=record.message
        )
        for tracker in self.trackers:
            self._safely("tracker", partial(tracker.step, self.handle, record))

    def _tell(self, what: str) -> None:
        self.folder.event(kind=what)
        self._broadcast(f"run_{what}")
        for tracker in self.trackers:
            self._safely("tracker", partial(getattr(tracker, what), self.handle))

    def _broadcast(self, hook: str, **facts: Any) -> None:
        call = getattr(self.registry.manager.hook, f"causalkit_{hook}")
        self._safely("hook", lambda: call(run=self.handle, **facts))

    def _safely(self, what: str, call: Callable[[], Any]) -> None:
        """Whoever watches a run can't fail it; that it tried is an event."""
        try:
            call()
        except Exception as error:
            self.folder.event(kind=f"{what}-failed", message=f"{type(error).__name__}: {error}")

    def _manifest(self, status: str) -> None:
        steps = [
            {"step": r.step, "status": r.status, "seconds": r.seconds, "component": r.component, "message": r.message}
            for r in self.records
        ]
        self.folder.write_json(
            "manifest.json",
            {
                "schema_version": 1,
                "status": status,
                "name": self.config.name,
                "config_hash": self.config.hash,
                "data_fingerprint": self.fingerprint,
                "seed": self.config.seed,
                "versions": _versions(self.registry),
                "device": self.context.device,
                "host": {"python": platform.python_version(), "platform": sys.platform, "machine": platform.machine()},
                "steps": steps,
            },
        )


def _function(step: str) -> Callable[[Work], Work]:
    return cast("Callable[[Work], Work]", getattr(import_module(f"causalkit.steps.{step}"), step))


def _artifacts(step: str, work: Work) -> dict[str, Any]:
    """What a step leaves on disk, by name."""
    made = work.outputs
    assert made is not None
    if step == "load":
        return {"dataset": work.skeleton, "split": work.split, "facts": work.facts}
    if step == "refit":
        return {"effects": made.effects, "verdicts": made.verdicts, "ranking": made.ranking}
    left: dict[str, dict[str, Any]] = {
        "encode": {"embeddings": made.embeddings},
        "discover": {"graph": made.graph},
        "identify": {"estimands": (made.estimand, *made.secondary)},
        "estimate": {"effects": made.effects},
        "refute": {"effects": made.effects, "verdicts": made.verdicts},
        "rank": {"ranking": made.ranking},
        "evaluate": {"measurements": made.measurements},
        "explain": {"explanation": made.explanation},
    }
    return left[step]


def _versions(registry: Registry) -> dict[str, str]:
    found = {plugin.distribution: plugin.version for plugin in registry.plugins if plugin.version}
    for name in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return dict(sorted(found.items()))
