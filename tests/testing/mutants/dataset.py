"""Components that pass, and that fail, the checks in `causalkit.testing.checks.dataset`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from causalkit_plugins.datasets.simulated import Simulated
from causalkit_plugins.datasets.tables import Tables
from causalkit_plugins.examples.datasets import tables

from causalkit.components import Context, component
from causalkit.errors import DataError
from causalkit.types import Column, Dataset, Derivation, Schema, Table, Truth
from tests.testing.mutants import Make


@component
class Coins:
    """A log of coins: who was shown what, and bought it, without time, tables or truth."""

    rows: int = 300
    "How many rows."
    seed: int = 0
    "Seed of the drawn log."

    def load(self, *, context: Context = Context()):
        rng = np.random.default_rng(self.seed)
        shown = rng.integers(0, 2, self.rows)
        items = pd.Categorical.from_codes(rng.integers(0, 5, self.rows), list("abcde"))
        bought = (rng.random(self.rows) < 0.2 + 0.2 * shown).astype(int)
        columns = (Column("sku", "item", "categorical"), Column("shown", "treatment"), Column("bought", "outcome"))
        rows = pd.DataFrame({"sku": items, "shown": shown, "bought": bought})
        return Dataset(Table(rows), Schema(columns), pd.DataFrame(index=pd.Index(list("abcde"))))


SIZE = {"users": 60, "items": 10, "weeks": 6, "cold": 0.1}

HEALTHY: list[Make] = [
    lambda _: Coins(),
    lambda _: Simulated(users=60, items=10, weeks=6),
    lambda folder: next(iter(tables(folder))),
]


def loading(change: Callable[[Dataset], Any]) -> Make:
    """A small simulated shop, and something done to the log that it loads."""

    @component
    class Mutant(Simulated):
        """Loads a shop that is not right."""

        def load(self, *, context: Context = Context()):
            return change(super().load(context=context))

    return lambda _: Mutant(**SIZE)


def rows_with(**columns: Callable[[pd.DataFrame], Any]) -> Make:
    """The log with columns replaced."""
    return loading(lambda log: replace(log, interactions=Table(log.interactions.frame().assign(**columns))))


class Halved(Table):
    """Its parts are every other row."""

    def parts(self, columns=None, rows: int = 1_000_000, skip: int = 0) -> Iterator[pd.DataFrame]:
        yield from (part.iloc[::2] for part in super().parts(columns, rows, skip))


@component
class Drifting(Simulated):
    """Draws by the run's seed."""

    def load(self, *, context: Context = Context()):
        return Simulated(**SIZE, seed=context.root_seed).load()


@component
class Giving(Simulated):
    """Gives the log that it keeps."""

    def load(self, *, context: Context = Context()):
        if "_kept" not in vars(self):
            self._kept = super().load(context=context)
        return self._kept


@component
class Marking(Tables):
    """Marks the file that it has read."""

    def load(self, *, context: Context = Context()):
        found = super().load(context=context)
        with Path(self.interactions).open("a") as file:
            file.write("\n")
        return found


@component
class Careless(Tables):
    """Opens its file before anything else."""

    def load(self, *, context: Context = Context()):
        with open(self.interactions, "rb"):
            return super().load(context=context)


@component
class Vague(Tables):
    """Says of a missing file that something is missing."""

    def load(self, *, context: Context = Context()):
        try:
            return super().load(context=context)
        except DataError:
            raise DataError("a file is missing", "Look for it.") from None


def of_tables(cls: type) -> Make:
    """The class with the parameters of the first example of `tables`."""
    return lambda folder: cls(**next(iter(tables(folder))).get_params(deep=False))


def _derived_of_nothing(log: Dataset) -> Dataset:
    column = Column("before", "covariate", derive=Derivation("lag", of="bough"))
    return replace(log, schema=log.schema.with_columns([column]))


def _given_away(log: Dataset) -> Dataset:
    return replace(log, items=log.items.assign(lift=2 * log.truth.item + 1))


MUTANTS: dict[str, Make] = {
    "dataset/gives-a-dataset": loading(lambda log: log.interactions.frame()),
    "dataset/can-be-estimated-from": rows_with(exposed=lambda rows: np.int8(1)),
    "dataset/goes-through-preparation": loading(_derived_of_nothing),
    "dataset/ids-are-categoricals": rows_with(item=lambda rows: rows["item"].astype(str).astype(object)),
    "dataset/treatment-and-outcome-are-numbers": rows_with(exposed=lambda rows: rows["exposed"] == 1),
    "dataset/time-can-be-ordered": rows_with(week=lambda rows: "week " + rows["week"].astype(str)),
    "dataset/tables-know-the-log": loading(lambda log: replace(log, users=log.users.iloc[1:])),
    "dataset/parts-are-the-rows": loading(lambda log: replace(log, interactions=Halved(log.interactions.frame()))),
    "dataset/loads-the-same-again": lambda _: Drifting(**SIZE),
    "dataset/keeps-nothing-that-can-be-spoilt": lambda _: Giving(**SIZE),
    "dataset/leaves-files-alone": of_tables(Marking),
    "dataset/a-missing-file-is-told": of_tables(Careless),
    "dataset/truth-is-apart": loading(_given_away),
}

FURTHER: list[tuple[str, Make]] = [
    ("dataset/a-missing-file-is-told", of_tables(Vague)),
    ("dataset/ids-are-categoricals", rows_with(user=lambda rows: rows["user"].astype(str).astype(object))),
    ("dataset/tables-know-the-log", loading(lambda log: replace(log, items=log.items.iloc[[0, *range(10)]]))),
    ("dataset/treatment-and-outcome-are-numbers", rows_with(exposed=lambda rows: rows["exposed"] * 2)),
    (
        "dataset/truth-is-apart",
        loading(lambda log: replace(log, truth=Truth(item=log.truth.item.rename(lambda name: f"{name}!")))),
    ),
]
"""The same checks failed in other ways."""
