"""What each step leaves on disk, and how what it made is had again from there.

`public/` is shown in the run folder; `private/` is what later steps need beside. An estimator is kept by its
effects, and a ranker not at all: it is fitted again from them when somebody asks for scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from causalkit.steps.rank import fit_ranker
from causalkit.steps.work import Filled, Work
from causalkit.types import Dataset, Effects, Scores, Table

__all__ = ["FILLS", "artifacts", "fits_in_memory", "had_again", "held_in_memory"]

IN_MEMORY = 1_000_000_000
"""Bytes of rows above which a prepared log is read from disk by parts."""

FILLS: dict[str, tuple[str, ...]] = {
    "load": ("dataset", "split", "fingerprint", "facts"),
    "encode": ("embeddings",),
    "discover": ("variables", "graph"),
    "identify": ("estimand", "secondary"),
    "estimate": ("estimator", "effects", "naive"),
    "refute": ("effects", "verdicts"),
    "rank": ("ranker", "scores", "ranking"),
    "evaluate": ("measurements",),
    "refit": ("training", "estimator", "effects", "verdicts", "ranking"),
    "explain": ("explanation",),
}
"""The fields of the work that each step fills."""

Load = Callable[[str], Any]


def artifacts(step: str, made: Filled) -> Iterator[tuple[str, Any]]:
    """Name and value of everything that a step leaves, but for rows."""
    if step == "load":
        dataset: Dataset = made["dataset"]
        yield "public/dataset", _without_rows(dataset)
        yield "public/split", made["split"]
        yield "public/facts", made["facts"]
        yield "private/fingerprint", made["fingerprint"]
        yield "private/truth", dataset.truth
    elif step == "identify":
        yield "public/estimands", (made["estimand"], *made["secondary"])
    else:
        for name in FILLS[step]:
            if name not in _NOT_KEPT:
                yield f"{'private' if name in _PRIVATE else 'public'}/{name}", made[name]
        if "estimator" in made:
            yield "private/own_effects", made["estimator"].effects_


_NOT_KEPT = ("estimator", "scores", "training", "ranker")
_PRIVATE = ("variables", "naive")


def had_again(step: str, load: Load, rows: Path, before: Work) -> dict[str, Any]:
    """The fields that a step fills, from what it left; `before` is the work as the step saw it."""
    if step == "load":
        return _loaded(load, rows)
    if step == "identify":
        primary, *secondary = load("public/estimands")
        return {"estimand": primary, "secondary": tuple(secondary)}
    names = [name for name in FILLS[step] if name not in _NOT_KEPT]
    made: dict[str, Any] = {name: load(f"{'private' if name in _PRIVATE else 'public'}/{name}") for name in names}
    made |= {name: value or () for name, value in made.items() if name in ("verdicts", "measurements")}
    if "estimator" in FILLS[step]:
        made["estimator"] = _estimator(before, load("private/own_effects"))
    if step == "refit":
        assert before.split is not None
        made["training"] = before.split.take(before.log, "training", "test")
    if step == "rank":
        made |= {"ranker": before.config.rank.use, "scores": _scores(before)}
    return made


def held_in_memory(step: str, made: Filled) -> bool:
    """Whether later steps are given what a step made as it is; what is too large they read from where it is kept."""
    if step == "load":
        return fits_in_memory(made["dataset"].interactions)
    tables = (made["embeddings"].item, made["embeddings"].user) if step == "encode" else ()
    return all(table is None or table.vectors.nbytes <= IN_MEMORY for table in tables)


def fits_in_memory(table: Table) -> bool:
    """Whether all rows of a log are held in memory once it is prepared."""
    widths = [int(getattr(dtype, "itemsize", 8)) for dtype in table.head().dtypes]
    return len(table) * sum(widths) <= IN_MEMORY


def _without_rows(dataset: Dataset) -> Dataset:
    """Schema, items and users, which is what a reader of a run needs."""
    return replace(dataset, interactions=Table(dataset.interactions.head()), truth=None)


def _loaded(load: Load, rows: Path) -> dict[str, Any]:
    from causalkit.types import ParquetTable

    table = ParquetTable.open(rows)
    kept = Table(table.frame()) if fits_in_memory(table) else table
    dataset = replace(load("public/dataset"), interactions=kept, truth=load("private/truth"))
    return {
        "dataset": dataset,
        "split": load("public/split"),
        "facts": load("public/facts"),
        "fingerprint": load("private/fingerprint"),
    }


def _estimator(work: Work, effects: Effects) -> Any:
    """The main estimator with its effects; for anything else that it learned, fit a clone."""
    chosen = work.config.estimate
    selection = chosen.get("item") or next(s for s in chosen.values() if s is not None)
    estimator = work.build("estimator", selection)
    estimator.effects_ = effects
    return estimator


def _scores(work: Work) -> Callable[..., Scores]:
    """The ranker's scores, fitted when first asked for."""

    @cache
    def ranker() -> Any:
        return fit_ranker(work, work.config.rank, work.made.effects)[0]

    def scores(users: Any, items: Any, **facts: Any) -> Scores:
        found: Scores = ranker().scores(users, items, **facts)
        return found

    return scores
