"""Exposed minus unexposed, item by item."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from causalkit.components import Context, component
from causalkit.estimation import codes_of, item_table, needed_columns, sound_rows, unit_codes
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
        rows = dataset.interactions.frame(needed_columns(dataset, estimand, *dataset.unit))
        rows, n = sound_rows(rows, dataset, estimand), len(dataset.items)
        item, arm = codes_of(rows[dataset.item], dataset.items.index), rows[estimand.treatment].to_numpy(int)
        unit = unit_codes(rows, [dataset.item, *dataset.unit])[0] if dataset.unit else np.arange(len(rows))
        w, y = dataset.weights(rows), rows[estimand.outcome].to_numpy(float)
        each = np.ones(len(rows)) if dataset.unit else w  # how many units a row stands for
        mass, sums = (np.bincount(2 * item + arm, values, 2 * n).reshape(n, 2) for values in (w, w * y))
        mean = np.divide(sums, mass, out=np.full((n, 2), np.nan), where=mass > 0)
        pull = (2 * arm - 1) * w * (y - mean[item, arm]) / mass[item, arm]
        first, seen = (np.unique(code, return_index=True)[1] for code in (unit, 2 * unit + arm))
        variance = np.bincount(item[first], np.bincount(unit, pull) ** 2 / each[first], n)
        units = np.bincount((2 * item + arm)[seen], each[seen], 2 * n).reshape(n, 2)
        df = np.where(units.min(axis=1) < self.least, np.nan, units.min(axis=1) - 1)
        why = (f"fewer than {self.least} exposed or unexposed units", "the outcome never varies")
        reason, stderr = np.select((np.isnan(df), ~(variance > 0)), why, ""), np.sqrt(variance * (df + 1) / df)
        found = {"raw": mean[:, 1] - mean[:, 0], "raw_stderr": stderr, "treated": units[:, 1], "control": units[:, 0]}
        table = item_table(dataset.items.index, **found, baseline=mean[:, 0], df=df, reason=reason)
        said = "Exposed and unexposed rows are alike but for the exposure: nothing is adjusted for."
        self.effects_ = Effects(table, assumptions=(said,))
        return self
