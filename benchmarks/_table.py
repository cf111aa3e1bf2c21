"""What every benchmark shares: options, the table, the last line of JSON, the exit code.

A script measures and names its goals; this judges, prints and exits:

    from _table import Row, at_most, main

    def measure(quick: bool) -> list[Row]:
        return [at_most("causalkit --help, seconds", seconds(), 0.25), Row("items", 812)]

    if __name__ == "__main__":
        main("startup", measure, packages=("click",))

`--quick` asks for smaller work (50 s on 2 cores); a goal that only holds at full size is passed with
`judged=False` and prints `not judged`. `--json` leaves the table off stdout (it goes to stderr).
`--save` also writes the document to `benchmarks/results/NAME.json`. The exit code is 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = [
    "Row",
    "at_least",
    "at_most",
    "between",
    "holds",
    "main",
    "median_seconds",
    "own_peak_gigabytes",
    "peak_gigabytes",
    "run_once",
]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One line of the table. `met` is None where there is no goal, or it was not judged."""

    what: str
    value: float | int | str | None
    goal: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """What the last column says."""
        if self.met is None:
            return "not judged" if self.goal else ""
        return "met" if self.met else "MISSED"


def holds(what: str, value: Any, goal: str, met: bool, *, judged: bool = True) -> Row:
    """A row whose goal was judged by the script itself."""
    return Row(what, value, goal, bool(met) if judged else None)


def at_most(what: str, value: float, limit: float, *, unit: str = "", judged: bool = True) -> Row:
    """A row whose value must not exceed `limit`; NaN misses the goal."""
    return holds(what, value, f"≤ {_number(limit)}{_spaced(unit)}", value <= limit, judged=judged)


def at_least(what: str, value: float, limit: float, *, unit: str = "", judged: bool = True) -> Row:
    """A row whose value must reach `limit`; NaN misses the goal."""
    return holds(what, value, f"≥ {_number(limit)}{_spaced(unit)}", value >= limit, judged=judged)


def between(what: str, value: float, low: float, high: float, *, unit: str = "", judged: bool = True) -> Row:
    """A row whose value must lie in [low, high]; NaN misses the goal."""
    goal = f"{_number(low)} – {_number(high)}{_spaced(unit)}"
    return holds(what, value, goal, low <= value <= high, judged=judged)


def main(
    name: str,
    measure: Callable[[bool], Iterable[Row]],
    *,
    packages: Sequence[str] = (),
    argv: Sequence[str] | None = None,
) -> None:
    """Read the options, call `measure(quick)`, print, and exit 0, or 1 where a goal is missed.

    `packages` are distributions whose versions go into the document, beside Python and causalkit.
    """
    options = _options(name, argv)
    began = time.perf_counter()
    rows = list(measure(options.quick))
    document = {
        "name": name,
        "quick": options.quick,
        "seconds": round(time.perf_counter() - began, 1),
        "rows": [{**asdict(row), "value": _plain(row.value)} for row in rows],
        "versions": _versions(packages),
        "machine": _machine(),
    }
    print(_table(name, rows), file=sys.stderr if options.json else sys.stdout, flush=True)
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(text, flush=True)
    raise SystemExit(1 if any(row.met is False for row in rows) else 0)


def run_once(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> float:
    """Wall-clock seconds of one run of a command whose output is thrown away; it must succeed."""
    began = time.perf_counter()
    subprocess.run(
        list(command),
        check=True,
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def median_seconds(*commands: Sequence[str], runs: int = 11, env: Mapping[str, str] | None = None) -> list[float]:
    """Median seconds of each command over `runs` rounds, one unmeasured round before.

    The commands take turns, so that whatever else the machine does falls on all of them alike.
    """
    seconds: list[list[float]] = [[] for _ in commands]
    for turn in range(runs + 1):
        for of, command in zip(seconds, commands, strict=True):
            spent = run_once(command, env=env)
            if turn:
                of.append(spent)
    return [statistics.median(of) for of in seconds]


def peak_gigabytes() -> float:
    """The largest resident memory that any one finished child process of this one has had."""
    return _maxrss(resource.RUSAGE_CHILDREN)


def own_peak_gigabytes() -> float:
    """The largest resident memory of this process; on Linux by a count that begins anew with each program."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024 / 1e9
    except (OSError, StopIteration):
        return _maxrss(resource.RUSAGE_SELF)


def _maxrss(whose: int) -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # in bytes on macOS, in KiB elsewhere
    return resource.getrusage(whose).ru_maxrss * unit / 1e9


def _options(name: str, argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"{name}.py")
    parser.add_argument("--json", action="store_true", help="only the JSON document on stdout")
    parser.add_argument("--quick", action="store_true", help="smaller work, that ends within 50 s on 2 cores")
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/NAME.json")
    return parser.parse_args(argv)


def _table(name: str, rows: Sequence[Row]) -> str:
    cells = [("what", "measured", "goal", ""), *((r.what, _number(r.value), r.goal, r.verdict) for r in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(4)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in cells]
    return "\n".join([name, lines[0], "-" * (sum(widths) + 6), *lines[1:]])


def _spaced(unit: str) -> str:
    return f" {unit}" if unit else ""


def _number(value: Any) -> str:
    if value is None:
        return "—"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """A value JSON can hold: numpy scalars as Python's, NaN and infinities as null."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("causalkit", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _machine() -> dict[str, Any]:
    """Enough to compare with; no host name and no path."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "memory_gb": _memory(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
