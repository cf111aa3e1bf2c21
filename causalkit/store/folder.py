"""A run's folder on disk: atomic files, a manifest, events, one writer at a time.

Every file is written to a temporary name, flushed to disk, then renamed, so that a reader sees the
old content, or the new, or nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from causalkit.errors import StoreError

__all__ = ["RunFolder", "find_run", "run_folders"]

MANIFEST, CONFIG, EVENTS, REPORT, LOCK = "manifest.json", "config.yaml", "events.jsonl", "report.html", ".lock"


def write_atomically(path: Path, writer: Callable[[Path], None]) -> None:
    """Call `writer` on a temporary name beside `path`, flush, and rename it into place.

    Raises
    ------
    StoreError : the folder is read-only or the disk is full; nothing half-written stays.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        writer(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}",
            "Free space or make the folder writable, or choose another with --runs-dir.",
        ) from error


@dataclass(frozen=True)
class RunFolder:
    """`<runs>/<utc>-<hash>/` and what is in it."""

    path: Path

    @classmethod
    def create(cls, runs: Path, config_hash: str, now: datetime | None = None) -> RunFolder:
        """A new folder named by the time (UTC) and the config's hash."""
        stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S")
        for attempt in range(1000):
            path = runs / (f"{stamp}-{config_hash}" + (f"-{attempt}" if attempt else ""))
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                if path.is_dir():
                    continue
                raise StoreError(f"{path} is in the way and is no folder", "Remove it, or use --runs-dir.") from None
            except OSError as error:
                raise StoreError(
                    f"no run folder can be made in {runs}: {error.strerror or error}",
                    "Choose a folder you may write to with --runs-dir.",
                ) from error
            return cls(path)
        raise StoreError(f"{runs} has a thousand runs of this second")

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
            raise StoreError(
                f"{self.path / name} cannot be read: {error}", "Is it a run folder? See `causalkit runs list`."
            ) from error

    def save(self, step: str, value: Any) -> None:
        """Write a step's output (a type of causalkit, or a tuple of them)."""
        from causalkit.store import serial

        serial.save(value, self.path / step, write_atomically)

    def load(self, step: str) -> Any:
        """Read a step's output; None where the step left none."""
        from causalkit.store import serial

        return serial.load(self.path / step) if (self.path / step / "object.json").is_file() else None

    def event(self, **facts: Any) -> None:
        """Append one line to `events.jsonl`."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds")} | facts, ensure_ascii=False)
        try:
            with (self.path / EVENTS).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise StoreError(f"{self.path / EVENTS} cannot be written: {error.strerror or error}") from error

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

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder; a second process is refused, a dead holder's lock is taken over."""
        path = self.path / LOCK
        if path.exists() and not _is_stale(path):
            raise StoreError(f"{self.path} is in use by process {path.read_text()}", "Wait for it to end.")
        write_atomically(path, lambda place: _write_text(place, str(os.getpid())))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the run says of itself; raises `StoreError` where it can't be read or is no manifest."""
        found: Mapping[str, Any] = self.read_json(MANIFEST)
        lacking = [k for k, sort in _SAID.items() if not (isinstance(found, dict) and isinstance(found.get(k), sort))]
        if lacking:
            raise StoreError(
                f"{self.path / MANIFEST} is no manifest of a run: it lacks {', '.join(lacking)}",
                "Run again; what its steps left is still in the folder.",
            )
        return found


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


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _is_stale(lock: Path) -> bool:
    try:
        holder = int(lock.read_text())
        os.kill(holder, 0)
    except (ValueError, ProcessLookupError):
        return True
    except (PermissionError, OSError):
        return False
    return holder == os.getpid()


def run_folders(runs: Path) -> list[RunFolder]:
    """Every run folder under `runs`, oldest first."""
    if not runs.is_dir():
        return []
    return [RunFolder(p) for p in sorted(runs.iterdir()) if _is_run(p)]


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
