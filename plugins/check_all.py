"""Installs, tests and checks every distribution in `plugins/`, and prints a table; exit code 1 where one fails.

    python plugins/check_all.py [NAME ...]

A distribution is a folder with a `pyproject.toml`. It goes into the environment of the Python that runs this, where its
pins agree with `constraints.txt`; else into one of its own, made beside. Then its tests are run, and `causalkit plugins
check`, which holds each component to the conformance kit; the kit's cases among the tests are left out, so that it is
run once. `make plugins` calls this.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
AT_ONCE = 2
"""Distributions that are tested side by side."""
PATIENCE = 1200.0
"""Seconds that the tests, or the checks, of one distribution may take."""
CLASHES = ("ResolutionImpossible", "conflicting dependencies", "No matching distribution")
"""What pip says where pins do not agree with `constraints.txt`."""
HEAD = (
    *("distribution", "version", "components", "checks passed/failed/n.a./unverified"),
    *("tests passed/failed/skipped", "time", "environment", ""),
)
_PIP = ("--quiet", "--disable-pip-version-check")


@dataclass
class Result:
    """What was found of one distribution; `faults` say what went wrong."""

    name: str
    version: str = ""
    environment: str = "shared"
    python: str = sys.executable
    components: list[str] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)
    tests: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def row(self) -> tuple[str, ...]:
        """Its line of the table."""
        checks = "/".join(str(self.checks[s]) for s in ("passed", "failed", "not-applicable", "unverified"))
        tests = "/".join(str(self.tests[s]) for s in ("passed", "failed", "skipped"))
        verdict = "FAILED" if self.faults else "ok"
        return (
            *(self.name, self.version, ", ".join(self.components), checks, tests),
            *(f"{self.seconds:.0f} s", self.environment, verdict),
        )


def main(names: list[str]) -> int:
    """Check the named distributions, all where none is named; the exit code."""
    folders = {_metadata(path)["name"]: path.parent for path in sorted(HERE.glob("*/pyproject.toml"))}
    unknown = [name for name in names if name not in folders]
    if unknown:
        sys.stderr.write(f"there is no distribution {unknown[0]!r} in plugins/; there are {', '.join(folders)}\n")
        return 2
    chosen = {name: folder for name, folder in folders.items() if name in names or not names}
    results = [install(name, folder) for name, folder in chosen.items()]  # one after another: pip shares a folder
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(examine, results, chosen.values()))
    rows = [HEAD, *(result.row() for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    for result in results:
        for fault in result.faults:
            sys.stdout.write(f"\n{result.name}: {fault}\n")
    return int(any(result.faults for result in results))


def install(name: str, folder: Path) -> Result:
    """Install a distribution, with what its tests need, where its pins allow it."""
    result = Result(name, _metadata(folder / "pyproject.toml")["version"])
    _say(f"{name}: installing")
    told = _run(result, "-m", "pip", "install", *_PIP, "-c", str(ROOT / "constraints.txt"), "-e", f"{folder}[test]")
    if told.returncode and any(sign in told.stderr for sign in CLASHES):
        place = Path(sys.prefix) / "plugins" / name
        _say(f"{name}: its pins clash with constraints.txt; an environment of its own in {place}")
        result.environment = "its own"
        _run(result, "-m", "venv", str(place))
        result.python = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
        told = _run(result, "-m", "pip", "install", *_PIP, "-e", str(ROOT), "-e", f"{folder}[test]")
    if told.returncode:
        result.faults.append(f"could not be installed\n{_last(told.stderr)}")
    return result


def examine(result: Result, folder: Path) -> None:
    """Run its tests, then the conformance kit on each of its components."""
    if result.faults:
        return
    began = time.perf_counter()
    _say(f"{result.name}: tests")
    _test(result, folder)
    _say(f"{result.name}: checks")
    _check(result)
    result.seconds = time.perf_counter() - began
    _say(f"{result.name}: done")


def _test(result: Result, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch) / "tests.xml"
        done = _run(result, "-m", "pytest", "-q", "-k", "not conformance", f"--junitxml={told}", cwd=folder)
        suite = next(ElementTree.parse(told).iter("testsuite"), None) if told.is_file() else None  # noqa: S314 (our own)
    if suite is not None:
        found = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
        failed = found["failures"] + found["errors"]
        passed = found["tests"] - failed - found["skipped"]
        result.tests.update({"passed": passed, "failed": failed, "skipped": found["skipped"]})
    if done.returncode:
        result.faults.append(f"its tests fail\n{_last(done.stdout or done.stderr)}")


def _check(result: Result) -> None:
    done = _run(result, "-m", "causalkit", "plugins", "check", result.name, "--json")
    try:
        card = json.loads(done.stdout)
        findings = [*card["findings"], *(found for part in card["components"] for found in part["findings"])]
        result.components = [part["name"] for part in card["components"]]
    except (ValueError, KeyError):
        result.faults.append(f"`causalkit plugins check` did not answer\n{_last(done.stderr or done.stdout)}")
        return
    result.checks.update(found["status"] for found in findings)
    result.faults += [f"{f['check']}: {f['reason']}" for f in findings if f["status"] == "failed"]
    if done.returncode and not result.faults:
        result.faults.append(f"`causalkit plugins check` ended with code {done.returncode}\n{_last(done.stderr)}")


def _run(result: Result, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the distribution's Python; one that does not end in time is a failure like another."""
    command = [result.python, *arguments]
    try:
        return subprocess.run(  # noqa: S603 (our own interpreter)
            command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"did not end within {PATIENCE:g} s")


def _metadata(path: Path) -> dict[str, str]:
    project: dict[str, str] = tomllib.loads(path.read_text("utf-8"))["project"]
    return project


def _last(text: str, lines: int = 40) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
