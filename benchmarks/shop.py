"""Does ranking by effect find what showing causes? Twenty simulated shops, scored against planted truth.

    python benchmarks/shop.py [--quick] [--json] [--save]

Each shop is drawn with its own seed and goes through the packaged example `shop` up to `evaluate`, as a
user would run it (but for `refute`: its software check marks no effect, so it moves no ranking).
CP@10 is the mean planted effect of a user's ten best items, in purchases caused per slot. The peers are
the config's own baselines: popularity, and `uplift` on the naive difference in means. Differences are
paired by shop; their 95 % interval is Student's over shops.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator

import numpy as np
from _runs import command
from _table import Row, at_most, holds, main, run_once

import causalkit as ck
from causalkit.statistics import t_interval

NAIVE = "uplift on difference-in-means"
PEERS = ("popularity", NAIVE)
METRIC = "cp@10"


def measure(quick: bool) -> Iterator[Row]:
    seeds = range(5 if quick else 20)
    with tempfile.TemporaryDirectory() as folder:
        seconds = [_cold(folder) for _ in range(1 if quick else 3)]
        found = [_scores(seed, folder) for seed in seeds]
    values = {name: np.array([one[name] for one in found]) for name in found[0]}
    for name, of_shops in values.items():
        yield Row(f"{METRIC} {name}, mean of {len(seeds)} shops", round(float(of_shops.mean()), 5))
    for peer in PEERS:
        yield _difference(values["uplift"] - values[peer], peer, judged=not quick)
    yield at_most("causalkit run shop, from cold, seconds (median)", round(statistics.median(seconds), 1), 30)


def _scores(seed: int, folder: str) -> dict[str, float]:
    """CP@10 of each ranker in one shop."""
    overrides = [f"data.params.seed={seed}", f"seed={seed}", "refute=[]", f"evaluate=[{METRIC}]"]
    run = ck.run("shop", overrides=overrides, until="evaluate", runs_dir=folder)
    print(f"shop {seed} done", file=sys.stderr)
    return {m.of: m.value for m in run.measurements if m.name == METRIC}


def _difference(differences: np.ndarray, peer: str, *, judged: bool) -> Row:
    stderr = differences.std(ddof=1) / np.sqrt(len(differences))
    lower, upper = t_interval(differences.mean(), stderr, len(differences) - 1)
    what = f"{METRIC} uplift minus {peer}: {differences.mean():.4f} (95 % {lower:.4f} to {upper:.4f}), lower limit"
    return holds(what, round(float(lower), 5), "> 0", lower > 0, judged=judged)


def _cold(folder: str) -> float:
    """Seconds of the whole command in a process of its own."""
    return run_once([command(), "run", "shop", "--quiet", "--fresh", "--runs-dir", folder])


if __name__ == "__main__":
    main("shop", measure, packages=("numpy", "pandas", "scikit-learn"))
