"""What steps made, kept by content, so that no step is done twice.

`<runs>/.cache/steps/<step>-<key>/` holds one step's artifacts and `entry.json`, which names every file with
its SHA-256. An entry is written under another name and renamed when it is whole; one that no longer is
what it was when written is never used. `public/` is what a run folder shows of the step (as links to
the same bytes, where the file system has them), `private/` what later steps need beside: rows, planted truth.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from causalkit.errors import StoreError
from causalkit.store.atomic import flush_file, flush_folder, sha256_of, write_atomically
from causalkit.types.answers import Usage

__all__ = ["BOUND_GB", "Cache", "Entry", "copy_or_link"]

BOUND_GB = 10.0
"""What the cache may hold after a run; the entries that were used longest ago go first."""
_ENTRY = "entry.json"
_GONE = ".gone-"
_DAY = 86_400.0


@dataclass(frozen=True)
class Entry:
    """One step's artifacts.

    Parameters
    ----------
    files : path below the entry → SHA-256. `digest` : of all of them, what later steps' keys hang on.
    made_by : the run that made it. `seconds` : how long that took.
    usage : what language models took; None where none was asked.
    """

    path: Path
    key: str
    made_by: str
    seconds: float
    files: Mapping[str, str]
    usage: Usage | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over names and contents of all files."""
        return hashlib.sha256(json.dumps(sorted(self.files.items())).encode()).hexdigest()

    def load(self, name: str) -> Any:
        """An artifact, such as `public/effects`; None where the step left none of that name."""
        from causalkit.store import serial

        return serial.load(self.path / name) if (self.path / name / "object.json").is_file() else None

    def public(self) -> Iterator[tuple[str, Path]]:
        """Name in the run folder and place of every file that it shows."""
        for name in sorted(self.files):
            if name.startswith("public/"):
                yield name.removeprefix("public/"), self.path / name


@dataclass(frozen=True)
class Draft:
    """An entry being written."""

    path: Path

    def save(self, name: str, value: Any) -> None:
        """Write an artifact (a type of causalkit, a tuple of them, or what JSON holds)."""
        from causalkit.store import serial

        serial.save(value, self.path / name, _unflushed)

    def folder(self, name: str) -> Path:
        """A folder of its own for an artifact that writes itself."""
        made = self.path / name
        made.mkdir(parents=True)
        return made


