"""Runs the steps in order, keeps what each made, and hands back the run.

>>> import causalkit as ck                          # doctest: +SKIP
>>> run = ck.run("quickstart")                      # doctest: +SKIP
>>> run.effects.item.head()                         # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import platform
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalkit.components import Context
from causalkit.config import Config, load_config
from causalkit.errors import CausalkitError, ComponentError, Interrupted, UsageError, nearest
from causalkit.registry import Registry, default_registry
from causalkit.store import RunFolder, find_run, run_folders

if TYPE_CHECKING:
    import pandas as pd

    from causalkit._steps import Work
    from causalkit.context import Progress
    from causalkit.types import (
        CausalGraph,
        Dataset,
        Effects,
        Embeddings,
        Estimand,
        Explanation,
        Measurement,
        Outputs,
        Ranking,
        Receipt,
        RunResult,
        Split,
        StepRecord,
        Verdicts,
    )

__all__ = ["STEPS", "Run", "RunSummary", "build", "list_runs", "open_run", "plan", "run"]

STEPS: tuple[str, ...] = (
    "load",
    "encode",
    "discover",
    "identify",
    "estimate",
    "refute",
    "rank",
    "evaluate",
    "refit",
    "explain",
    "report",
)
"""The steps of a run, in order."""

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


def build(kind: str, use: str, registry: Registry | None = None, **params: Any) -> Any:
    """A component by kind and name, without a config: `build("discoverer", "pc", alpha=0.01)`.

    Raises
    ------
    PluginError, InvalidParameter
    """
    return (registry or default_registry()).build(kind, {"use": use, "params": params})


def plan(config: Config) -> list[tuple[str, str]]:
    """Each step with the components it will use; an empty text means that it is left out."""
    estimators = ", ".join(f"{level}: {s.use}" for level, s in config.estimate.items() if s)
    encoders = ", ".join(f"{side}: {s.use}" for side, s in config.encode.items() if s)
    used = {
        "load": config.data.use,
        "encode": encoders,
        "discover": config.discover.use if config.discover else "",
        "identify": f"target {config.identify.target}",
        "estimate": estimators,
        "refute": ", ".join(s.use for s in config.refute),
        "rank": config.rank.use,
        "evaluate": ", ".join(s.use for s in config.evaluate),
        "refit": "on training and test rows",
        "explain": config.explain.use if config.explain else "",
        "report": "report.html",
    }
    return [(step, used[step]) for step in STEPS]


def run(
    config: Config | str | Path | Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    until: str | None = None,
    device: str = "cpu",
    executor: Any = None,
    runs_dir: str | Path = "runs",
    progress: Progress | None = None,
    registry: Registry | None = None,
    trackers: Sequence[Any] = (),
) -> Run:
    """Run a config, a packaged example (`"quickstart"`, `"shop"`), or a mapping.

    Parameters
    ----------
    overrides : `"a.b=value"`, as the command's `-o`.
    seed : the one seed of the run; overrides the config's.
    until : the last step to do.
    device, executor, runs_dir, progress, trackers : facts of the moment, never hashed. `executor`
        and each tracker is a component, or a selection such as `"process"`.

    Raises
    ------
    CausalkitError : what was wrong and what to do; what was computed stays in the run folder.
    """
    registry = registry or default_registry()
    if until is not None and until not in STEPS:
        raise UsageError(f"there is no step {until!r}{nearest(until, STEPS)}", f"Steps: {', '.join(STEPS)}.")
    extra = [*overrides] + ([f"seed={seed}"] if seed is not None else [])
    if not isinstance(config, Config) or extra:
        source = config.to_dict() if isinstance(config, Config) else config
        config = load_config(source, overrides=extra, registry=registry)
    workers = registry.build("executor", executor) if isinstance(executor, str | Mapping) else executor
    told = [registry.build("tracker", t) if isinstance(t, str | Mapping) else t for t in trackers]
    context = Context(root_seed=config.seed, device=device, executor=workers, progress=progress)
    folder = RunFolder.create(Path(runs_dir), config.hash)
    execution = _Execution(folder, config, registry, context, told)
    try:
        with folder.lock():
            execution.go(until)
    finally:
        if workers is not None and workers is not executor:
            workers.close()
    return Run(folder, registry)


@dataclass
class _Execution:
    """One run under way: does the steps, saves what they make, and keeps the manifest true."""

    folder: RunFolder
    config: Config
    registry: Registry
    context: Context
    trackers: Sequence[Any]
    fingerprint: str = ""

    def __post_init__(self) -> None:
        self.records: list[StepRecord] = []
        self.handle = Run(self.folder, self.registry)

    def go(self, until: str | None) -> None:
        from causalkit._steps import Work

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
            work = _functions()[step](work)
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


def _functions() -> Mapping[str, Callable[[Work], Work]]:
    from causalkit import _evaluation, _steps

    return {
        "load": _steps.load,
        "encode": _steps.encode,
        "discover": _steps.discover,
        "identify": _steps.identify_step,
        "estimate": _steps.estimate,
        "refute": _steps.refute,
        "rank": _steps.rank,
        "evaluate": _evaluation.evaluate,
        "refit": _steps.refit,
        "explain": _steps.explain,
    }


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


@dataclass(frozen=True)
class RunSummary:
    """One line about a run."""

    id: str
    name: str
    status: str
    path: Path
    seconds: float


def list_runs(runs_dir: str | Path = "runs") -> list[RunSummary]:
    """Every run under a folder, oldest first; one whose manifest can't be read is `unreadable`."""
    found = []
    for folder in run_folders(Path(runs_dir)):
        try:
            m = folder.manifest
            seconds = sum(step["seconds"] for step in m["steps"])
            found.append(RunSummary(folder.path.name, m["name"], m["status"], folder.path, round(seconds, 1)))
        except (CausalkitError, KeyError, TypeError):
            found.append(RunSummary(folder.path.name, "", "unreadable", folder.path, 0.0))
    return found


