"""One contender of `pc_speed.py`, in a process of its own on one core: `python _pc_contender.py NAME TABLE.npy ROUNDS`.

It reads a table of numbers, runs PC at α = .01 on it, and prints seconds of each round, the skeleton and the memory.
Only what the contender needs is imported, for a peer may stand in an environment of its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ALPHA = 0.01
Edges = set[tuple[int, int]]


def main(name: str, table: str, rounds: str) -> None:
    """Run a contender and print what it took."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    data = np.load(table)
    with contextlib.redirect_stdout(sys.stderr):
        run = CONTENDERS[name](data)
        CONTENDERS[name](data[:400, :5])()  # what is imported late is not timed
        seconds, found = [], {}
        for _ in range(int(rounds)):
            began = time.perf_counter()
            found = run()
            seconds.append(time.perf_counter() - began)
    found["edges"] = sorted(found["edges"])
    print(json.dumps({"seconds": seconds, "gigabytes": _peak(), **found}))


def _peak() -> float:
    """The most memory that this process has held, on Linux; else 0."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024 / 1e9
    return 0.0


def _ours(data: Any) -> Callable[[], dict[str, Any]]:
    import pandas as pd
    from causalkit_plugins.discoverers.pc import PC

    from causalkit.types import Column, Variables

    names = [f"x{at:05d}" for at in range(data.shape[1])]
    discrete = data.dtype.kind == "i"
    columns = tuple(Column(name, "covariate", "categorical" if discrete else "continuous") for name in names)
    variables = Variables(pd.DataFrame(data, columns=names), columns)

    def run() -> dict[str, Any]:
        graph = PC(alpha=ALPHA, statistic="g2", max_k=None).discover(variables)
        directed = sum(edge.mark == "->" for edge in graph.edges)
        edges = {tuple(sorted((int(e.source[1:]), int(e.target[1:])))) for e in graph.edges}
        return {"edges": edges, "directed": directed, "separations": len(graph.separations)}

    return run


def _causal_learn(data: Any) -> Callable[[], dict[str, Any]]:
    from causallearn.search.ConstraintBased.PC import pc

    test = "gsq" if data.dtype.kind == "i" else "fisherz"

    def run() -> dict[str, Any]:
        graph = pc(data, ALPHA, test, stable=True, show_progress=False).G.graph
        return {"edges": _joined(graph)}

    return run


def _gcastle(data: Any) -> Callable[[], dict[str, Any]]:
    from castle.algorithms import PC

    def run() -> dict[str, Any]:
        made = PC(variant="stable", alpha=ALPHA, ci_test="fisherz")
        made.learn(data)
        return {"edges": _joined(np.asarray(made.causal_matrix))}

    return run


def _pgmpy(data: Any) -> Callable[[], dict[str, Any]]:
    import pandas as pd
    from pgmpy.estimators import PC

    table = pd.DataFrame(data, columns=[f"x{at}" for at in range(data.shape[1])])

    def run() -> dict[str, Any]:
        found = PC(table).estimate(
            variant="stable",
            ci_test="pearsonr",
            significance_level=ALPHA,
            max_cond_vars=data.shape[1],
            n_jobs=1,
            show_progress=False,
        )
        return {"edges": {tuple(sorted((int(a[1:]), int(b[1:])))) for a, b in found.edges()}}

    return run


def _joined(matrix: Any) -> Edges:
    """Pairs with a mark either way."""
    return {(int(i), int(j)) for i, j in np.argwhere(np.triu((matrix != 0) | (matrix.T != 0), 1))}


CONTENDERS: dict[str, Callable[[Any], Callable[[], dict[str, Any]]]] = {
    "ours": _ours,
    "causal-learn": _causal_learn,
    "gcastle": _gcastle,
    "pgmpy": _pgmpy,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
