"""Runs a config, and finds the runs that there are.

>>> import causalkit as ck                          # doctest: +SKIP
>>> run = ck.run("quickstart")                      # doctest: +SKIP
>>> run.effects.item.head()                         # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalkit.components import Context, Executor, Tracker
from causalkit.config import Config, load_config
from causalkit.errors import CausalkitError, ConfigError, PluginError, StoreError, UsageError, nearest
from causalkit.execution import Execution
from causalkit.registry import Registry, default_registry
from causalkit.run_handle import Run
from causalkit.steps import STEPS, plan
from causalkit.steps.shelf import Shelf
from causalkit.store import UNCONFIGURED, RunFolder, find_run, run_folders
from causalkit.store.cache import BOUND_GB, Cache
from causalkit.transcripts import Transcripts

if TYPE_CHECKING:
    from causalkit.budget import Budget
    from causalkit.context import Progress

_WEEK = 7 * 86_400.0

__all__ = ["STEPS", "Run", "RunSummary", "build", "free", "kept_bytes", "list_runs", "open_run", "plan", "run"]


def build(kind: str, use: str, registry: Registry | None = None, **params: Any) -> Any:
    """A component by kind and name, without a config: `build("discoverer", "pc", alpha=0.01)`.

    Raises
    ------
    PluginError, InvalidParameter
    """
    return (registry or default_registry()).build(kind, {"use": use, "params": params})


def run(
    config: Config | str | Path | Mapping[str, Any] | None = None,
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    until: str | None = None,
    resume: bool | str | Path = False,
    fresh: bool = False,
    any_device: bool = False,
    device: str = "cpu",
    executor: Executor | str | Mapping[str, Any] | None = None,
    part_rows: int = 1_000_000,
    budget: Budget | None = None,
    runs_dir: str | Path = "runs",
    cache_gb: float = BOUND_GB,
    progress: Progress | None = None,
    registry: Registry | None = None,
    trackers: Sequence[Tracker | str | Mapping[str, Any]] = (),
) -> Run:
    """Run a config, a packaged example (`"quickstart"`, `"shop"`), or a mapping.

    A step whose input, config and code are as they were in an earlier run under `runs_dir` is not done
    again: what it made is taken from `<runs_dir>/.cache`.

    Parameters
    ----------
    overrides : `"a.b=value"`, as the command's `-o`.
    seed : the one seed of the run; overrides the config's.
    until : the last step to do.
    resume : go on with an unfinished run: this one, or (True) the latest of the same config, or, without a
        config, the latest of all. Where there is none of the same config, a new run begins.
    fresh : do every step, whatever was computed before.
    any_device : also take what was computed on another kind of device.
    budget : what this start may spend on language models. Their answers are kept in
        `<runs_dir>/.cache/transcripts.sqlite`; what is there is not asked, nor paid for, again.
    device, executor, part_rows, runs_dir, progress, trackers : facts of the moment, never hashed. `executor`
        and each tracker is a component, or a selection such as `"process"`.
    cache_gb : what the cache may hold in the end; what was used longest ago goes first.

    Raises
    ------
    CausalkitError : what was wrong and what to do; what was computed stays in the run folder.
    """
    registry = registry or default_registry()
    if until is not None and until not in STEPS:
        raise UsageError(f"there is no step {until!r}{nearest(until, STEPS)}", f"Steps: {', '.join(STEPS)}.")
    _check_device(device)
    runs = Path(runs_dir)
    folder = None
    if config is None or isinstance(resume, str | Path):
        folder = _to_resume(resume, runs)
    extra = [*overrides] + ([f"seed={seed}"] if seed is not None else [])
    config = _loaded(config, folder, extra, registry)
    if folder is None and resume:
        folder = next((f for f in reversed(run_folders(runs)) if _is_unfinished(f, config.hash)), None)
    workers = registry.build("executor", executor) if isinstance(executor, str | Mapping) else executor
    told = [registry.build("tracker", t) if isinstance(t, str | Mapping) else t for t in trackers]
    folder = folder or RunFolder.create(runs, config.hash)
    kept, on_damage = folder.path.parent / ".cache", partial(_damaged, folder, told)
    transcripts = Transcripts(kept / "transcripts.sqlite", go=secrets.token_hex(8), on_damage=on_damage)
    context = Context(
        config.seed, device, workers, progress, part_rows=part_rows, transcripts=transcripts, budget=budget
    )
    try:
        with folder.lock():
            folder.clean()
            cache = Cache(kept, on_damage=on_damage)
            shelf = Shelf(cache, config, registry, context, folder.path.name, fresh, any_device)
            Execution(folder, config, registry, context, told, shelf).go(until)
        with contextlib.suppress(OSError):  # the run is done; what can't be freed now is freed by the next
            cache.trim(cache_gb * 1e9, _needed_by_unfinished(folder.path.parent))
    finally:
        transcripts.close()
        if workers is not None and workers is not executor:
            workers.close()
    return Run(folder, registry)


def _loaded(
    config: Config | str | Path | Mapping[str, Any] | None,
    folder: RunFolder | None,
    overrides: Sequence[str],
    registry: Registry,
) -> Config:
    """The config that was asked for, or of the run that is taken up again; they must not differ."""
    if folder is None:
        assert config is not None
        if isinstance(config, Config) and not overrides:
            return config
        return load_config(config, overrides=overrides, registry=registry)
    kept = _kept_config(folder, registry)
    if config is None and not overrides:
        return kept
    asked = load_config(config or folder.path / "config.yaml", overrides=overrides, registry=registry)
    if asked.hash != kept.hash:
        raise UsageError(
            f"run {folder.path.name} has another config ({kept.hash}) than the one asked for ({asked.hash})",
            "Leave the config out to go on with the run as it is, or leave --resume out: what the two share is reused.",
        )
    return kept


def _kept_config(folder: RunFolder, registry: Registry) -> Config:
    """The config that a run left; a damaged one is refused, even where it still reads as some config."""
    try:
        kept = load_config(folder.path / "config.yaml", registry=registry, environment={})
    except ConfigError as error:
        _check_makers(folder, registry)
        raise UsageError(
            f"{folder.path / 'config.yaml'} cannot be used: {error.what}", f"{error.todo}\n{UNCONFIGURED}".strip()
        ) from error
    with contextlib.suppress(StoreError):  # a manifest that can't be read is written again
        if folder.manifest["config_hash"] != kept.hash:
            raise UsageError(
                f"{folder.path / 'config.yaml'} is not what the run began with: it was changed, or what is"
                " installed now fills in other defaults",
                UNCONFIGURED,
            )
    return kept


def _check_makers(folder: RunFolder, registry: Registry) -> None:
    """Raise `PluginError` where the run needs a component that its plugin no longer offers, and say which plugin."""
    told: dict[str, str] = {}
    with contextlib.suppress(StoreError):
        told = folder.manifest.get("components", {})
    gone = [(name, maker) for name, maker in told.items() if not _is_there(registry, *name.split(maxsplit=1))]
    if not gone:
        return
    lost = ", ".join(f"{name} (of {maker})" for name, maker in gone)
    again = " ".join(dict.fromkeys("==".join(maker.split()) for _, maker in gone))
    raise PluginError(
        f"run {folder.path.name} was made with what is no longer there: {lost}",
        f"`pip install {again}` gets it back. {registry.not_in_use()}".strip()
        + "\nWhat was computed is kept, and can be read as before.",
    )


def _is_there(registry: Registry, kind: str, use: str) -> bool:
    try:
        registry.load(kind, use)
    except PluginError:
        return False
    return True


def _to_resume(reference: bool | str | Path, runs: Path) -> RunFolder:
    """The run meant, or the latest that is unfinished."""
    if isinstance(reference, str | Path):
        return find_run(reference, runs)
    if not reference:
        raise UsageError("there is neither a config nor a run to go on with", "Name a config, or resume a run.")
    found = next((f for f in reversed(run_folders(runs)) if _is_unfinished(f)), None)
    if found is None:
        raise UsageError(f"no run in {runs} is unfinished", "See `causalkit runs list`; name a config to run one.")
    return found


def _is_unfinished(folder: RunFolder, config_hash: str = "") -> bool:
    """Whether a run stopped before its end, and nobody is at work on it."""
    try:
        told = folder.manifest
        return told["status"] != "done" and config_hash in ("", told["config_hash"]) and not folder.is_held()
    except CausalkitError:
        return not config_hash and (folder.path / "config.yaml").is_file()


def free(runs_dir: str | Path = "runs", keep_gb: float = 0.0, *, spare_unfinished: bool = True) -> int:
    """Remove what runs have kept, and nobody used for longest, until `keep_gb` are left; returns the bytes freed.

    Runs stay as they are. What unfinished runs of the last week need to go on is spared, unless
    `spare_unfinished` is False.
    """
    runs = Path(runs_dir)
    spared = _needed_by_unfinished(runs) if spare_unfinished else ()
    return Cache(runs / ".cache").trim(keep_gb * 1e9, spared)


def kept_bytes(runs_dir: str | Path = "runs") -> int:
    """Bytes that are kept to be reused."""
    return Cache(Path(runs_dir) / ".cache").size()


def _needed_by_unfinished(runs: Path) -> set[str]:
    """Names in the cache of what unfinished runs of the last week have done, and of what they were at."""
    needed: set[str] = set()
    for folder in run_folders(runs):
        events = folder.path / "events.jsonl"
        is_under_way = _is_unfinished(folder) or folder.is_held()
        if not is_under_way or not events.is_file() or events.stat().st_mtime < time.time() - _WEEK:
            continue
        needed |= {name for event in folder.events() for name in event.get("keeps", ())}
        for told in folder.path.glob("*/step.json"):
            with contextlib.suppress(CausalkitError, KeyError, TypeError):
                needed.add(f"{told.parent.name}-{folder.read_json(f'{told.parent.name}/step.json')['key']}")
    return needed


def _damaged(folder: RunFolder, trackers: Sequence[Tracker], what: str) -> None:
    """Tell of something in the cache that was not what it was when written."""
    folder.event(kind="damaged", message=what)
    for tracker in trackers:
        if callable(getattr(tracker, "warn", None)):
            tracker.warn(what)  # type: ignore[attr-defined]


def _check_device(device: str) -> None:
    """Refuse what is no device, or several of one sort; whether this machine has it is asked by who computes there."""
    if re.fullmatch(r"(cpu|cuda|mps|xpu)(:\d+)?(,\1(:\d+)?)*", device) is None:
        raise UsageError(f"there is no device {device!r}", "Devices: cpu, cuda, cuda:1 …, cuda:0,cuda:1 …, mps, xpu.")


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
            found.append(RunSummary(folder.path.name, m["name"], folder.status, folder.path, round(seconds, 1)))
        except (CausalkitError, KeyError, TypeError):
            found.append(RunSummary(folder.path.name, "", "unreadable", folder.path, 0.0))
    return found


def open_run(reference: str | Path = "latest", runs_dir: str | Path = "runs") -> Run:
    """A run by path, folder name, the start of one, or `latest`; raises `StoreError`."""
    return Run(find_run(reference, Path(runs_dir)))
