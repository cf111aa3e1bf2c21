"""The top-N half of `scale.py`: exact inner products beside faiss and implicit, and lists for a million users.

`rows(quick)` yields the lines of the table. The peers live in a virtual environment of their own, made on first use
in the user's cache (`--quick` uses it where it stands already). Every measurement is a child process of its own:
`python _scale_topn.py compare|products|lists ...` prints one line of JSON. Peers and we take turns in one process,
with as many threads; times are medians, and ratios are medians of each turn's ratio.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _table import Row, at_least, at_most, holds, own_peak_gigabytes

ROOT = Path(__file__).resolve().parents[1]
PEERS = {"faiss": "faiss-cpu", "implicit": "implicit"}
SHARED = ("numpy", "threadpoolctl")
THREADS = min(2, os.cpu_count() or 1)
LIMITS = {"OMP_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS)}
TOP = 10
D = 64


def rows(quick: bool) -> Iterator[Row]:
    """Every line; goals that hold at full size alone are not judged when `quick`."""
    yield from _beside_peers(quick)
    n, m = (50_000, 10_000) if quick else (1_000_000, 100_000)
    found = _child(sys.executable, "products", n, m)
    what = f"top-{TOP} for {n:,} users × {m:,} items × {D} dims"
    yield Row(f"{what}, seconds", found["seconds"])
    yield at_most(f"{what}, peak resident GB", found["gigabytes"], 1.5, judged=not quick)
    for kind in ("item", "segment"):
        n, m = (100_000, 1_000) if quick else (1_000_000, 10_000)
        found = _child(sys.executable, "lists", n, m, kind)
        what = f"ranking_blocks by uplift, {kind} effects, {n:,} users × {m:,} items"
        yield at_most(f"{what}, seconds", found["seconds"], 180, judged=not quick)
        yield at_most(f"{what}, peak resident GB", found["gigabytes"], 1.5, judged=not quick)


def _beside_peers(quick: bool) -> Iterator[Row]:
    n, m, turns = (4_000, 20_000, 5) if quick else (20_000, 50_000, 9)
    python = _peers(quick)
    found = _child(python, "compare", n, m, turns)
    times, versions = found["seconds"], found["versions"]
    size = f"{n:,} users × {m:,} items × {D} dims, {THREADS} threads"
    yield Row(f"top-{TOP}, {size}, seconds", round(statistics.median(times["ours"]), 3))
    what = "times faiss's IndexFlatIP, ours"
    if "faiss" not in times:
        yield Row(f"{what}: faiss-cpu is not installed", None, "≤ 1.1")
    else:
        yield at_most(f"{what} ({versions['faiss']})", _ratio(times["ours"], times["faiss"]), 1.1, judged=not quick)
    what = "times faster than implicit's topk"
    if "implicit" not in times:
        yield Row(f"{what}: implicit is not installed", None, "≥ 2.5")
    else:
        slower = _ratio(times["implicit"], times["ours"])
        yield at_least(f"{what}, as it comes ({versions['implicit']})", slower, 2.5, judged=not quick)
        alone = _ratio(times["implicit, one BLAS thread"], times["ours"])
        yield Row(f"{what}, its BLAS held to one thread per worker, as it advises", alone)
    for peer, wrong in found["differing"].items():
        told = f"users whose list differs from {peer}'s by more than rounding"
        yield holds(told, wrong, "= 0", wrong == 0)


def _ratio(above: list[float], below: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 3)


def _peers(quick: bool) -> str:
    """The Python that has what can be had of the peers; this one, where none has."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "causalkit-benchmarks" / f"topn-{sys.version_info.major}.{sys.version_info.minor}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if all(importlib.util.find_spec(module) for module in PEERS) or (quick and not python.exists()):
        return sys.executable
    if not python.exists():
        venv.create(home, with_pip=True)
    for package in (*SHARED, *PEERS.values()):  # one by one: what can't be had keeps nothing else away
        options = ("--quiet", "--disable-pip-version-check", "--only-binary=:all:")
        command = [str(python), "-m", "pip", "install", *options, package]
        if not quick and subprocess.run(command, stdout=sys.stderr).returncode:
            print(f"{package} could not be installed", file=sys.stderr)
            if package in SHARED:
                return sys.executable
    return str(python)


def _child(python: str, *command: Any) -> dict[str, Any]:
    """What `python _scale_topn.py COMMAND` prints."""
    paths = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [python, __file__, *map(str, command)],
        env={**os.environ, **LIMITS, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _vectors(n: int, m: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, D), dtype=np.float32), rng.standard_normal((m, D), dtype=np.float32)


