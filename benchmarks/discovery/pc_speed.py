"""How fast PC is, beside causal-learn, gCastle and pgmpy: Gaussian and discrete columns, one core each.

    python benchmarks/discovery/pc_speed.py [--quick] [--json] [--save]

Random graphs of expected degree 3 with weights of .1 to 1 either way and Gaussian noise, 5,000 rows, α = .01, the
stable variant and no bound on conditioning sets for everyone. Each contender runs in a process of its own held to one
thread, on the same table; what is imported is not timed. Ours is the whole of `PC().discover`: checking the table,
correlations, skeleton, colliders by majority, Meek's rules, and the graph with every separation. Seconds are medians
of several runs, save for peers that take minutes: these run once. gCastle and pgmpy are installed in environments of
their own under `~/.cache/causalkit-benchmarks`; one that can't be had is named so. Discrete columns are the same
numbers cut at their terciles; tests given one variable are those of a complete graph and of the graph that level 0
leaves, where few share a table (at p = 50 and 200; the former and the last are judged). All of them by us, 300 drawn
at random by causal-learn. `--quick` takes smaller tables and installs nothing. The rows of a GPU are measured where
torch finds one.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from _table import Row, at_least, at_most, main

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ROWS, DEGREE = 5000, 3
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PEERS = {"gcastle": "gcastle==1.0.4", "pgmpy": "pgmpy==1.1.2"}
Rows = Iterator[Row]


def measure(quick: bool) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        yield from _beside(place, 50 if quick else 200, quick)
        yield from _small(place, (20,) if quick else (20, 50), quick)
        yield from _large(place, (300,) if quick else (1000, 3000, 5000))
        yield from _discrete(place, quick)
        yield from _rates(place, quick)


def _beside(place: Path, size: int, quick: bool) -> Rows:
    """The goal: times causal-learn."""
    table = _table(place, size)
    ours, theirs = _run("ours", table, 7), _run("causal-learn", table, 1)
    yield Row(f"p={size}: seconds", round(ours["median"], 4))
    yield Row(f"p={size}: causal-learn's seconds, once", round(theirs["median"], 2))
    yield at_least(f"p={size}: times causal-learn", theirs["median"] / ours["median"], 900, judged=not quick)
    yield Row(f"p={size}: edges, and how many causal-learn has otherwise", _edges(ours, theirs))


def _small(place: Path, sizes: tuple[int, ...], quick: bool) -> Rows:
    """Every peer, on tables that all of them get through."""
    for size in sizes:
        table = _table(place, size)
        ours = _run("ours", table, 7)
        yield Row(f"p={size}: seconds", round(ours["median"], 4))
        for peer in ("causal-learn", *PEERS):
            python = sys.executable if peer == "causal-learn" else None if quick else _environment(peer)
            theirs = _run(peer, table, 1, python) if python else None
            if theirs is None:
                yield Row(f"p={size}: times {peer}: {'not run by --quick' if quick else 'it is not here'}", None)
                continue
            yield Row(f"p={size}: times {peer}", round(theirs["median"] / ours["median"], 1))
            yield Row(f"p={size}: edges, and how many {peer} has otherwise", _edges(ours, theirs))


def _large(place: Path, sizes: tuple[int, ...]) -> Rows:
    """Whole PC on many columns, with its memory; tables have twice as many rows where 5,000 are too few."""
    for size in sizes:
        rows = max(ROWS, 2 * size)
        table, what = _table(place, size, rows=rows), f"p={size}, {rows:,} rows"
        found = _run("ours", table, 5 if size <= 1000 else 1)
        if size == 1000:
            yield at_most(f"{what}: seconds", found["median"], 2.5)
        else:
            yield Row(f"{what}: seconds", round(found["median"], 2))
        yield Row(f"{what}: GB of memory, the table among them", round(found["gigabytes"], 2))
        told = f"{len(found['edges'])}, {found['directed']}, {found['separations']}"
        yield Row(f"{what}: edges, directed among them, separations", told)


def _discrete(place: Path, quick: bool) -> Rows:
    """A test given one variable, and a whole graph."""
    for size, graph in ((20, "complete"),) if quick else ((50, "complete"), (50, "sparse"), (200, "sparse")):
        yield from _given_one(_table(place, size, 3), size, graph, quick)
    size = 20 if quick else 50
    table = _table(place, size, 3)
    ours, theirs = _run("ours", table, 5), _run("causal-learn", table, 1)
    yield Row(f"p={size}, 3 levels: seconds", round(ours["median"], 3))
    yield Row(f"p={size}, 3 levels: times causal-learn", round(theirs["median"] / ours["median"], 1))
    yield Row(f"p={size}, 3 levels: edges, and how many causal-learn has otherwise", _edges(ours, theirs))


def _given_one(table: Path, size: int, graph: str, quick: bool) -> Rows:
    found = _child("_pc_rates.py", "discrete", table, graph)
    for name, statistic in (("G²", found["g2"]), ("χ²", found["chi2"])):
        what = f"p={size}, 3 levels, {graph} graph, {name} given one: "
        yield Row(f"{what}µs a test", round(1e6 * statistic["ours"], 2))
        yield Row(f"{what}µs a test of causal-learn", round(1e6 * statistic["theirs"], 1))
        times = statistic["theirs"] / statistic["ours"]
        if name == "G²" and (graph == "complete" or size == 200):
            yield at_least(f"{what}times causal-learn", times, 100, judged=not quick)
        else:
            yield Row(f"{what}times causal-learn", round(times, 1))
        yield Row(f"{what}how far p-values are apart, at most", f"{statistic['apart']:.1e}")


def _rates(place: Path, quick: bool) -> Rows:
    """Tests a second of a whole skeleton, beside what memory could feed; on a GPU where there is one."""
    size = 300 if quick else 1000
    found = _child("_pc_rates.py", "numbers", _table(place, size), "")
    yield _rate(f"p={size}: tests a second of the skeleton; as many as memory feeds", found)
    told = f"{found['leaving'] / 1e6:.2f} M of {found['tests'] / 1e6:.2f} M"
    yield Row(f"p={size}: tests if each pair were left at its first separating set", told)
    what = "GPU, p=10000: tests a second of the skeleton; as many as memory feeds"
    import torch

    if quick or not torch.cuda.is_available():
        yield Row(f"{what}: {'not run by --quick' if quick else 'no GPU here'}", None, "reported")
        return
    yield _rate(what, _child("_pc_rates.py", "numbers", _table(place, 10_000), "cuda"))


def _rate(what: str, found: dict[str, Any]) -> Row:
    per_second = found["tests"] / found["seconds"]
    told = f"{per_second / 1e6:.1f} M; {found['limit'] / 1e6:.0f} M"
    return Row(what, f"{told} ({found['tests'] / 1e6:.2f} M in {found['seconds']:.2f} s, {found['edges']} edges)")


def _table(place: Path, size: int, levels: int = 0, rows: int = ROWS) -> Path:
    """A table of `size` columns, written once; cut into `levels` as many rows each where asked."""
    path = place / f"{size}-{levels}-{rows}.npy"
    if not path.exists():
        rng = np.random.default_rng(size)
        data = np.empty((rows, size))
        for at in range(size):
            causes = np.flatnonzero(rng.random(at) < DEGREE / (size - 1))
            weights = rng.uniform(0.1, 1, len(causes)) * rng.choice([-1, 1], len(causes))
            data[:, at] = data[:, causes] @ weights + rng.standard_normal(rows)
        data = data[:, rng.permutation(size)]
        if levels:
            data = data.argsort(axis=0).argsort(axis=0) * levels // rows
        np.save(path, data)
    return path


def _edges(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    return f"{len(ours['edges'])}, {len(set(map(tuple, ours['edges'])) ^ set(map(tuple, theirs['edges'])))}"


def _run(name: str, table: Path, rounds: int, python: str = sys.executable) -> dict[str, Any]:
    found = _child("_pc_contender.py", name, table, rounds, python=python)
    return found | {"median": statistics.median(found["seconds"])}


def _child(script: str, *arguments: Any, python: str = sys.executable) -> dict[str, Any]:
    """What a script prints last, on one core; ours reads this tree, and a peer's environment nothing of it."""
    env = {**os.environ, **ONE_CORE}
    if python == sys.executable:
        env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    command = [python, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _environment(peer: str) -> str | None:
    """The Python of the peer's own environment, made where it is not there; None where it can't be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "causalkit-benchmarks" / f"{peer}-{sys.version_info.major}.{sys.version_info.minor}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(home, with_pip=True)
    options = ("--quiet", "--disable-pip-version-check", "--only-binary=:all:")
    if subprocess.run([python, "-m", "pip", "install", *options, PEERS[peer]], stdout=sys.stderr).returncode:
        return None
    where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(where, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    # gCastle imports torch and does not ask for it: the one here is found after all of its own
    (Path(site) / "zz-torch.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return str(python)


if __name__ == "__main__":
    main("discovery-pc_speed", measure, packages=("causal-learn", "numpy", "scipy", "pandas"))
