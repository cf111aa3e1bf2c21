"""The installed command, and what it leaves: for benchmarks that run it and look at its folders."""

from __future__ import annotations

import json
import shutil
import sysconfig
from collections.abc import Mapping
from pathlib import Path

__all__ = ["command", "differing", "files"]


def command() -> str:
    """The installed command of this interpreter's environment."""
    found = shutil.which("causalkit", path=sysconfig.get_path("scripts")) or shutil.which("causalkit")
    if found is None:
        raise SystemExit("causalkit is not installed in this environment: pip install -e .")
    return found


def files(run: Path) -> dict[str, bytes]:
    """Every file of a run's folder by name, without the times."""
    found = {str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.is_file()}
    for name in ("events.jsonl", ".lock"):
        found.pop(name, None)
    manifest = json.loads(found["manifest.json"])
    for step in manifest["steps"]:
        step.pop("seconds")
    return found | {"manifest.json": json.dumps(manifest).encode()}


def differing(a: Mapping[str, bytes], b: Mapping[str, bytes]) -> list[str]:
    """Names of files that are not the same in both, or in one alone."""
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