@dataclass(frozen=True)
class Cache:
    """The kept artifacts under one folder of runs.

    `on_damage` is told of an entry that is not what it was when written; it is removed.
    """

    folder: Path
    on_damage: Callable[[str], None] = field(default=lambda _: None, compare=False)

    def find(self, step: str, key: str) -> Entry | None:
        """The entry of a step under a key, every byte checked; None where there is none, or a damaged one."""
        place = self._place(step, key)
        seen = _state(place)
        while seen:
            entry = _read(place)
            wrong = "its list of files cannot be read" if entry is None else _damage(entry)
            if entry is not None and not wrong:
                with contextlib.suppress(OSError):
                    os.utime(place / _ENTRY)
                return entry
            before, seen = seen, _state(place)
            if seen == before:
                self.on_damage(f"what step {step!r} had kept is damaged ({wrong}) and is made again")
                _remove(place)
                return None
        return None  # or another process has removed it, or has put a new one there, while it was read

    def keep(
        self,
        step: str,
        key: str,
        made_by: str,
        seconds: float,
        write: Callable[[Draft], None],
        *,
        replace: bool = False,
        usage: Usage | None = None,
    ) -> Entry:
        """Write an entry; `write(draft)` saves the artifacts. Unless `replace`, what is kept already stands.

        Raises
        ------
        StoreError : it cannot be written; nothing half-written is ever found.
        """
        place = self._place(step, key)
        temporary = self.scratch / f"{place.name}-{secrets.token_hex(4)}"
        try:
            temporary.mkdir(parents=True)
            write(Draft(temporary))
            files = {str(p.relative_to(temporary).as_posix()): sha256_of(p) for p in _files(temporary)}
            for path in _files(temporary):
                flush_file(path)
            took = {} if usage is None else {"usage": asdict(usage)}
            text = json.dumps({"key": key, "made_by": made_by, "seconds": seconds, "files": files} | took, indent=1)
            write_atomically(temporary / _ENTRY, lambda path: _write_text(path, text))
            place.parent.mkdir(parents=True, exist_ok=True)
            if replace:
                _make_room(place, files, text)
            with contextlib.suppress(OSError):  # another process was first
                temporary.rename(place)
                flush_folder(place.parent)
        except OSError as error:
            raise StoreError(
                f"{self.folder} cannot be written: {error.strerror or error}",
                "Free space or make the folder writable, or choose another with --runs-dir.",
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        found = self.find(step, key)
        if found is None:
            raise StoreError(f"{place} cannot be written", "Free space or make the folder writable.")
        return found

    def parts(self, step: str, key: str) -> Path:
        """Where a step keeps what it has done so far."""
        return self.folder / "parts" / f"{step}-{key}"

    def vectors(self, key: str) -> Path:
        """Where an encoder's vectors are kept, by content."""
        return self.folder / "vectors" / key

    @property
    def scratch(self) -> Path:
        """Where a step keeps what memory is too short for, while it is at work."""
        return self.folder / "unfinished"

    def size(self) -> int:
        """Bytes that everything takes which can be removed."""
        return sum(_size(p) for _, files, _ in self._units() for p in files)

    def trim(self, bound: float, spared: Container[str] = ()) -> int:
        """Remove what was used longest ago until at most `bound` bytes are kept; returns the bytes freed.

        What a run shows as well stays on disk, and is not counted as freed. Names in `spared`
        (`<step>-<key>`, or an encoder's key) stay. What killed processes left half-written goes in any case,
        once it is a day old.
        """
        units = sorted(self._units(), key=lambda unit: unit[0])
        total, freed = sum(sum(map(_size, files)) for _, files, _ in units), 0
        for used, files, place in units:
            is_left_over = place.parent.name == "unfinished" or place.name.startswith(_GONE)
            if place.name not in spared and (total > bound or (is_left_over and used < time.time() - _DAY)):
                total -= sum(map(_size, files))
                freed += sum(_size(file) for file in files if _links(file) == 1)
                _remove(place)
        return freed

    def _units(self) -> Iterator[tuple[float, list[Path], Path]]:
        """When last used, files and place of everything that can be removed by itself."""
        for kind in ("steps", "parts", "vectors", "unfinished"):
            for place in _listed(self.folder / kind):
                files = list(_files(place))
                yield max((_mtime(p) for p in [*files, place]), default=0.0), files, place

    def _place(self, step: str, key: str) -> Path:
        return self.folder / "steps" / f"{step}-{key}"


def copy_or_link(source: Path, target: Path) -> None:
    """The same bytes under another name: a hard link where the file system has them, else a copy; atomic."""

    def write(temporary: Path) -> None:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)

    if not (target.is_file() and target.samefile(source)):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, write, flush=False)


def _unflushed(path: Path, writer: Callable[[Path], None]) -> None:
    """An entry's files are flushed together, before it gets its name."""
    write_atomically(path, writer, flush=False)


def _read(place: Path) -> Entry | None:
    try:
        told = json.loads((place / _ENTRY).read_text(encoding="utf-8"))
        files = {str(name): str(digest) for name, digest in told["files"].items()}
        usage = Usage(**told["usage"]) if "usage" in told else None
        return Entry(place, str(told["key"]), str(told["made_by"]), float(told["seconds"]), files, usage)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _damage(entry: Entry) -> str:
    """The first file that is not what it was; empty where all are."""
    for name, digest in entry.files.items():
        try:
            if sha256_of(entry.path / name) != digest:
                return f"{name} has changed"
        except OSError:
            return f"{name} is gone"
    return ""


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(place) / name


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _links(path: Path) -> int:
    try:
        return path.stat().st_nlink
    except OSError:
        return 0


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _state(place: Path) -> tuple[int, int] | None:
    """Which folder is at a place, and when a file came to it or went; None where there is none."""
    try:
        told = place.stat()
    except OSError:
        return None
    return told.st_ino, told.st_mtime_ns


def _make_room(place: Path, files: Mapping[str, str], text: str) -> None:
    """Remove an entry that is to be replaced; one that holds the same stays, for others may be reading it."""
    entry = _read(place)
    if entry is not None and entry.files == files and not _damage(entry):
        write_atomically(place / _ENTRY, lambda path: _write_text(path, text))
    elif place.exists():
        _remove(place)


def _remove(place: Path) -> None:
    """Out of sight at once, then gone: nobody finds half of it."""
    hidden = place.with_name(f"{_GONE}{secrets.token_hex(4)}")
    with contextlib.suppress(OSError):
        place.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
