"""A run's folder on disk: atomic files, a manifest, events, one writer at a time.

Every file is written to a temporary name, flushed to disk, then renamed, so that a reader sees the
old content, or the new, or nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from causalkit.errors import StoreError
from causalkit.store.atomic import refused_by_system, sha256_of, write_atomically
from causalkit.store.lock import hold, is_held

__all__ = ["RunFolder", "find_run", "run_folders"]

MANIFEST, CONFIG, EVENTS, REPORT, LOCK = "manifest.json", "config.yaml", "events.jsonl", "report.html", ".lock"
UNCONFIGURED = "Run the config that it came from again: what was computed is kept, and not done twice."
"""What to do where a run has lost its config."""
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")
_STAMP, _STAMPED = "%Y%m%dT%H%M%S", re.compile(r"\d{8}T\d{6}-")


@dataclass(frozen=True)
class RunFolder:
    """`<runs>/<utc>-<hash>/` and what is in it."""

    path: Path

    @classmethod
    def create(cls, runs: Path, config_hash: str, now: datetime | None = None) -> RunFolder:
        """A new folder named by the time (UTC) and the config's hash.

        Its name sorts after that of every run there: within a second, or with a clock that was put
        back, it takes the first second that does, so that the latest run stays the latest.
        """
        try:
            runs.mkdir(parents=True, exist_ok=True)
            while True:
                path = runs / _next_name(runs, config_hash, now or datetime.now(UTC))
                with contextlib.suppress(FileExistsError):  # another process was quicker
                    path.mkdir()
                    return cls(path)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"no run folder can be made in {runs}: {getattr(error, 'strerror', None) or error}",
                "Choose a folder you may write to with --runs-dir.",
            ) from error

    @property
    def report(self) -> Path:
        """Where the report is, once written."""
        return self.path / REPORT

    def write_text(self, name: str, text: str) -> None:
        """Write a text file atomically."""
        write_atomically(self.path / name, lambda path: _write_text(path, text))

    def write_json(self, name: str, value: Any) -> None:
        """Write JSON atomically, keys in order."""
        self.write_text(name, json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> Any:
        """Read a JSON file; raises `StoreError` where it is missing or cut short."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise refused_by_system(error) or StoreError(
                f"{self.path / name} cannot be read: {error}",
                f"If it is a run that broke off, `causalkit run --resume {shlex.quote(str(self.path))}` mends it.",
            ) from error

    def save(self, step: str, value: Any) -> None:
        """Write a step's output (a type of causalkit, or a tuple of them)."""
        from causalkit.store import serial

        serial.save(value, self.path / step, write_atomically)

    def load(self, step: str) -> Any:
        """Read a step's output; None where the step left none.

        Raises
        ------
        StoreError : a file of it is cut short, or not what was written; says which.
        """
        from causalkit.store import serial

        place = self.path / step
        mended = f"`causalkit run --resume {shlex.quote(str(self.path))}` mends it."
        if changed := self._changed(step):
            raise StoreError(f"{changed} is not what the run wrote", mended)
        try:
            return serial.load(place) if (place / "object.json").is_file() else None
        except Exception as error:  # every library says in its own way that a file is damaged
            what = error.what if isinstance(error, StoreError) else f"{place} cannot be read: {error!r}"
            raise refused_by_system(error.__cause__ or error) or StoreError(what, mended) from error

    def _changed(self, name: str) -> Path | None:
        """The first file of an artifact that is not what `step.json` says of it."""
        step, _, artifact = name.partition("/")
        told = self.path / step / "step.json"
        digests: dict[str, str] = self.read_json(f"{step}/step.json")["files"] if told.is_file() else {}
        for file, digest in digests.items():
            path: Path = told.parent / file.removeprefix("public/")
            if file.startswith(f"public/{artifact}/") and path.is_file() and sha256_of(path) != digest:
                return path
        return None

    def config_text(self) -> str:
        """The config that the run left, as YAML; raises `StoreError` where it can't be read."""
        try:
            return (self.path / CONFIG).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.path / CONFIG} cannot be read: {error}", UNCONFIGURED) from error

    def event(self, **facts: Any) -> None:
        """Append one line to `events.jsonl`; one that a killed writer left torn stays apart."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds")} | facts, ensure_ascii=False)
        try:
            with open(self.path / EVENTS, "a+b", opener=_no_link) as file:
                file.write(_line_end(file) + line.encode("utf-8", "backslashreplace") + b"\n")
        except OSError as error:
            raise StoreError(
                f"{self.path / EVENTS} cannot be written: {error.strerror or error}",
                "Free space, or make the folder writable.",
            ) from error

    def events(self) -> list[dict[str, Any]]:
        """Every whole line of `events.jsonl`."""
        try:
            lines = (self.path / EVENTS).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def lock(self) -> AbstractContextManager[None]:
        """Hold the folder: raises `StoreError` while another process does; a dead one's lock is taken over."""
        return hold(self.path / LOCK)

    def is_held(self) -> bool:
        """Whether a living process is at work in the folder."""
        return is_held(self.path / LOCK)

    def clean(self) -> None:
        """Remove what a killed writer left half-written; for whoever holds the folder."""
        for folder, _, names in os.walk(self.path):
            for name in names:
                if _TEMPORARY.fullmatch(name):
                    with contextlib.suppress(OSError):
                        (Path(folder) / name).unlink()

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the run says of itself; raises `StoreError` where it can't be read or is no manifest."""
        found: Mapping[str, Any] = self.read_json(MANIFEST)
        lacking = [k for k, sort in _SAID.items() if not (isinstance(found, dict) and isinstance(found.get(k), sort))]
        if lacking:
            raise StoreError(
                f"{self.path / MANIFEST} is no manifest of a run: it lacks {', '.join(lacking)}",
                f"`causalkit run --resume {shlex.quote(str(self.path))}` mends it; what its steps left is still there.",
            )
        return found

    @property
    def status(self) -> str:
        """What the manifest says; `killed` where that is `running` and no living process is at work here."""
        told = str(self.manifest["status"])
        return "killed" if told == "running" and not self.is_held() else told


