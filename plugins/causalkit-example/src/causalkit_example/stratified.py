"""An estimator to begin from: exposed minus unexposed, among rows that are alike. Read it from top to bottom."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from causalkit import Context, Dataset, Effects, Estimand, component
from causalkit.errors import DataError
from causalkit.estimation import Units, adjusted, arm_means, codes_of, design, item_table, needed_columns, sound_rows


@component  # the annotated fields below become parameters, validated; the string under each is its help
class StratifiedDifference:
    """Rows of an item are put in strata by what is adjusted for; arms are compared within strata (Cochran 1968)."""

    level: ClassVar[Literal["item"]] = "item"  # what it fills: one effect per item
    assumes: ClassVar[frozenset[str]] = frozenset({"ignorability", "overlap", "enough-units"})  # held to it by the kit

    bins: Annotated[int, Field(ge=2, le=100)] = 8
    "Bins of each adjustment column at most; fewer where an item has few units, four of each arm for a stratum."
    least: Annotated[int, Field(ge=2)] = 6
    "Exposed, and unexposed, units that an item needs; with fewer it has a reason and no number."

    def fit(self, dataset: Dataset, estimand: Estimand, embeddings: Any = None, *, context: Context = Context()) -> Any:
        """Fill `effects_`. Raises `DataError` for rows that cannot be read."""
        # 1. Only the columns it needs, checked. What is independent is a unit: a row, where the log declares none.
        names, n = adjusted(dataset, estimand), len(dataset.items)
        frame = dataset.interactions.frame(needed_columns(dataset, estimand, *dataset.unit, *names))
        if not len(rows := sound_rows(frame, dataset, estimand)):
            raise DataError("there are no rows to estimate effects from", "Check the split and the population.")
        item, arm = codes_of(rows[dataset.item], dataset.items.index), rows[estimand.treatment].to_numpy(int)
        y, w, x = rows[estimand.outcome].to_numpy(float), dataset.weights(rows), design(dataset, rows, names)
        units = Units.of(rows, dataset)
        arms = units.by_arm(item, arm, n)
        # 2. Strata with two units of each arm; rows elsewhere have nothing to be compared with, and are counted.
        most = np.clip((arms.min(axis=1) / 4) ** (1 / max(x.shape[1], 1)), 2, self.bins).astype(int)
        stratum = _strata(item, x, w, most[item])
        owner = item[np.unique(stratum, return_index=True)[1]]
        apiece = units.by_arm(stratum, arm, len(owner))
        both = apiece.min(axis=1) >= 2
        lost = np.bincount(item, w * ~both[stratum], n) / np.maximum(np.bincount(item, w, n), 1e-300)
        # 3. Means by stratum and arm. Strata count by their rows, or by their exposed rows where the target is `att`.
        mean, mass = arm_means(stratum, arm, y, w, len(owner))
        mean = np.nan_to_num(mean)  # an arm without rows: its stratum counts for nothing
        counts = both * (mass[:, 1] if estimand.target == "att" else mass.sum(axis=1))
        share = counts / np.maximum(np.bincount(owner, counts, n), 1e-300)[owner]
        effect, baseline = (np.bincount(owner, share * part, n) for part in (mean[:, 1] - mean[:, 0], mean[:, 0]))
        # 4. Errors: each row's pull on the effect, summed within units before it is squared (Liang & Zeger 1986).
        pull = (2 * arm - 1) * share[stratum] * w * (y - mean[stratum, arm]) / mass[stratum, arm]
        pull *= np.sqrt(apiece / np.maximum(apiece - 1, 1))[stratum, arm]  # a mean lies close to what it is a mean of
        variance = units.variance(pull, item, n)
        # 5. A number that can't be had is NaN with a reason; one to be careful with has a reason too.
        apart = [f"{part:.0%} of rows lie in strata without both arms, and are left out" for part in lost]
        wrong = (arms.min(axis=1) < self.least, lost > 0.5, ~(variance > 0), lost > 0.05)
        why = (f"fewer than {self.least} exposed or unexposed units", apart, "the outcome never varies", apart)
        known = np.where(wrong[0] | wrong[1] | wrong[2], np.nan, 1)
        found = {"raw": known * effect, "raw_stderr": np.sqrt(variance), "baseline": known * baseline}
        counted = {"treated": arms[:, 1], "control": arms[:, 0], "df": np.maximum(2 * arms.min(axis=1) - 2, 1)}
        table = item_table(dataset.items.index, **found, **counted, reason=np.select(wrong, why, ""))
        # 6. What it rests on, in words: receipts print them beside the effect.
        said = f"Within {self.bins} bins or fewer of {', '.join(names) or 'nothing'}, exposure is as if by chance."
        self.effects_ = Effects(table, assumptions=(said,))
        return self


def _strata(item: Any, x: Any, w: Any, bins: Any) -> Any:
    """Each row's stratum, 0 …: its item and, for each column of `x` `[rows, d]`, one of its item's bins by rank."""
    code = item
    for column in x.T:
        own = pd.Series(w).groupby([item, column]).sum()  # weight of each value, in order
        rank = (own.groupby(level=0).cumsum() - own / 2) / own.groupby(level=0).transform("sum")
        at = rank.reindex(pd.MultiIndex.from_arrays([item, column])).to_numpy()
        code = pd.factorize(code * (bins.max() + 1) + (at * bins).astype(int))[0]
    return np.unique(code, return_inverse=True)[1]
