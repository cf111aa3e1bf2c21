"""What a language model's answers add to data, and what they cost where they are worthless.

    python benchmarks/discovery/priors.py [--quick] [--json] [--save]

Six cells of published samples (six replicates each) with GPT-4's recorded answers about pairs of variables. One config
for every cell; data alone is the same search with the same budget, and directs every edge too (`result: dag`); what it
finds as a CPDAG, which claims fewer directions, stands beside it. The figure is directed SHD: edges too many, missing
and turned round; a reversal counts one, and so does an edge left undirected. Sums are over the means of the cells;
intervals are 95 %, by a bootstrap that draws replicates within each cell, the same for both sides of a ratio.
Likelihood tables are fitted on the answers about other networks. These networks are in textbooks: possibly memorised.

Judged, as the issue has it: the sum of `fused` is at most 40 (hard constraints: 57.3 in a pilot; published 56.3, and
44.5 for the best of nine backbones with hindsight); with every answer flipped it is at most 5 % above data alone, and
with random answers (the mean of 100 draws) at most 2 %, by the upper limits; the confidences of candidate edges have a
Brier skill above 0. Beside them: davinci's answers about insurance, an expert no better than a coin; networks under
neutral words, and networks of no domain at all, with scripted experts who are right .5 to .95 of the time.

Data lie in ../shared/data/discovery; without them nothing is measured.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import numpy.typing as npt
from _cells import DAVINCI, Cell, Measured, measure, scripted
from _networks import DATA, read_network
from _scripted import invented, renamed
from _table import Row, at_least, at_most, main

CELLS = (("asia", 1000), ("child", 500), ("child", 2000), ("insurance", 500), ("insurance", 2000), ("alarm", 1000))
QUICK = (("asia", 1000), ("child", 500))
ROWS = (
    "data only",
    "data only, CPDAG",
    "model only",
    "hard",
    "soft",
    "fused",
    "fused, every answer flipped",
    "fused, random answers",
    "pc alone",
    "fused over pc",
)
SAID = {
    "data only": "data only (the same search, result: dag)",
    "data only, CPDAG": "data only (result: cpdag; an undirected edge counts one)",
}
ACCURACIES = (0.5, 0.65, 0.8, 0.95)
DRAWS = 100
RESAMPLES = 10_000
MEMORISED = "possibly memorised"

Floats = npt.NDArray[np.float64]


def rows(quick: bool) -> Iterator[Row]:
    if not DATA.exists():
        yield Row("data of this benchmark", "not here")
        return
    replicates = 2 if quick else 6
    draws = 2 if quick else -(-DRAWS // replicates)
    cells = [Cell(name, n, r, draws) for name, n in (QUICK if quick else CELLS) for r in range(1, replicates + 1)]
    with ProcessPoolExecutor(2) as pool:
        tracks = [
            pool.submit(_track, sort, seed) for sort in ("neutral", "invented") for seed in range(1 if quick else 6)
        ]
        found = list(pool.map(measure, cells))
        told = [track.result() for track in tracks]
    yield from _cells(found)
    yield from _judged(found, judged=not quick)
    yield from _calibration(found, judged=not quick)
    for sort in ("neutral words", "an invented domain"):
        yield from _scripted(sort, [own for name, own in told if name == sort])


def _track(sort: str, seed: int) -> tuple[str, dict[str, float]]:
    rng = np.random.default_rng([seed, 11])
    if sort == "neutral":
        name = ("child", "insurance", "sachs")[seed % 3]
        return "neutral words", scripted(renamed(read_network(name), rng), 1000, ACCURACIES, seed)
    return "an invented domain", scripted(invented(20, rng), 1000, ACCURACIES, seed)


def _cells(found: Sequence[Measured]) -> Iterator[Row]:
    """Each way of finding the graph, cell by cell, with the reliability that was given."""
    for row in (*ROWS, *(f"fused, {model}" for model in DAVINCI)):
        for name, n in _names(found):
            own = [m for m in found if (m.cell.network, m.cell.rows) == (name, n) and row in m.shd]
            if own:
                value = float(np.mean([m.shd[row] for m in own]))
                given = [m.reliability[row] for m in own if row in m.reliability]
                said = f"; reliability {np.mean(given):.2f}" if given else ""
                yield Row(f"{SAID.get(row, row)}, {name} {n} ({MEMORISED}), mean SHD{said}", round(value, 2))


def _judged(found: Sequence[Measured], *, judged: bool) -> Iterator[Row]:
    for row in ROWS:
        low, value, high = _sum(found, row)
        what = f"{SAID.get(row, row)}: sum of mean SHD over the cells ({low:.1f} to {high:.1f}; {MEMORISED})"
        yield at_most(what, round(value, 2), 40, judged=judged) if row == "fused" else Row(what, round(value, 2))
    for row, limit in (("fused, every answer flipped", 1.05), ("fused, random answers", 1.02)):
        for name, n in _names(found):
            own = [m for m in found if (m.cell.network, m.cell.rows) == (name, n)]
            low, value, high = _ratio(own, row)
            yield Row(f"{row}, {name} {n}: ratio to data only ({low:.3f} to {high:.3f})", round(value, 4))
        low, value, high = _ratio(found, row)
        what = f"{row}: upper limit of the ratio to data only, all cells (ratio {value:.3f}, from {low:.3f})"
        yield at_most(what, round(high, 4), limit, judged=judged)


def _calibration(found: Sequence[Measured], *, judged: bool) -> Iterator[Row]:
    """Brier skill above the base rate, resampled by table, and the expected calibration error in ten bins."""
    rng, tables = np.random.default_rng(0), [np.array(m.chances, float) for m in found]
    draws = [_skill([tables[i] for i in rng.integers(len(tables), size=len(tables))]) for _ in range(1000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    what = (
        f"candidate edges, both directions: Brier skill above the base rate {_skill(tables):.3f} (to {high:.3f}), lower"
    )
    yield at_least(f"{what} limit", round(float(low), 4), 0.0001, judged=judged)
    chance, truth = np.concatenate(tables).T
    bins = np.minimum((chance * 10).astype(int), 9)
    gaps = [abs(chance[bins == b].mean() - truth[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    yield Row("candidate edges: expected calibration error", round(float(sum(gaps)), 4))


def _skill(tables: Sequence[Floats]) -> float:
    chance, truth = np.concatenate(tables).T
    return float(1 - np.mean((chance - truth) ** 2) / (truth.mean() * (1 - truth.mean())))


def _scripted(sort: str, told: Sequence[dict[str, float]]) -> Iterator[Row]:
    for key in told[0]:
        value = round(float(np.mean([one[key] for one in told])), 2)
        yield Row(f"{sort}: {key}{'' if key.startswith('reliability') else ', mean SHD'}", value)


def _names(found: Sequence[Measured]) -> list[tuple[str, int]]:
    return list(dict.fromkeys((m.cell.network, m.cell.rows) for m in found))


def _resampled(found: Sequence[Measured], row: str) -> Floats:
    """The sum over cells of a row's mean: as measured, then resampled by replicate; `[1 + RESAMPLES]`."""
    rng, total = np.random.default_rng(1), np.zeros(1 + RESAMPLES)
    for name, n in _names(found):
        own = np.array([m.shd[row] for m in found if (m.cell.network, m.cell.rows) == (name, n)])
        total += np.concatenate([[own.mean()], own[rng.integers(len(own), size=(RESAMPLES, len(own)))].mean(axis=1)])
    return total


def _sum(found: Sequence[Measured], row: str) -> tuple[float, float, float]:
    return _interval(_resampled(found, row))


def _ratio(found: Sequence[Measured], row: str) -> tuple[float, float, float]:
    return _interval(_resampled(found, row) / np.maximum(_resampled(found, "data only"), 1e-9))


def _interval(values: Floats) -> tuple[float, float, float]:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return float(low), float(values[0]), float(high)


if __name__ == "__main__":
    main("discovery-priors", rows, packages=("numpy", "pandas", "scipy"))
