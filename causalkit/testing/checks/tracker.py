"""What a tracker must do: take all that a run tells, whatever became of it, and change nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from causalkit.testing.checks._runs import RECORDS, RunLike
from causalkit.testing.checks._small_run import small_run
from causalkit.testing.kit import Subject, check
from causalkit.types import StepRecord

_ODD = (
    StepRecord("load", "failed", 0.0, "", "\0 ☃ 特別 עברית \u202e 🥐"),
    StepRecord("encode", "failed", 0.1, "lsa", "=1+1\t<script>alert(1)</script>\r\n'; DROP TABLE runs; --"),
    StepRecord("discover", "interrupted", 1e9, "pc", "long " * 20_000),
    StepRecord("a step that no run has", "odd", 0.0, "a/b\\c", ""),
)


@check("tracker")
def takes_a_whole_run(subject: Subject) -> None:
    """A run that began, did some steps, and ended."""
    _tell(subject.fresh(), RunLike(subject.folder / "runs"), RECORDS)


@check("tracker")
def takes_a_run_that_made_nothing(subject: Subject) -> None:
    """A run that failed at its first step: there are no effects, no measurements and no report."""
    tracker, run = subject.fresh(), _run(subject, "nothing")
    failed = StepRecord("load", "failed", 0.1, "tables", "no file")
    _called(tracker, "started", run)
    _called(tracker, "step", run, failed)
    run.status, run.records = "failed", (failed,)
    _called(tracker, "finished", run)


@check("tracker")
def takes_run_after_run(subject: Subject) -> None:
    """One tracker is told of several runs, one after the other."""
    tracker = subject.fresh()
    for name in ("first", "second"):
        _tell(tracker, _run(subject, name), RECORDS, f"of the {name} run")


@check("tracker")
def takes_a_run_that_is_taken_up_again(subject: Subject) -> None:
    """A run that was killed begins once more, in another process: the same run is started twice."""
    killed, run = subject.fresh(), _run(subject, "again")
    _called(killed, "started", run)
    _called(killed, "step", run, RECORDS[0])
    _tell(subject.fresh(), run, RECORDS, "of a run that is taken up again")


@check("tracker")
def takes_odd_messages(subject: Subject) -> None:
    """Steps whose message is long, of any script, or made to be run by somebody."""
    _tell(subject.fresh(), _run(subject, "odd"), _ODD)


@check("tracker")
def leaves_the_run_alone(subject: Subject) -> None:
    """What is in the run's folder, its config and its outputs stay as they were; a tracker may add files."""
    run = _run(subject, "alone")
    (run.path / "manifest.json").write_text("{}", "utf-8")
    made, config = small_run().outputs, deepcopy(run.config.to_dict())
    tracker = subject.fresh()
    _called(tracker, "started", run)
    ended = run.ended(made, RECORDS)
    files = _files(run.path)
    _called(tracker, "finished", ended)
    changed = sorted(name for name, was in files.items() if _files(run.path).get(name) != was)
    assert not changed, f"it changed or removed {', '.join(changed)} in the run's folder"
    assert run.config.to_dict() == config, "it changed the run's config; copy it first"
    assert made.effects is not None and small_run().effects.item.equals(made.effects.item), (
        "it changed the run's effects"
    )


def _run(subject: Subject, name: str) -> RunLike:
    return RunLike(subject.folder / "runs", f"20260101T000000-{name}")


def _tell(tracker: Any, run: RunLike, records: Sequence[StepRecord], of: str = "") -> None:
    _called(tracker, "started", run, of=of)
    for record in records:
        _called(tracker, "step", run, record, of=of)
    _called(tracker, "finished", run.ended(small_run().outputs, records), of=of)


def _called(tracker: Any, name: str, *told: Any, of: str = "") -> None:
    """Call a method; what it raises is told with what it was told."""
    try:
        getattr(tracker, name)(*told)
    except Exception as error:  # a run survives it, and whoever watches misses the rest
        what = f"({told[-1].step!r}, {told[-1].message[:20]!r})" if name == "step" else ""
        raise AssertionError(f"{name}{what} {of} raised {type(error).__name__}: {str(error)[:200]}") from None


def _files(folder: Path) -> dict[str, str]:
    """What each file in a run's folder holds; one that the tracker writes may grow."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name in ("manifest.json", "report.html")
    }