def compare(n: int, m: int, turns: int) -> dict[str, Any]:
    """Seconds of each contender by turn, and for how many users a peer's list is another one."""
    users, items = _vectors(n, m)
    contenders, versions = _contenders(users, items)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    answers: dict[str, Any] = {}
    for turn in range(turns + 1):  # the first is not counted
        for name, run in contenders.items():
            began = time.perf_counter()
            answers[name] = run()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    differing = {name: _differing(users, items, answers["ours"], answers[name]) for name in PEERS if name in answers}
    return {"seconds": seconds, "differing": differing, "versions": versions}


def _contenders(users: Any, items: Any) -> tuple[dict[str, Callable[[], Any]], dict[str, str]]:
    """Functions to (positions, scores), and the versions of the peers that are installed."""
    from causalkit.topn import top_inner_products

    runs: dict[str, Callable[[], Any]] = {"ours": lambda: top_inner_products(users, items, TOP, threads=THREADS)}
    versions = {}
    if importlib.util.find_spec("faiss"):
        import faiss

        faiss.omp_set_num_threads(THREADS)
        versions["faiss"] = faiss.__version__

        def flat() -> Any:
            index = faiss.IndexFlatIP(D)
            index.add(items)
            return index.search(users, TOP)[::-1]

        runs["faiss"] = flat
    if importlib.util.find_spec("implicit"):
        import implicit
        from implicit.cpu.topk import topk
        from threadpoolctl import threadpool_limits

        versions["implicit"] = implicit.__version__

        def held() -> Any:
            with threadpool_limits(1, user_api="blas"):
                return topk(items, users, TOP, num_threads=THREADS)

        runs["implicit"] = lambda: topk(items, users, TOP, num_threads=THREADS)
        runs["implicit, one BLAS thread"] = held
    return runs, versions


def _differing(users: Any, items: Any, ours: Any, theirs: Any) -> int:
    """Users for whom an item at some rank scores otherwise than the peer's there, beyond float32's rounding."""
    own, other = (np.einsum("nd,nkd->nk", users, items[found[0]]) for found in (ours, theirs))
    return int((~np.isclose(own, other, rtol=1e-5)).any(axis=1).sum())


def products(n: int, m: int) -> dict[str, float]:
    """Every user's list, kept, as a caller who wants them all at once would."""
    from causalkit.topn import top_inner_products

    users, items = _vectors(n, m)
    began = time.perf_counter()
    best, _ = top_inner_products(users, items, TOP, threads=THREADS)
    seconds = time.perf_counter() - began
    assert best.shape == (n, TOP) and (best >= 0).all()
    return {"seconds": round(seconds, 1), "gigabytes": round(own_peak_gigabytes(), 3)}


def lists(n: int, m: int, kind: str) -> dict[str, float]:
    """Every user's list with its claims, block by block; effects of items, or of four segments."""
    from causalkit_plugins.rankers.uplift import Uplift

    from causalkit import Context
    from causalkit.ranking import ranking_blocks

    users, items = [f"user {u}" for u in range(n)], [f"item {i}" for i in range(m)]
    effects = _effects(users, items, kind)
    ranker = Uplift().fit(None, effects)  # type: ignore[arg-type]  # it keeps the effects alone
    began = time.perf_counter()
    made = sum(len(table) for table in ranking_blocks(ranker, "uplift", effects, users, items, TOP, Context()))
    assert made == n * TOP
    return {"seconds": round(time.perf_counter() - began, 1), "gigabytes": round(own_peak_gigabytes(), 3)}


def _effects(users: list[str], items: list[str], kind: str) -> Any:
    import pandas as pd

    from causalkit.types import ITEM_COLUMNS, Effects, SegmentMap

    rng = np.random.default_rng(0)
    m, names = len(items), list("abcd")
    effect = rng.normal(0, 0.01, m)
    numbers = {"effect": effect, "stderr": 0.005, "lower": effect - 0.01, "upper": effect + 0.01}
    blank = {name: np.nan for name in ITEM_COLUMNS if name not in numbers}
    item = pd.DataFrame({**numbers, **blank, "status": "estimated", "reason": ""}, index=items)[list(ITEM_COLUMNS)]
    if kind == "item":
        return Effects(item)
    table = pd.DataFrame({"item": np.repeat(items, 4), "segment": names * m, "stderr": 0.01})
    table["effect"] = rng.normal(0, 0.02, 4 * m)
    return Effects(item, segment=table, segments=SegmentMap(pd.Series(rng.choice(names, len(users)), users)))


if __name__ == "__main__":
    name, *given = sys.argv[1:]
    work: dict[str, Callable[..., Any]] = {"compare": compare, "products": products, "lists": lists}
    print(json.dumps(work[name](*(int(value) if value.isdigit() else value for value in given))))