_SAID = {
    "status": str,
    "name": str,
    "config_hash": str,
    "data_fingerprint": str,
    "seed": int,
    "versions": dict,
    "steps": list,
}
"""What a manifest holds, of which type."""


def _line_end(file: BinaryIO) -> bytes:
    """What ends the last line of a file that a killed writer left torn; empty where it is whole."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read() == b"\n" else b"\n"


def _no_link(path: str, flags: int) -> int:
    """Opens a file of the folder, and no link that was planted in its place."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o644)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")  # file names need not be UTF-8


def _next_name(runs: Path, config_hash: str, now: datetime) -> str:
    stamped = [name for name in os.listdir(runs) if _STAMPED.match(name)]
    latest = max(stamped, default="")
    name = f"{now.strftime(_STAMP)}-{config_hash}"
    if name > latest:
        return name
    with contextlib.suppress(ValueError, OverflowError):
        after = datetime.strptime(latest.partition("-")[0], _STAMP) + timedelta(seconds=1)
        return f"{after.strftime(_STAMP)}-{config_hash}"
    raise StoreError(f"{runs / latest} is dated after every time there is", "Remove it, or use --runs-dir.")


def run_folders(runs: Path) -> list[RunFolder]:
    """Every run folder under `runs`, oldest first."""
    try:
        return [RunFolder(p) for p in sorted(runs.iterdir()) if _is_run(p)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{runs} cannot be read: {getattr(error, 'strerror', None) or error}", "Name another with --runs-dir."
        ) from error


def _is_run(path: Path) -> bool:
    try:
        return (path / MANIFEST).is_file()
    except (OSError, ValueError):  # a name that is too long, or holds NUL
        return False


def find_run(reference: str | Path, runs: Path) -> RunFolder:
    """The run meant by a path, a folder's name, the start of one, or `latest`.

    Raises
    ------
    StoreError : no such run, or several; says which there are.
    """
    text = str(reference)
    if text and _is_run(Path(text)):
        return RunFolder(Path(text))
    folders = run_folders(runs)
    if text == "latest" and folders:
        return folders[-1]
    named = [(f, f.path.name, f.path.name.partition("-")[2]) for f in folders]
    found = [f for f, name, config_hash in named if text and (name.startswith(text) or config_hash.startswith(text))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f.path.name for f in (found or folders)[-5:]) or "none yet"
    what = f"{len(found)} runs match" if found else "there is no run"
    raise StoreError(f"{what} {text!r} in {runs}", f"Runs there: {names}.")
