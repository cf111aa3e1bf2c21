"""Linear adjusted effects of 10⁴ items from up to 10⁸ rows on disk: memory, time per row, and whether they are right.

    from _scale_rows import rows
    rows(quick=False)

Logs with planted effects are written to a temporary folder by parts. Each is read through `ParquetTable` by
`regression` in a process of its own (`_scale_rows.py fit FOLDER TIMES ITEMS`), whose peak resident memory counts. Times
are of `fit` alone, from Parquet to the table of effects, the quickest of a few after one fit of the smallest log:
starting Python and importing are left out. 10⁶ rows also pay what a fit costs whatever its rows, so the ratio of
further rows stands beside, and so do processor times, which neighbours on the machine disturb less. Files stay in the
page cache; a slow disk would add its own time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from _table import Row, at_most, between, own_peak_gigabytes

ITEMS, USERS, SEED = 10_000, 1_000_000, 7
PART, FILE = 1_000_000, 10_000_000
X = ("x1", "x2", "x3", "x4")
ON_EXPOSURE, ON_OUTCOME = np.float32([0.8, 0.5, 0, 0]), np.float32([1.0, 0.7, 0.3, 0])


def planted(items: int) -> Any:
    """Each item's effect."""
    return np.random.default_rng(SEED).normal(0.2, 0.1, items).astype(np.float32)


def part(number: int, rows: int, items: int) -> dict[str, Any]:
    """Rows of one part: exposure and outcome rise with `x1` and `x2`, and both share a trait of the user."""
    rng = np.random.default_rng([SEED, number])
    effect, level = planted(items), np.random.default_rng(SEED + 1).normal(size=items).astype(np.float32)
    trait = np.random.default_rng(SEED + 2).normal(0, 0.5, (2, USERS)).astype(np.float32)
    item, user = rng.integers(0, items, rows, np.int32), rng.integers(0, USERS, rows, np.int32)
    x = rng.standard_normal((len(X), rows), np.float32)
    lean = ON_EXPOSURE @ x + trait[0, user] - np.float32(0.5)
    shown = rng.random(rows, np.float32) < 1 / (1 + np.exp(-lean))
    y = level[item] + effect[item] * shown + ON_OUTCOME @ x + trait[1, user] + rng.standard_normal(rows, np.float32)
    return {"item": item, "user": user, "shown": shown.astype(np.int8), "y": y, **dict(zip(X, x, strict=True))}


