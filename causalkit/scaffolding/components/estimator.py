"""Exposed minus unexposed, item by item."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from causalkit.components import Context, component
from causalkit.estimation import Units, arm_means, codes_of, item_table, needed_columns, sound_rows
from causalkit.types import Dataset, Effects, Embeddings, Estimand


@component
class GroupDifference:
    """Exposed minus unexposed within each item, adjusted for nothing."""

    level: ClassVar[Literal["item"]] = "item"
    assumes: ClassVar[frozenset[str]] = frozenset({"randomised", "overlap", "enough-units"})

    least: Annotated[int, Field(ge=2)] = 4
    "Exposed, and unexposed, units that an item needs; with fewer it has a reason and no number."

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Self:
        """Fill `effects_`, with errors clustered by unit (Liang & Zeger 1986) and Student's t for few units."""
        items, columns = dataset.items.index, needed_columns(dataset, estimand, *dataset.unit)
        rows = sound_rows(dataset.interactions.frame(columns), dataset, estimand)
        item, arm = codes_of(rows[dataset.item], items), rows[estimand.treatment].to_numpy(int)
        outcome, weight = rows[estimand.outcome].to_numpy(float), dataset.weights(rows)
        mean, mass = arm_means(item, arm, outcome, weight, len(items))
        units = Units.of(rows, dataset)
        counts = units.by_arm(item, arm, len(items))
        fewest = counts.min(axis=1)
        df = np.where(fewest < self.least, np.nan, fewest - 1)
        # Errors: each row's pull on its item's effect, summed within units, squared and summed.
        pull = (2 * arm - 1) * weight * (outcome - mean[item, arm]) / mass[item, arm]
        stderr = np.sqrt(units.variance(pull, item, len(items)) * (1 + 1 / df))
        why = (f"fewer than {self.least} exposed or unexposed units", "the outcome never varies")
        reason = np.select((np.isnan(df), ~(stderr > 0)), why, "")
        found = {"raw": mean[:, 1] - mean[:, 0], "raw_stderr": stderr, "baseline": mean[:, 0], "df": df}
        table = item_table(items, **found, treated=counts[:, 1], control=counts[:, 0], reason=reason)
        said = "Exposed and unexposed rows are alike but for the exposure: nothing is adjusted for."
        self.effects_ = Effects(table, assumptions=(said,))
        return self
