"""What a second run does again, for `quickstart.py`: nothing; what hangs on a change; and the same on any executor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from _runs import differing, files
from _table import Row, at_most, holds, run_once

from causalkit.runner import STEPS, Run, open_run

HEAVY = ("torch", "transformers", "sentence_transformers", "sklearn", "dowhy", "causallearn")
BEFORE_RANK = ("load", "encode", "discover", "identify", "estimate", "refute")
BEFORE_ESTIMATE = BEFORE_RANK[:4]
EDIT = """

_as_it_was = fit_cells


def fit_cells(cells: Cells, rule: Rule, beside: Floats | None = None) -> PanelFit:
    found = _as_it_was(cells, rule, beside)
    return replace(found, effect=found.effect * 1.01)
"""
"""An edit of `panel` that changes every effect by 1 %."""
LOADED = """
import sys
from causalkit.cli import main
try:
    main(sys.argv[1:])
finally:
    print(' '.join(sys.modules), file=sys.stderr)
"""


def repeats(command: list[str], first: Run, quick: bool) -> Iterator[Row]:
    """Rows about running again what `command` ran first, under the same runs."""
    runs = str(first.path.parent)
    yield at_most("the same again, nothing changed, seconds", round(run_once(command), 1), 15)
    again = open_run("latest", runs)
    yield _only(again, "steps that it does again", ())
    yield holds("heavy libraries that it imports", _heavy(command) or "none", "none", not _heavy(command))
    if quick:
        return
    run_once([*command, "-o", "rank.params.confidence=.5"])
    after_rank = tuple(step for step in STEPS if step not in (*BEFORE_RANK, "report"))
    yield _only(open_run("latest", runs), "changing rank does again", after_rank)
    with tempfile.TemporaryDirectory() as place:
        _run_edited(command, Path(place))
    after_estimate = tuple(step for step in STEPS if step not in (*BEFORE_ESTIMATE, "report"))
    yield _only(open_run("latest", runs), "editing the source of an estimator does again", after_estimate)
    with tempfile.TemporaryDirectory() as place:
        run_once([*command, "--executor", "process", "--workers", "2", "--runs-dir", place])
        differ = differing(files(first.path), files(open_run("latest", place).path))
    yield holds(
        "files that differ between serial and process executors", ", ".join(differ) or "none", "none", not differ
    )


def _only(run: Run, what: str, expected: tuple[str, ...]) -> Row:
    """Judged: exactly `expected` was done, the report aside, and all else reused."""
    done = tuple(r.step for r in run.result.steps if r.status == "done" and r.step != "report")
    shown = ", ".join(done) or "nothing"
    return holds(what, shown, ", ".join(expected) or "nothing", done == tuple(s for s in expected if s in _all(run)))


def _all(run: Run) -> set[str]:
    """The steps that the config does not leave out."""
    return {r.step for r in run.result.steps if r.status != "skipped"}


def _heavy(command: list[str]) -> str:
    """Which heavy libraries a repetition of the command imports."""
    told = subprocess.run([sys.executable, "-c", LOADED, *command[1:]], capture_output=True, text=True, check=True)
    loaded = set(told.stderr.splitlines()[-1].split())
    return ", ".join(name for name in HEAVY if name in loaded)


def _run_edited(command: list[str], place: Path) -> None:
    """The command with a copy of causalkit in which the estimator `panel` is edited."""
    for package in ("causalkit", "causalkit_plugins"):
        spec = find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(spec.submodule_search_locations[0], place / package, ignore=ignored)
    with (place / "causalkit_plugins" / "estimators" / "panel.py").open("a", encoding="utf-8") as file:
        file.write(EDIT)
    subprocess.run(
        [sys.executable, "-m", "causalkit", *command[1:]],
        check=True,
        env={**os.environ, "PYTHONPATH": str(place)},
        stdout=subprocess.DEVNULL,
    )