def write(folder: Path, rows: int, items: int) -> None:
    """A log of `rows` rows, in files of 10⁷, a part in memory at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir()
    writer = None
    for start in range(0, rows, PART):
        table = pa.table(part(start // PART, min(PART, rows - start), items))
        if writer is None or start % FILE == 0:
            if writer is not None:
                writer.close()
            path = folder / f"rows-{start // FILE:04d}.parquet"
            writer = parquet.ParquetWriter(path, table.schema, compression="none", use_dictionary=False)
        writer.write_table(table, row_group_size=100_000)
    if writer is not None:
        writer.close()


def fit(folder: Path, times: int, items: int) -> dict[str, float]:
    """What a process of its own prints: seconds, memory, and how far the effects are from the planted ones."""
    import pandas as pd
    from causalkit_plugins.estimators.regression import Regression

    from causalkit.types import Column, Dataset, Estimand, ParquetTable, Schema

    schema = Schema(
        (
            Column("item", "item", "categorical"),
            Column("user", "user", "categorical"),
            Column("shown", "treatment", "binary"),
            Column("y", "outcome"),
            *(Column(name, "covariate") for name in X),
        ),
        assignment=("user", "item"),
    )
    estimand = Estimand("shown", "y", unit=("user", "item"), adjustment=X)

    def run(place: Path) -> tuple[float, float, Any, int]:
        began, busy = time.perf_counter(), time.process_time()
        table = ParquetTable.open(place)
        effects = Regression().fit(Dataset(table, schema, pd.DataFrame(index=pd.RangeIndex(items))), estimand).effects_
        return time.perf_counter() - began, time.process_time() - busy, effects, len(table)

    run(folder.parent / "warm")
    seconds, busy, effects, count = min((run(folder) for _ in range(times)), key=lambda found: found[0])
    truth, found = planted(items).astype(float), effects.item
    error = found["effect"].to_numpy() - truth
    return {
        "rows": count,
        "seconds": seconds,
        "busy": busy,
        "gigabytes": own_peak_gigabytes(),
        "read": int(np.isfinite(error).sum()),
        "error": float(np.sqrt(np.nanmean(error**2))),
        "said": float(np.sqrt(np.nanmean(found["stderr"] ** 2))),
        "covered": float(((found["lower"] < truth) & (truth < found["upper"])).mean()),
        "pooled": float(effects.pooled.effect - truth.mean()),
        "naive": float(effects.ladder["effect"].iloc[0] - truth.mean()),
    }


def rows(quick: bool) -> list[Row]:
    """The table's rows."""
    sizes = (100_000, 1_000_000) if quick else (1_000_000, 10_000_000, 100_000_000)
    items = ITEMS // 10 if quick else ITEMS
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        folder = Path(name)
        _child("write", folder / "warm", sizes[0], items)
        found, made = {}, None
        for size, times in zip(sizes, (5, 3, 2), strict=False):
            made = _child("write", folder / str(size), size, items)
            found[size] = _child("fit", folder / str(size), times, items)
            _say(f"{size:,} rows: {found[size]['seconds']:.1f} s, {found[size]['gigabytes']:.2f} GB")
    return _judged(found, made or {}, items, judged=not quick)


def _judged(
    found: Mapping[int, Mapping[str, float]], made: Mapping[str, float], items: int, *, judged: bool
) -> list[Row]:
    small, *_, large = found
    last, per_row = found[large], {size: one["seconds"] / size * 1e6 for size, one in found.items()}
    steps = zip(found, list(found)[1:], strict=False)
    further = [(found[b]["seconds"] - found[a]["seconds"]) / (b - a) * 1e6 for a, b in steps]
    name = f"{_power(large)} rows × {_power(items)} items"
    ratio, error = per_row[large] / per_row[small], last["error"] / last["said"]
    return [
        Row(f"writing {name}: seconds", made["seconds"]),
        Row("writing: peak resident memory, GB", made["gigabytes"]),
        at_most(f"regression, {name}: peak resident memory, GB", last["gigabytes"], 2.0, judged=judged),
        *(Row(f"regression, {_power(size)} rows: µs per row", per_row[size]) for size in found),
        *(Row(f"the same of processors, {_power(size)} rows", one["busy"] / size * 1e6) for size, one in found.items()),
        at_most(f"µs per row, {_power(large)} over {_power(small)}", ratio, 1.3, judged=judged),
        at_most("µs per further row, last step over first", further[-1] / further[0], 1.3, judged=judged),
        Row("items with an estimate", last["read"]),
        between("95 % intervals that hold the planted effect, share", last["covered"], 0.94, 0.96, judged=judged),
        between("error of effects, RMS over what their stderrs say", error, 0.97, 1.03, judged=judged),
        Row("error of effects, RMS", last["error"]),
        Row("error of their average", last["pooled"]),
        Row("error of their average, nothing adjusted for", last["naive"]),
    ]


def _power(number: int) -> str:
    return "10" + str(len(str(number)) - 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _child(what: str, folder: Path, number: int, items: int) -> dict[str, float]:
    command = [sys.executable, __file__, what, str(folder), str(number), str(items)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _main(what: str, folder: str, number: str, items: str) -> None:
    began = time.perf_counter()
    if what == "write":
        write(Path(folder), int(number), int(items))
        answer = {"seconds": time.perf_counter() - began, "gigabytes": own_peak_gigabytes()}
    else:
        answer = fit(Path(folder), int(number), int(items))
    print(json.dumps(answer))


if __name__ == "__main__":
    _main(*sys.argv[1:])
