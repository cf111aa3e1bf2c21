"""What a result depends on beside data and config: the code that makes it, and the libraries below that.

A version alone does not say: an editable install keeps one while its source changes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from causalkit.errors import DataError

__all__ = ["file_fingerprint", "files_below", "frame_source", "library_versions", "source_hash"]

_BESIDE = {"cli", "examples", "reporting", "testing"}
"""Parts of the frame that change no artifact of a cached step."""
_LARGEST = 10_000_000
"""Bytes of a file in a package, such as a compiled module, above which it is sampled."""
_BLOCK, _MIB = 1 << 12, 1 << 20


def file_fingerprint(places: Iterable[Path], *, sample_above: int | None = None) -> str:
    """Hash of the contents of files, and of all files in folders, with their names.

    Of a file of more than `sample_above` bytes, its size, the time of its last change, and a block of every
    MiB count.

    Raises
    ------
    DataError : a file that cannot be read.
    """
    digest = hashlib.sha256()
    for place in places:
        for path in files_below(place) if place.is_dir() else [place]:
            try:
                told = path.stat()
                digest.update(f"{path.relative_to(place).as_posix()} {told.st_size}\0".encode())
                digest.update(_content(path, told.st_mtime_ns, told.st_size, sample_above))
            except OSError as error:
                raise DataError(f"{path} cannot be read: {error.strerror}", "Check its path and permissions.") from None
    return digest.hexdigest()


def files_below(folder: Path) -> list[Path]:
    """All files in a folder, those in linked folders too; a folder that is met again is not read again."""
    found, seen = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        if (told := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(told)
        found += [path for name in names if (path := Path(place) / name).is_file()]
    return sorted(found)


def _content(path: Path, changed: int, size: int, sample_above: int | None) -> bytes:
    with path.open("rb") as file:
        if sample_above is None or size <= sample_above:
            return hashlib.file_digest(file, "sha256").digest()
        digest = hashlib.sha256(str(changed).encode())
        for start in [*range(0, size, _MIB), max(size - _BLOCK, 0)]:
            file.seek(start)
            digest.update(file.read(_BLOCK))
        return digest.digest()


@cache
def frame_source() -> str:
    """Hash of the frame's own code, as far as it takes part in what steps make."""
    here = Path(__file__).parent
    files = sorted(p for p in here.rglob("*.py") if p.relative_to(here).parts[0] not in _BESIDE)
    return _hashed_together(f"{p.relative_to(here).as_posix()} {_hash_of_file(p)}" for p in files)


def source_hash(module: str, distribution: str) -> str:
    """Hash of the source of a component's package.

    Of a stranger's distribution that is all of its top-level packages and modules, as far as it tells them;
    of causalkit's own plugins the folder of the component's kind, for no built-in imports another kind.
    It is another one at each call where what runs may not be what is on disk: for code that lies in no file, and
    for files that have changed since this process first asked, before it imported them.
    """
    own = module.rpartition(".")[0] or module if distribution == "causalkit" else module.partition(".")[0]
    beside = () if distribution == "causalkit" else _top_levels(distribution)
    places = {name: _places(name) for name in sorted({own, *beside})}
    if not places[own]:
        return os.urandom(8).hex()
    now = _hashed_together(f"{name} {_hash_of(place)}" for name in places for place in places[name])
    return now if _SEEN.setdefault((module, distribution), now) == now else os.urandom(8).hex()


_SEEN: dict[tuple[str, str], str] = {}
"""The first hash of each component's source in this process."""


@cache
def library_versions(distribution: str) -> tuple[tuple[str, str], ...]:
    """Versions of a distribution and of what it requires directly, as far as installed."""
    try:
        needed = [re.split(r"[^A-Za-z0-9._-]", text.strip(), maxsplit=1)[0] for text in requires(distribution) or ()]
    except PackageNotFoundError:
        return ()
    found = {}
    for name in {distribution, *needed}:
        try:
            found[name.lower()] = version(name)
        except PackageNotFoundError:
            continue
    return tuple(sorted(found.items()))


@cache
def _top_levels(distribution: str) -> tuple[str, ...]:
    """Names of the packages and modules that a distribution installs, as far as it tells."""
    try:
        told = metadata.distribution(distribution)
    except PackageNotFoundError:
        return ()
    listed = (told.read_text("top_level.txt") or "").split()
    firsts = {Path(file.parts[0]).stem for file in told.files or () if file.suffix in (".py", ".so", ".pyd")}
    return tuple(sorted(name for name in {*listed, *firsts} if name.isidentifier()))


def _places(module: str) -> list[Path]:
    """The folders of a package, the file of a module, or the archive they lie in; nothing new is imported."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return []
    if spec is None:
        return []
    told = spec.submodule_search_locations or ([spec.origin] if spec.has_location and spec.origin else [])
    within = ([Path(place), *Path(place).parents] for place in told)
    found = (next(place for place in places if place.exists()) for places in within)
    return list(dict.fromkeys(found))  # a namespace package has a folder as often as sys.path leads to it


def _hash_of(place: Path) -> str:
    """Hash of a file, or of all files in a folder that Python has not made itself."""
    files = (
        sorted(p for p in place.rglob("*") if "__pycache__" not in p.parts and p.is_file()) if place.is_dir() else []
    )
    root = place if place.is_dir() else place.parent
    return _hashed_together(f"{p.relative_to(root).as_posix()} {_hash_of_file(p)}" for p in files or [place])


def _hash_of_file(path: Path) -> str:
    told = path.stat()
    return _known_content(path, told.st_mtime_ns, told.st_size)


@cache
def _known_content(path: Path, changed: int, size: int) -> str:
    return _content(path, changed, size, _LARGEST).hex()


def _hashed_together(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
