"""Does the steps of one run in order, saves what each makes, and keeps the run folder true."""

from __future__ import annotations

import contextlib
import platform
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, cast

from causalkit.components import Context, Tracker
from causalkit.config import Config
from causalkit.errors import BudgetReached, CausalkitError, ComponentError, Interrupted, StoreError, UsageError
from causalkit.isolation import put_back, said
from causalkit.registry import Registry
from causalkit.run_handle import Run
from causalkit.steps import STEPS, plan
from causalkit.steps.keys import makers
from causalkit.steps.shelf import Shelf
from causalkit.store import RunFolder, refused_by_system
from causalkit.store.cache import Entry, copy_or_link

if TYPE_CHECKING:
    from causalkit.steps.work import Work
    from causalkit.transcripts import Transcripts
    from causalkit.types import StepRecord, Usage

__all__ = ["Execution"]

TRACEBACK = "traceback.txt"

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
    """One run under way: does the steps, keeps what they make, and keeps the manifest true."""

    folder: RunFolder
    config: Config
    registry: Registry
    context: Context
    trackers: Sequence[Tracker]
    shelf: Shelf

    def __post_init__(self) -> None:
        self.records: list[StepRecord] = []
        self.handle = Run(self.folder, self.registry)
        self._failed: list[Tracker] = []

    @property
    def _view(self) -> Run:
        """A handle for whoever watches: what they read early is not kept for what reads the run later."""
        return Run(self.folder, self.registry)

    def go(self, until: str | None) -> None:
        """Do the steps, the last one `until` (None: all); raises what the step that failed raised."""
        try:
            self._go(until)
        except KeyboardInterrupt:  # between two steps; one within a step has been told there
            with contextlib.suppress(CausalkitError):
                self._manifest("interrupted")
                self._tell("finished")
            raise Interrupted("stopped by the user", self._how_to_go_on()) from None

    def _go(self, until: str | None) -> None:
        self.folder.write_text("config.yaml", self.config.to_yaml())
        with contextlib.suppress(OSError):  # of the attempt before
            (self.folder.path / TRACEBACK).unlink(missing_ok=True)
        self._manifest("running")
        self._tell("started")
        for step in STEPS:
            self._step(step)
            if step == until:
                break
        self._manifest("done")
        self._tell("finished")

    def _step(self, step: str) -> None:
        from causalkit.types import StepRecord

        used = dict(plan(self.config))[step]
        if not used:
            self._record(StepRecord(step, "skipped", message="the config leaves it out"))
            return
        self._broadcast("step_started", step=step)
        began = time.perf_counter()
        try:
            with self.context.busy(step):
                record = self._do(step, used)
        except BaseException as error:
            self._ended_badly(step, used, time.perf_counter() - began, error)
            raise
        self._record(record)
        if self.registry.manager.hook.causalkit_step_finished.get_hookimpls():
            from causalkit.steps.lending import copy_on_write, lent

            with copy_on_write():
                self._broadcast("step_finished", step=step, output=lent(self.shelf.outputs()))

    def _do(self, step: str, used: str) -> StepRecord:
        """One step; anything that is not our own error becomes one that names the step."""
        from causalkit.types import StepRecord

        began = time.perf_counter()
        try:
            if step == "report":
                self._manifest("running")
                self.handle.write_report()
                return StepRecord(step, "done", round(time.perf_counter() - began, 3), used)
            entry = self.shelf.find(step)
            status = "done" if entry is None or entry.made_by == self.handle.id else "reused"
            if entry is None:
                entry = self._make(step)
            _show(entry, self.folder, step)
            spent = time.perf_counter() - began if status == "reused" else entry.seconds
            return StepRecord(step, status, round(spent, 3), used, usage=entry.usage)
        except CausalkitError as error:
            error.todo = f"{error.todo}\n{self._how_to_go_on(error)}".strip()
            raise
        except KeyboardInterrupt:
            raise Interrupted("stopped by the user", self._how_to_go_on()) from None
        except BaseException as error:  # a component that exits ends nothing but its step
            refused = refused_by_system(error)
            if refused is not None:
                raise StoreError(refused.what, f"{refused.todo}\n{self._how_to_go_on()}") from error
            with contextlib.suppress(CausalkitError):
                self.folder.write_text(TRACEBACK, traceback.format_exc())
            raise ComponentError(
                f"step {step!r} failed ({used}): {said(error)}",
                f"{self._whose_fault(step, error)}The traceback is in {self.folder.path / TRACEBACK}."
                f"\n{self._how_to_go_on()}",
            ) from error

    def _whose_fault(self, step: str, error: BaseException) -> str:
        """What is known of why a component raised, a sentence each; empty where nothing is."""
        told = makers(self.config, self.registry, step)
        strangers = [f"{name} (of {maker})" for name, maker in told.items() if maker.split()[0] != "causalkit"]
        whose = f"Of plugins, this step uses {', '.join(strangers)}. " if strangers else ""
        wrote = "A component may not write into what it is given; it must copy what it changes. "
        return whose + (wrote if "read-only" in said(error) else "")

    def _make(self, step: str) -> Entry:
        """Do a step whose output is nowhere yet, and keep what it makes."""
        from causalkit.steps.artifacts import FILLS
        from causalkit.steps.lending import copy_on_write

        journal, told = self.shelf.journal(step, partial(self.folder.event, step=step)), self._transcripts(step)
        work = self.shelf.work_for(step)
        needs = [f"{step}-{self.shelf.key(step)}", *(store.folder.name for store in work.vectors.values())]
        self.folder.event(kind="begun", step=step, keeps=needs)
        began = time.perf_counter()
        with copy_on_write(), put_back():
            context = replace(self.context, journal=journal, transcripts=told)
            made = _function(step)(replace(work, context=context)).taken(FILLS[step])
        entry = self.shelf.keep(step, made, round(time.perf_counter() - began, 3), _taken(told))
        if told is not None:
            told.end_step()
        if journal is not None:
            journal.forget()
        return entry

    def _transcripts(self, step: str) -> Transcripts | None:
        """The transcripts, counting for this step: by its key, for it may go on in another start."""
        told = self.context.transcripts
        return told.under(f"{step}-{self.shelf.key(step) or self.handle.id}") if told is not None else None

    def _how_to_go_on(self, error: BaseException | None = None) -> str:
        """The one command that goes on from here; none where the config must be mended first."""
        if isinstance(error, UsageError):
            return "What was computed is kept, and is not done again when you run the mended config."
        runs = self.folder.path.parent
        elsewhere = f" --runs-dir {shlex.quote(str(runs))}" if str(runs) != "runs" else ""
        return f"What was computed is kept; go on with `causalkit run --resume {self.handle.id}{elsewhere}`."

    def _ended_badly(self, step: str, used: str, seconds: float, error: BaseException) -> None:
        from causalkit.types import StepRecord

        stopped = isinstance(error, Interrupted | KeyboardInterrupt | BudgetReached)
        status = "interrupted" if stopped else "failed"
        message = error.what if isinstance(error, CausalkitError) else said(error)
        usage = None
        with contextlib.suppress(CausalkitError):  # a step that has no key, transcripts that cannot be read
            usage = _taken(self._transcripts(step)) if step != "report" else None
        with contextlib.suppress(CausalkitError):
            self._record(StepRecord(step, status, round(seconds, 3), used, message, usage))
            self._manifest(status)
        self._broadcast("step_failed", step=step, error=error)
        with contextlib.suppress(CausalkitError):
            self._tell("finished")

    def _record(self, record: StepRecord) -> None:
        self.records.append(record)
        self.folder.event(
            kind="step", step=record.step, status=record.status, seconds=record.seconds, message=record.message
        )
        for tracker in self.trackers:
            self._track(tracker, partial(tracker.step, self._view, record))

    def _tell(self, what: str) -> None:
        self.folder.event(kind=what)
        self._broadcast(f"run_{what}")
        for tracker in self.trackers:
            self._track(tracker, partial(getattr(tracker, what), self._view))

    def _broadcast(self, hook: str, **facts: Any) -> None:
        given = {"run": self._view, **facts}
        for told in getattr(self.registry.manager.hook, f"causalkit_{hook}").get_hookimpls():  # one stops no other
            self._safely("hook", partial(told.function, *(given[name] for name in told.argnames)), told.plugin_name)

    def _track(self, tracker: Tracker, call: Callable[[], Any]) -> None:
        """Tell a tracker; the first time that one fails, those that can warn are told."""
        fault = self._safely("tracker", call)
        if fault and not any(tracker is one for one in self._failed):
            self._failed.append(tracker)
            told = f"tracker {type(tracker).__name__}: {fault.splitlines()[0]}; the run goes on"
            for other in self.trackers:
                if other is not tracker and callable(getattr(other, "warn", None)):
                    self._safely("tracker", partial(other.warn, told))  # type: ignore[attr-defined]

    def _safely(self, what: str, call: Callable[[], Any], whose: str = "") -> str:
        """Whoever watches a run can't fail or end it; that it tried is an event, and what is returned."""
        try:
            with put_back(streams=False):  # a progress bar may stand in for them
                call()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            fault = f"{f'{whose}: ' if whose else ''}{said(error)}"
            self.folder.event(kind=f"{what}-failed", message=fault)
            return fault
        return ""

    def _manifest(self, status: str) -> None:
        steps = [{name: told for name, told in asdict(r).items() if told is not None} for r in self.records]
        self.folder.write_json(
            "manifest.json",
            {
                "schema_version": 1,
                "status": status,
                "name": self.config.name,
                "config_hash": self.config.hash,
                "data_fingerprint": self.shelf.fingerprint(),
                "seed": self.config.seed,
                "versions": _versions(self.registry),
                "components": makers(self.config, self.registry),
                "device": self.context.device,
                "host": {"python": platform.python_version(), "platform": sys.platform, "machine": platform.machine()},
                "steps": steps,
            },
        )


def _taken(told: Transcripts | None) -> Usage | None:
    """What a step took of language models; None where it asked none."""
    usage = told.used() if told is not None else None
    return usage if usage is not None and usage.calls else None


def _function(step: str) -> Callable[[Work], Work]:
    return cast("Callable[[Work], Work]", getattr(import_module(f"causalkit.steps.{step}"), step))


def _show(entry: Entry, folder: RunFolder, step: str) -> None:
    """The step's folder in the run: the kept files under their names, and nothing else."""
    place = folder.path / step
    shown = dict(entry.public())
    for stray in [p for p in place.rglob("*") if p.is_file() and p.relative_to(place).as_posix() not in shown]:
        stray.unlink()
    for name, source in shown.items():
        copy_or_link(source, place / name)
    told = {name: digest for name, digest in entry.files.items() if name.startswith("public/")}
    folder.write_json(f"{step}/step.json", {"key": entry.key, "files": told})


def _versions(registry: Registry) -> dict[str, str]:
    found = {plugin.distribution: plugin.version for plugin in registry.plugins if plugin.version}
    for name in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return dict(sorted(found.items()))
