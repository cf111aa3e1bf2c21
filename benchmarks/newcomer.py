"""From nothing to a plugin that is used: scaffold, install, check, run, for each kind; and a bad one of each kind.

    python benchmarks/newcomer.py [--quick] [--json] [--save] [--from-index]

In a fresh virtual environment, without an edit: `causalkit plugins new`, `pip install`, `pytest` green, `causalkit
plugins check`, and a run of a small simulated shop in which the line that `new` printed selects the component.
Installing is timed apart. What causalkit depends on is taken from the environment that runs this script, by a path
file; with `--from-index` everything is installed by pip, which takes minutes.

No built-in step asks a language model yet: for `llm` the script installs a discoverer of its own that holds one.

Then one fault is written into a new plugin of each kind (`_newcomer_faults.py`). The checks that should see it must
be among those that fail, and what has nothing to do with it must pass: all that is asked of every kind alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _newcomer_faults import FAULTS, Fault
from _table import Row, at_most, holds, main

from causalkit.components import KINDS

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 60
QUICK = ("ranker",)
CONFIG = {
    "data": "data: {use: simulated, params: {users: 80, items: 12, weeks: 8, candidates: 8}}",
    "split": "split: {by: time-blocks, weeks: 1}",
    "estimate": "estimate: difference-in-means",
    "rank": "rank: uplift",
    "explain": "explain: receipt",
    "evaluate": "evaluate: [precision@5]",
}
ASKER = {
    "pyproject.toml": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "asker"
version = "1"
[project.entry-points.causalkit]
asker = "asker"
[tool.hatch.build.targets.wheel]
only-include = ["asker.py"]
""",
    "asker.py": '''\
from causalkit.components import Context, Declaration, LanguageModel, component
from causalkit.hookspecs import hookimpl
from causalkit.types import CausalGraph, Edge, Evidence, Question


@component
class Asker:
    """Asks a model of each other column whether it causes the outcome."""

    model: LanguageModel
    "Whom to ask."

    def discover(self, variables, knowledge=None, *, context=Context()):
        """The edges that the model names and knowledge allows."""
        known = knowledge or variables.knowledge()
        asked = [Question(name, f"Does {name} cause bought?") for name in variables.names if name != "bought"]
        answers = self.model.ask(asked, {"enum": ["yes", "no"]}, context=context).by_id
        edges = [Edge(name, "bought", "->", 0.5, (Evidence("llm", said),)) for name, said in answers.items()
                 if said == "yes" and known.allows(name, "bought")]
        return CausalGraph(variables.names, tuple(edges))


@hookimpl
def causalkit_discoverers():
    return [Declaration("asker", "asker:Asker", "Asks a model.")]
''',
}


@dataclass(frozen=True)
class Place:
    """A fresh environment, and a folder to work in."""

    folder: Path
    from_index: bool

    @property
    def python(self) -> str:
        """The environment's Python."""
        return str(self.folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")

    def run(self, *command: str, fails: bool = False) -> str:
        """Run the environment's Python; what it printed, or an error with all that it said."""
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        env |= {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
        done = subprocess.run([self.python, *command], cwd=self.folder, env=env, capture_output=True, text=True)
        if done.returncode != fails:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def causalkit(self, *command: str, fails: bool = False) -> Any:
        """What a command of causalkit tells under `--json`."""
        return json.loads(self.run("-m", "causalkit", *command, "--json", fails=fails))

    def pip(self, *what: str) -> None:
        """Install; from what is there already, but for `--from-index`."""
        offline = [] if self.from_index else ["--no-index", "--no-build-isolation"]
        self.run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *offline, *what)


def measure(quick: bool) -> Iterator[Row]:
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), FROM_INDEX)
        with _timed(seconds, "environment"):
            _environment(place)
        lent = "" if FROM_INDEX else " (its libraries lent by the running one)"
        yield Row(f"a fresh environment with causalkit{lent}, seconds", round(seconds["environment"], 1))
        for kind in QUICK if quick else KINDS:
            yield from _newcomer(place, kind)
        for kind in QUICK if quick else KINDS:
            yield _bad(place, kind, FAULTS[kind])


def _environment(place: Place) -> None:
    """A virtual environment with this tree's causalkit, as a wheel."""
    venv.create(place.folder / "venv", with_pip=True)
    if place.from_index:
        place.pip(str(ROOT))
        return
    site = place.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    place.run("-m", "pip", "uninstall", "--quiet", "-y", "setuptools")  # Python 3.11 brings one too old for torch
    place.pip("--no-deps", "--force-reinstall", str(ROOT))


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - began


