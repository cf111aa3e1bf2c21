"""A component in a fresh process: what importing and making it costs, and whether it arrives whole."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from causalkit.components import KINDS
from causalkit.probe import HEAVY
from causalkit.testing.checks._latest import Latest
from causalkit.testing.checks._watching import watched
from causalkit.testing.kit import NotApplicable, Subject

__all__ = ["Newborn", "newborn"]

_PATIENCE = 120.0


@dataclass(frozen=True)
class Newborn:
    """What a fresh process told: by phase (`import`, `unpickle`, `construct`, `unpickle fitted`), and what arrived.

    `unsent` is why a component could not be pickled at all.
    """

    phases: dict[str, dict[str, Any]]
    params: Any = None
    learned: list[str] = field(default_factory=list)
    printed: str = ""
    unsent: str = ""


_LATEST: Latest[Newborn] = Latest(4)


def newborn(subject: Subject) -> Newborn:
    """The subject in a fresh process; started once for all checks of one example.

    Raises
    ------
    NotApplicable : its class lives in a script or a notebook, which no other process can import.
    """
    if subject.cls.__module__ == "__main__":
        raise NotApplicable(f"{subject.cls.__name__} is defined in a script or notebook; put it in a module of its own")
    return _LATEST.of(subject.example, lambda: _born(subject))


def _born(subject: Subject) -> Newborn:
    asked: dict[str, Any] = {"module": subject.cls.__module__, "heavy": HEAVY}
    unsent = ""
    for name, made in _to_send(subject).items():
        try:
            asked[name] = base64.b64encode(pickle.dumps(made)).decode()
        except Exception as error:  # what pickle raises depends on what it meets
            unsent = unsent or f"{'once fitted, ' if name == 'fitted' else ''}{type(error).__name__}: {error}"
    if "example" not in asked:
        asked["example"] = base64.b64encode(pickle.dumps(None)).decode()
    report, printed = _started(asked, subject.folder / "newborn")
    phases = {name: told for name, told in report.items() if isinstance(told, dict)}
    return Newborn(phases, report.get("params"), report.get("learned", []), printed, unsent)


def _to_send(subject: Subject) -> dict[str, Any]:
    """The component as made, and fitted where its kind is fitted and it can be."""
    found = {"example": subject.fresh()}
    if "fit" in KINDS[subject.kind].methods:
        seen = watched(subject)
        if seen.error is None:
            found["fitted"] = seen.used
    return found


def _started(asked: dict[str, Any], folder: Path) -> tuple[dict[str, Any], str]:
    """What the fresh process reported, and what it printed. It runs in an empty folder."""
    (folder / "cwd").mkdir(parents=True, exist_ok=True)
    report = folder / "report.json"
    path = os.pathsep.join(os.path.abspath(place) for place in dict.fromkeys(sys.path))
    with (folder / "out.txt").open("w+b") as out:
        done = subprocess.run(  # noqa: S603 (this interpreter, and a file beside this one)
            [sys.executable, "-P", str(Path(__file__).with_name("_newborn.py"))],
            input=json.dumps(asked | {"report": str(report)}).encode(),
            stdout=out,
            stderr=out,
            cwd=folder / "cwd",
            env=os.environ | {"PYTHONPATH": path},
            timeout=_PATIENCE,
            check=False,
        )
        out.seek(0)
        printed = out.read().decode("utf-8", "replace")
    if not report.is_file():
        raise AssertionError(
            f"a fresh process that imports it ended with exit code {done.returncode}: {printed[-500:]}"
        )
    return json.loads(report.read_text("utf-8")), printed
