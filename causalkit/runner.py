"""Runs a config, and finds the runs that there are.

>>> import causalkit as ck                          # doctest: +SKIP
>>> run = ck.run("quickstart")                      # doctest: +SKIP
>>> run.effects.item.head()                         # doctest: +SKIP
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalkit.components import Context, Executor, Tracker
from causalkit.config import Config, load_config
from causalkit.errors import CausalkitError, UsageError, nearest
from causalkit.execution import Execution
from causalkit.registry import Registry, default_registry
from causalkit.run_handle import Run
from causalkit.steps import STEPS, plan
from causalkit.store import RunFolder, find_run, run_folders

if TYPE_CHECKING:
    from causalkit.context import Progress

__all__ = ["STEPS", "Run", "RunSummary", "build", "list_runs", "open_run", "plan", "run"]


def build(kind: str, use: str, registry: Registry | None = None, **params: Any) -> Any:
    """A component by kind and name, without a config: `build("discoverer", "pc", alpha=0.01)`.

    Raises
    ------
    PluginError, InvalidParameter
    """
    return (registry or default_registry()).build(kind, {"use": use, "params": params})


def run(
    config: Config | str | Path | Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    until: str | None = None,
    device: str = "cpu",
    executor: Executor | str | Mapping[str, Any] | None = None,
    runs_dir: str | Path = "runs",
    progress: Progress | None = None,
    registry: Registry | None = None,
    trackers: Sequence[Tracker | str | Mapping[str, Any]] = (),
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
    _check_device(device)
    extra = [*overrides] + ([f"seed={seed}"] if seed is not None else [])
    if not isinstance(config, Config) or extra:
        source = config.to_dict() if isinstance(config, Config) else config
        config = load_config(source, overrides=extra, registry=registry)
    workers = registry.build("executor", executor) if isinstance(executor, str | Mapping) else executor
    told = [registry.build("tracker", t) if isinstance(t, str | Mapping) else t for t in trackers]
    context = Context(root_seed=config.seed, device=device, executor=workers, progress=progress)
    folder = RunFolder.create(Path(runs_dir), config.hash)
    execution = Execution(folder, config, registry, context, told)
    try:
        with folder.lock():
            execution.go(until)
    finally:
        if workers is not None and workers is not executor:
            workers.close()
    return Run(folder, registry)


def _check_device(device: str) -> None:
    """Refuse what is no device; whether this machine has it is asked by whoever computes there."""
    if re.fullmatch(r"(cpu|cuda|mps|xpu)(:\d+)?", device) is None:
        raise UsageError(f"there is no device {device!r}", "Devices: cpu, cuda, cuda:1 …, mps, xpu.")


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
