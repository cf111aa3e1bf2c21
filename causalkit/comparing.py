"""What differs between two runs: config, data, versions, steps, effects, lists and metrics.

Two runs on one log share its rows, and so most of their errors: the intervals of both do not say how
sure their difference is, and no test of it is made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from causalkit.errors import UsageError

if TYPE_CHECKING:
    from causalkit.run_handle import Run
    from causalkit.types import Effects, Measurement

__all__ = ["Comparison", "Difference", "ItemsCompared", "MetricPair", "Reading", "compare"]

TOP = 10
"""How many items the lists for everybody are compared over."""
MOST = 10
"""Items whose effects differ most that are told."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs: what, in A, and in B; None where one has no such thing."""

    what: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Reading:
    """A value with its 95 % interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class MetricPair:
    """One metric of both runs; None where a run did not measure it."""

    name: str
    of: str
    on: str
    a: Reading | None
    b: Reading | None

    @property
    def difference(self) -> float | None:
        """B minus A."""
        return self.b.value - self.a.value if self.a and self.b else None


@dataclass(frozen=True)
class ItemsCompared:
    """How the effects of the items that both runs have compare.

    Parameters
    ----------
    both, only_a, only_b : how many items.
    with_effects : how many have an effect in both.
    correlation : Pearson's, of the effects in both; NaN below three items.
    statuses : columns `a`, `b`, `items`: how many items have which status in A and in B.
    furthest : items whose effects differ most relative to the size of their errors, columns `item`,
        `a`, `b`, `difference`, `in_errors` (|difference| over the root of the summed squared errors:
        a measure of size, no test) and both statuses.
    """

    both: int
    only_a: int
    only_b: int
    with_effects: int
    correlation: float
    statuses: pd.DataFrame
    furthest: pd.DataFrame

    @property
    def changed(self) -> int:
        """Items whose status differs."""
        return int(self.statuses.loc[self.statuses["a"] != self.statuses["b"], "items"].sum())


@dataclass(frozen=True)
class Comparison:
    """What differs between runs A and B; lists that are empty say that nothing does."""

    a: str
    b: str
    same_data: bool
    config: tuple[Difference, ...]
    data: tuple[Difference, ...]
    versions: tuple[Difference, ...]
    steps: tuple[Difference, ...]
    pooled: MetricPair | None
    items: ItemsCompared | None
    metrics: tuple[MetricPair, ...]
    shared_top: tuple[str, ...]
    """Items that both lists for everybody have among their first `TOP`."""
    top: int
    notes: tuple[str, ...]


def compare(a: Run, b: Run) -> Comparison:
    """Compare two runs; a part that one of them did not reach is left out and said.

    Raises
    ------
    StoreError : a run that cannot be read.
    UsageError : one run, twice.
    """
    if a.path.resolve() == b.path.resolve():
        raise UsageError(f"{a.id} is compared with itself", "Name two runs; see `causalkit runs list`.")
    of_a, of_b = a.result, b.result
    same_data = bool(of_a.data_fingerprint) and of_a.data_fingerprint == of_b.data_fingerprint
    tops = [[] if r.ranking is None else r.ranking.overall["item"].astype(str).head(TOP).tolist() for r in (a, b)]
    return Comparison(
        a.id,
        b.id,
        same_data,
        config=tuple(_differences(dict(_flat(of_a.config)), dict(_flat(of_b.config)))),
        data=tuple(_differences(_data(a), _data(b))),
        versions=tuple(_differences(of_a.versions, of_b.versions)),
        steps=tuple(_differences(_steps(a), _steps(b))),
        pooled=_pooled(a.effects, b.effects),
        items=_items(a.effects, b.effects) if a.effects is not None and b.effects is not None else None,
        metrics=tuple(_metrics(of_a.measurements, of_b.measurements)),
        shared_top=tuple(item for item in tops[0] if item in tops[1]),
        top=min(len(top) for top in tops),
        notes=tuple(_notes(a, b, same_data)),
    )


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested mappings under its dotted path; lists are leaves, and what is empty is none."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif value is not None:
        yield path, value


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*a, *b]):
        if a.get(name) != b.get(name) or (name in a) != (name in b):
            yield Difference(name, a.get(name), b.get(name))


def _data(run: Run) -> dict[str, Any]:
    facts = run.folder.load("load/facts")
    counts = {name: getattr(facts, name) for name in ("rows", "items", "users", "periods", "split")} if facts else {}
    return {"fingerprint": run.result.data_fingerprint, **counts}


def _steps(run: Run) -> dict[str, str]:
    """How each step ended, and what did it; one that was reused is as good as done."""
    ended = {s.step: "done" if s.status == "reused" else s.status for s in run.result.steps}
    return {"run": run.status} | {s.step: f"{ended[s.step]}: {s.component}".rstrip(": ") for s in run.result.steps}


def _pooled(a: Effects | None, b: Effects | None) -> MetricPair | None:
    read = [
        None if e is None or e.pooled is None else Reading(e.pooled.effect, e.pooled.lower, e.pooled.upper)
        for e in (a, b)
    ]
    return MetricPair("average effect", "effects", "", *read) if any(read) else None


def _items(a: Effects, b: Effects) -> ItemsCompared:
    first, second = (e.item.set_axis(e.item.index.astype(str)) for e in (a, b))
    both = first.index.intersection(second.index, sort=False)
    left, right = first.loc[both], second.loc[both]
    known = (np.isfinite(left["effect"]) & np.isfinite(right["effect"])).to_numpy()
    statuses = pd.DataFrame({"a": left["status"].astype(str), "b": right["status"].astype(str)})
    counts = statuses.groupby(["a", "b"], sort=False).size().reset_index(name="items")
    return ItemsCompared(
        both=len(both),
        only_a=len(first) - len(both),
        only_b=len(second) - len(both),
        with_effects=int(known.sum()),
        correlation=_correlation(left["effect"][known], right["effect"][known]),
        statuses=counts.sort_values("items", ascending=False, kind="stable", ignore_index=True),
        furthest=_furthest(left[known], right[known]),
    )


def _correlation(x: pd.Series[float], y: pd.Series[float]) -> float:
    spread = len(x) > 2 and x.std() > 0 and y.std() > 0
    return float(np.corrcoef(x.to_numpy(float), y.to_numpy(float))[0, 1]) if spread else float("nan")


def _furthest(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    difference = b["effect"] - a["effect"]
    size = np.hypot(a["stderr"].astype(float), b["stderr"].astype(float))
    table = pd.DataFrame(
        {
            "item": a.index,
            "a": a["effect"],
            "b": b["effect"],
            "difference": difference,
            "in_errors": (difference.abs() / size.where(size > 0)).astype(float),
            "status_a": a["status"],
            "status_b": b["status"],
        }
    )
    apart = table[table["difference"] != 0]
    return apart.sort_values("in_errors", ascending=False, kind="stable", ignore_index=True).head(MOST)


def _metrics(a: tuple[Measurement, ...], b: tuple[Measurement, ...]) -> Iterator[MetricPair]:
    sides = [{(m.name, m.of, m.on): Reading(m.value, m.lower, m.upper) for m in side} for side in (a, b)]
    for name, of, on in dict.fromkeys([*sides[0], *sides[1]]):
        yield MetricPair(name, of, on, *(side.get((name, of, on)) for side in sides))


def _notes(a: Run, b: Run, same_data: bool) -> Iterator[str]:
    if same_data:
        yield (
            "Both runs read the same log, so their errors are shared: a difference is not to be judged by whether"
            " the two intervals overlap, and no test of it is made."
        )
    elif not (a.result.data_fingerprint and b.result.data_fingerprint):
        yield "Whether the logs are the same is not known: not both runs have read theirs."
    else:
        yield (
            "The logs differ; as far as they share rows the runs' errors are shared too, so no test of a difference"
            " is made. Metrics on different held-out rows are not comparable."
        )
    if a.result.seed != b.result.seed:
        yield "The seeds differ: part of every difference is that."
    for run in (a, b):
        if run.status != "done":
            yield f"Run {run.id} is {run.status}: what it did not reach is left out."
