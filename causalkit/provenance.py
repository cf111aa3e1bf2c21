"""What a result depends on beside data and config: the code that makes it, and the libraries below that.

A version alone does not say: an editable install keeps one while its source changes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from causalkit.errors import DataError

__all__ = ["file_fingerprint", "frame_source", "library_versions", "source_hash"]

_BESIDE = {"cli", "examples", "reporting", "testing"}
"""Parts of the frame that change no artifact of a cached step."""
_LARGEST = 10_000_000
_MIB = 1 << 20


def file_fingerprint(places: Iterable[Path], *, sample_above: int | None = None) -> str:
    """Hash of the contents of files, and of all files in folders, with their names.

    Of a file of more than `sample_above` bytes, only its size and its first and last MiB count.

    Raises
    ------
    DataError : a file that cannot be read.
    """
    digest = hashlib.sha256()
    for place in places:
        for path in sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]:
            try:
                size = path.stat().st_size
                digest.update(f"{path.relative_to(place).as_posix()} {size}\0".encode())
                with path.open("rb") as file:
                    if sample_above is None or size <= sample_above:
                        digest.update(hashlib.file_digest(file, "sha256").digest())
                    else:
                        digest.update(file.read(_MIB))
                        file.seek(-_MIB, os.SEEK_END)
                        digest.update(file.read(_MIB))
            except OSError as error:
                raise DataError(f"{path} cannot be read: {error.strerror}", "Check its path and permissions.") from None
    return digest.hexdigest()


@cache
def frame_source() -> str:
    """Hash of the frame's own code, as far as it takes part in what steps make."""
    here = Path(__file__).parent
    files = (p for p in here.rglob("*.py") if p.relative_to(here).parts[0] not in _BESIDE)
    return _hash_of(here, sorted(files))


@cache
def source_hash(module: str, distribution: str) -> str:
    """Hash of the source of a component's package.

    Of a stranger's distribution that is all of its top-level package (or the one file of a module);
    of causalkit's own plugins the folder of the component's kind, for no built-in imports another kind.
    Code that lies in no file has another hash in every process, so that nothing made by it is taken up again.
    """
    package = module.rpartition(".")[0] if distribution == "causalkit" else module.partition(".")[0]
    for name in (package or module, module):
        place = _place(name)
        if place is not None:
            files = sorted(_sources(place)) if place.is_dir() else [place]
            return _hash_of(place if place.is_dir() else place.parent, files)
    return os.urandom(8).hex()


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


def _place(module: str) -> Path | None:
    """The folder of a package, or the file of a module; looked up without importing what is not imported yet."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin and Path(spec.origin).is_file() else None


def _sources(folder: Path) -> Iterator[Path]:
    for place in folder.rglob("*"):
        if "__pycache__" not in place.parts and place.is_file() and place.stat().st_size <= _LARGEST:
            yield place


def _hash_of(root: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for place in files:
        digest.update(place.relative_to(root).as_posix().encode() + b"\0")
        digest.update(place.read_bytes())
    return digest.hexdigest()
