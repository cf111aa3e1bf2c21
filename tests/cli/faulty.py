"""A small run, and ways to disturb it from outside: what the tests of faults share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.command import COMMAND, Ended, environment

__all__ = ["CONFIG", "Folder", "Started"]

CONFIG = """
data: {use: simulated, params: {users: 120, items: 10, weeks: 8}}
split: {by: time-blocks, weeks: 1, pattern: DEET}
encode: {item: {use: lsa, params: {dims: 4}}}
discover: pc
estimate: {item: {use: shared, params: {of: {use: aipw}, segments: null}}}
refute: [permutation]
rank: uplift
explain: receipt
evaluate: [cp@3, held-out-effect@3]
"""
SMALL_PARTS = ("--part-rows", "2000")
CHANGING = ("manifest.json", "events.jsonl", ".lock")
"""Files of a run that hold times, hosts and what happened on the way."""


@dataclass(frozen=True)
class Folder:
    """A folder with `small.yaml`, in which commands are run."""

    path: Path

    def __post_init__(self) -> None:
        self.path.mkdir(exist_ok=True)
        (self.path / "small.yaml").write_text(CONFIG)

    @property
    def runs(self) -> list[Path]:
        """Run folders, oldest first."""
        return sorted(p for p in (self.path / "runs").iterdir() if p.name[0] != ".")

    @property
    def latest(self) -> Path:
        """The last run's folder."""
        return self.runs[-1]

    def start(self, *arguments: str, prepare: Callable[[], None] | None = None, **more: str) -> Started:
        """`causalkit …` under way, in a process group of its own; `prepare` runs in it first."""
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            cwd=self.path,
            env=environment(**more),
            start_new_session=True,
            preexec_fn=prepare,
        )
        return Started(process, self)

    def command(self, *arguments: str, prepare: Callable[[], None] | None = None, **more: str) -> Ended:
        """`causalkit …`, to its end."""
        with self.start(*arguments, prepare=prepare, **more) as started:
            return started.ended()

    def run(self, *arguments: str, prepare: Callable[[], None] | None = None, **more: str) -> Ended:
        """`causalkit run small.yaml` with small parts."""
        return self.command("run", "small.yaml", *SMALL_PARTS, *arguments, prepare=prepare, **more)

    def resume(self, *arguments: str, run: str | None = None, **more: str) -> Ended:
        """`causalkit run --resume [RUN]`: the one command that goes on."""
        return self.command("run", "--resume", *([run] if run else []), *SMALL_PARTS, *arguments, **more)

    def manifest(self) -> dict[str, Any]:
        """The latest run's manifest."""
        found: dict[str, Any] = json.loads((self.latest / "manifest.json").read_text())
        return found

    def events(self) -> list[dict[str, Any]]:
        """Whole lines of the latest run's events."""
        try:
            lines = (self.latest / "events.jsonl").read_text().split("\n")[:-1]
        except (OSError, IndexError):
            return []
        return [json.loads(line) for line in lines]


@dataclass(frozen=True)
class Started:
    """A command under way."""

    process: subprocess.Popen[str]
    folder: Folder

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def until(self, *, step: str, kind: str = "begun", part: int | None = None) -> Started:
        """Wait until an event is there."""
        limit = time.monotonic() + 60
        while not any(
            e.get("step") == step and e["kind"] == kind and (part is None or e.get("part") == part)
            for e in self.folder.events()
        ):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < limit, f"no {kind} of {step}"
            time.sleep(0.002)
        return self

    def kill(self, number: int = signal.SIGKILL) -> Ended:
        """Send a signal to the whole process group, and wait for the end."""
        os.killpg(self.process.pid, number)
        return self.ended()

    def ended(self) -> Ended:
        """How it ended."""
        out, err = self.process.communicate(timeout=120)
        return Ended(self.process.returncode, out, err)


def artifacts(run: Path) -> dict[str, bytes]:
    """Every file of a run that must be equal to the byte, the run's own name left out."""
    files = (p for p in run.rglob("*") if p.is_file() and p.name not in CHANGING)
    return {p.relative_to(run).as_posix(): p.read_bytes().replace(run.name.encode(), b"RUN") for p in files}


def plain_manifest(run: Path) -> dict[str, Any]:
    """The manifest but for times."""
    told = json.loads((run / "manifest.json").read_text())
    return told | {"steps": [step | {"seconds": 0} for step in told["steps"]]}


def assert_same(run: Path, clean: Path) -> None:
    """The run's artifacts are those of the clean run, byte for byte, and its manifest but for times."""
    found, wanted = artifacts(run), artifacts(clean)
    assert sorted(found) == sorted(wanted)
    differ = [name for name in wanted if found[name] != wanted[name]]
    assert not differ, differ
    assert plain_manifest(run) == plain_manifest(clean)


def goes_on(ended: Ended, code: int, *said: str) -> None:
    """It failed with a message that says what, ends with the one command that goes on, and shows no traceback."""
    assert ended.code == code, ended
    for part in said:
        assert part in ended.err, ended.err
    assert "Traceback" not in ended.err
    assert "fault of causalkit" not in ended.err
    assert "causalkit run --resume" in ended.err.strip().splitlines()[-1], ended.err


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """A folder that may not be written to, and nothing below it."""
    folders = [path, *(p for p in path.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        yield
    finally:
        for folder in folders:
            folder.chmod(0o755)