def _newcomer(place: Place, kind: str) -> Iterator[Row]:
    """Scaffold, install, check and use one plugin."""
    name = f"first-{kind}"
    seconds: dict[str, float] = {}
    try:
        with _timed(seconds, "scaffold"):
            made = place.causalkit("plugins", "new", name, "--kind", kind)
        with _timed(seconds, "install"):
            place.pip("-e", f"{made['folder']}[test]")
        with _timed(seconds, "check"):
            said = place.run("-m", "pytest", "-q", "-p", "no:cacheprovider", made["folder"])
        with _timed(seconds, "score card"):
            card = place.causalkit("plugins", "check", made["distribution"])
        with _timed(seconds, "use"):
            problem = _used(place, kind, name, made["select"])
    except RuntimeError as error:
        print(error, file=sys.stderr)
        yield holds(f"{kind}: scaffold, install, check, use", str(error).splitlines()[0], "no error", False)
        return
    told = ", ".join(f"{what} {took:.1f}" for what, took in seconds.items())
    beyond = sum(seconds.values()) - seconds["install"]
    yield at_most(f"{kind}: seconds beyond installing ({told})", round(beyond, 1), LIMIT)
    yield holds(f"{kind}: its own test", said.strip().splitlines()[-1], "green", True)
    yield holds(f"{kind}: its score card", card["verdict"], "passes", card["passed"])
    yield holds(f"{kind}: listed, and used in a run by `{made['select']}`", problem or "yes", "yes", not problem)


def _used(place: Place, kind: str, name: str, line: str) -> str:
    """What goes wrong when a run uses the component; empty if nothing."""
    listed = place.causalkit("plugins", "list", "--kind", kind)["components"]
    if not any(row["name"] == name and not row["broken"] for row in listed):
        return "not listed"
    option = line.split()[-2:] if line.startswith("causalkit run") else []
    if kind == "llm":
        line = _asker(place, line, name)
    config = CONFIG if option else CONFIG | {line.split(":")[0]: line}
    (place.folder / f"{name}.yaml").write_text("\n".join(config.values()) + "\n", encoding="utf-8")
    told = place.causalkit("run", f"{name}.yaml", *option, "--runs-dir", f"runs-{name}")
    run = place.folder / told["path"]
    if kind == "tracker":
        lines = (run / "times.csv").read_text(encoding="utf-8").splitlines()
        return "" if len(lines) > len(told["steps"]) else f"it was told {len(lines)} things"
    if kind == "executor":
        return ""  # a run that went well went through it
    if kind == "llm":
        edges = place.causalkit("graph", "show", str(run))["graph"]["edges"]
        return "" if any(e["source"] == "llm" for edge in edges for e in edge["evidence"]) else "no edge of its"
    return "" if f"use: {name}\n" in (run / "config.yaml").read_text(encoding="utf-8") else "not in the run's config"


def _asker(place: Place, line: str, name: str) -> str:
    """Install the discoverer that holds a model, write an answer down, and give the line that selects both."""
    (place.folder / "asker").mkdir()
    for file, text in ASKER.items():
        (place.folder / "asker" / file).write_text(text, encoding="utf-8")
    place.pip("./asker")
    (place.folder / "answers.json").write_text('{"Does exposed cause bought?": "yes"}', encoding="utf-8")
    model = f"{{use: {name}, params: {{file: answers.json}}}}"
    return line.replace("ASKER", "asker").replace(f"model: {name}", f"model: {model}")


def _bad(place: Place, kind: str, fault: Fault) -> Row:
    """Write one fault into a new plugin, and see which checks fail."""
    what = f"bad {kind}, which {fault.what}: checks that fail"
    made = place.causalkit("plugins", "new", f"bad-{kind}", "--kind", kind)
    file = next(place.folder.joinpath(made["folder"]).glob("src/*/bad_*.py"))
    text = file.read_text(encoding="utf-8")
    assert text.count(fault.old) == 1, (kind, fault.old)
    file.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    place.pip("-e", made["folder"])
    try:
        card = place.causalkit("plugins", "check", made["distribution"], fails=True)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return holds(what, str(error).splitlines()[0], "some fail", False)
    found = [*card["findings"], *(one for component in card["components"] for one in component["findings"])]
    failed = {one["check"]: one["reason"] for one in found if one["status"] == "failed"}
    print(
        f"\n{kind}, which {fault.what}:",
        *(f"  {check}: {failed[check]}" for check in failed),
        sep="\n",
        file=sys.stderr,
    )
    unseen = sorted(fault.seen_by - set(failed))
    astray = sorted(check for check in set(failed) - fault.seen_by if not check.startswith(f"{kind}/"))
    value = ", ".join(check.removeprefix(f"{kind}/") for check in failed) + "".join(
        f"; {said}: {', '.join(which)}" for said, which in (("not seen by", unseen), ("astray", astray)) if which
    )
    goal = f"{', '.join(sorted(fault.seen_by))}, and none that is asked of any kind beside"
    return holds(f"{what} (of {len(found)})", value, goal, not (unseen or astray))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--from-index", action="store_true", help="install everything by pip")
    options, rest = parser.parse_known_args()
    FROM_INDEX: bool = options.from_index
    main("newcomer", measure, packages=("pytest", "numpy", "pandas"), argv=rest)