def open_run(reference: str | Path = "latest", runs_dir: str | Path = "runs") -> Run:
    """A run by path, folder name, the start of one, or `latest`; raises `StoreError`."""
    return Run(find_run(reference, Path(runs_dir)))


class Run:
    """The handle on a run folder; everything is read from it when asked for."""

    def __init__(self, folder: RunFolder, registry: Registry | None = None) -> None:
        self.folder = folder
        self.registry = registry or default_registry()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status})"

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def status(self) -> str:
        """`running`, `done`, `failed` or `interrupted`."""
        return str(self.folder.manifest["status"])

    @cached_property
    def config(self) -> Config:
        """The resolved config, defaults filled in."""
        return load_config(self.path / "config.yaml", registry=self.registry, environment={})

    @property
    def result(self) -> RunResult:
        """Config, hashes, versions, seed, timings, measurements."""
        from causalkit.types import RunResult, StepRecord

        m = self.folder.manifest
        steps = tuple(StepRecord(**step) for step in m["steps"])
        return RunResult(
            self.config.to_dict(),
            m["config_hash"],
            m["data_fingerprint"],
            m["versions"],
            m["seed"],
            steps,
            self.measurements,
        )

    def _latest(self, *places: str) -> Any:
        return next((found for place in places if (found := self.folder.load(place)) is not None), None)

    @cached_property
    def dataset(self) -> Dataset:
        """Schema, items and users; the rows of interactions stay where they came from."""
        return self._latest("load/dataset")  # type: ignore[no-any-return]

    @cached_property
    def split(self) -> Split | None:
        """Which rows served what."""
        return self._latest("load/split")  # type: ignore[no-any-return]

    @cached_property
    def embeddings(self) -> Embeddings | None:
        """Item and user vectors."""
        return self._latest("encode/embeddings")  # type: ignore[no-any-return]

    @cached_property
    def graph(self) -> CausalGraph | None:
        """The causal graph."""
        return self._latest("discover/graph")  # type: ignore[no-any-return]

    @cached_property
    def estimands(self) -> tuple[Estimand, ...]:
        """The primary estimand, then the secondary ones."""
        return self._latest("identify/estimands") or ()

    @cached_property
    def effects(self) -> Effects | None:
        """The reported effects: refitted on training and test rows, where that was done."""
        return self._latest("refit/effects", "refute/effects", "estimate/effects")  # type: ignore[no-any-return]

    @cached_property
    def evaluated_effects(self) -> Effects | None:
        """The effects that were measured on held-out rows, before the refit."""
        return self._latest("refute/effects", "estimate/effects")  # type: ignore[no-any-return]

    @cached_property
    def verdicts(self) -> tuple[Verdicts, ...]:
        """What the refuters read, of the reported effects."""
        return self._latest("refit/verdicts", "refute/verdicts") or ()

    @cached_property
    def ranking(self) -> Ranking | None:
        """The reported lists: overall, per segment, per user."""
        return self._latest("refit/ranking", "rank/ranking")  # type: ignore[no-any-return]

    @cached_property
    def explanation(self) -> Explanation | None:
        """The receipts of the overall and the segments' lists."""
        return self._latest("explain/explanation")  # type: ignore[no-any-return]

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """What was measured on held-out rows, baselines beside."""
        return self._latest("evaluate/measurements") or ()

    @property
    def outputs(self) -> Outputs:
        """What the run made, as components see it; without rows."""
        from causalkit.types import Outputs

        return Outputs(
            training=self.dataset,
            split=self.split,
            embeddings=self.embeddings,
            graph=self.graph,
            estimand=next(iter(self.estimands), None),
            secondary=self.estimands[1:],
            effects=self.effects,
            verdicts=self.verdicts,
            ranker=self.config.rank.use,
            ranking=self.ranking,
            explanation=self.explanation,
            measurements=self.measurements,
        )

    def recommend(self, user: Any = None, k: int | None = None) -> pd.DataFrame:
        """The list of a user, best first; None gives the list for everybody.

        Raises
        ------
        UsageError : a user whom the run does not know, or a run without a ranking.
        """
        ranking = self._need(self.ranking, "ranking", "rank")
        if user is None:
            return ranking.of().head(k) if k else ranking.of()
        found = ranking.of("user", user)
        if found.empty:
            known = ranking.table.loc[ranking.table["scope"] == "user", "who"]
            raise UsageError(
                f"run {self.id} has no user {user!r}{nearest(str(user), known.unique()[:5000])}",
                "Leave the user out for the list that is the same for everybody.",
            )
        return found.head(k) if k else found

    def explain(self, user: Any = None, item: Any = None) -> Receipt:
        """The receipt of one item: for a user, or for everybody.

        Raises
        ------
        UsageError : an item or user whom the run does not know.
        """
        from causalkit._ranking import claim

        effects = self._need(self.effects, "effects", "estimate")
        ids = {str(i): i for i in effects.item.index}
        if str(item) not in ids:
            raise UsageError(f"run {self.id} has no item {item!r}{nearest(str(item), ids)}")
        if user is not None:
            self.recommend(user)
        ranking = self._need(self.ranking, "ranking", "rank")
        asked = replace(ranking, table=claim(effects, ranking, user, ids[str(item)]))
        selection = self.config.explain
        use, params = (selection.use, selection.params) if selection else ("receipt", {})
        explainer = build("explainer", use, self.registry, **params)
        told: Explanation = explainer.explain(asked, self.outputs)
        return told.receipts[0]

    def _need(self, found: Any, what: str, step: str) -> Any:
        if found is None:
            raise UsageError(f"run {self.id} ({self.status}) has no {what}", f"Run it up to step {step!r} at least.")
        return found

    @property
    def report_path(self) -> Path:
        """Where the HTML report is."""
        return self.folder.report

    def write_report(self) -> Path:
        """Write `report.html` from what the folder holds."""
        from causalkit._assemble import report_view
        from causalkit.reporting.html import render_report

        self.folder.write_text("report.html", render_report(report_view(self)))
        return self.report_path

    def open_report(self) -> None:
        """Show the report in the browser."""
        import webbrowser

        webbrowser.open(self.report_path.resolve().as_uri())
