"""An estimator to begin from: exposed minus unexposed, among rows that are alike. Read it from top to bottom."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from causalkit import Context, Dataset, Effects, Estimand, component
from causalkit.errors import DataError
from causalkit.estimation import adjusted, codes_of, design, item_table, needed_columns, sound_rows, unit_codes


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
        unit = unit_codes(rows, [dataset.item, *dataset.unit])[0] if dataset.unit else np.arange(len(rows))
        each = np.ones(len(rows)) if dataset.unit else w  # weights are frequencies: how many units a row stands for
        arms = _units(2 * item + arm, unit, each, n)
        # 2. Strata with two units of each arm; rows elsewhere have nothing to be compared with, and are counted.
        most = np.clip((arms.min(axis=1) / 4) ** (1 / max(x.shape[1], 1)), 2, self.bins).astype(int)
        stratum = _strata(item, x, w, most[item])
        units = _units(2 * stratum + arm, unit, each, stratum.max() + 1)
        owner, both = item[np.unique(stratum, return_index=True)[1]], units.min(axis=1) >= 2
        lost = np.bincount(item, w * ~both[stratum], n) / np.maximum(np.bincount(item, w, n), 1e-300)
        # 3. Means by stratum and arm. Strata count by their rows, or by their exposed rows where the target is `att`.
        cell = 2 * stratum + arm
        mass, sums = (np.bincount(cell, part, units.size).reshape(-1, 2) for part in (w, w * y))
        mean = sums / np.maximum(mass, 1e-300)
        counts = both * (mass[:, 1] if estimand.target == "att" else mass.sum(axis=1))
        share = counts / np.maximum(np.bincount(owner, counts, n), 1e-300)[owner]
        effect, baseline = (np.bincount(owner, share * part, n) for part in (mean[:, 1] - mean[:, 0], mean[:, 0]))
        # 4. Errors: each row's pull on the effect, summed within units before it is squared (Liang & Zeger 1986).
        pull = share[stratum] * w * (y - mean.ravel()[cell]) / mass.ravel()[cell]
        pull *= np.sqrt(units / np.maximum(units - 1, 1)).ravel()[cell]  # a mean lies close to what it is the mean of
        owns, first = np.unique(unit, return_index=True)
        variance = np.bincount(item[first], np.bincount(unit, pull)[owns] ** 2 / each[first], n)
        # 5. A number that can't be had is NaN with a reason; one to be careful with has a reason too.
        apart = [f"{part:.0%} of rows lie in strata without both arms, and are left out" for part in lost]
        wrong = (arms.min(axis=1) < self.least, lost > 0.5, ~(variance > 0), lost > 0.05)
        why = (f"fewer than {self.least} exposed or unexposed units", apart, "the outcome never varies", apart)
        known = np.where(wrong[0] | wrong[1] | wrong[2], np.nan, 1)
        found = {"raw": known * effect, "raw_stderr": np.sqrt(variance), "baseline": known * baseline}
        counted = {"treated": arms[:, 1], "control": arms[:, 0], "df": np.maximum(2 * arms.min(axis=1) - 2, 1)}
        table = item_table(dataset.items.index, **found, **counted, reason=np.select(wrong, why, ""))
        # 6. What it rests on, in words: receipts print them beside the effect.
        said = (
            f"Within one of {self.bins} bins or fewer of {', '.join(names) or 'nothing'}, exposure is as if by chance."
        )
        self.effects_ = Effects(table, assumptions=(said,))
        return self


def _units(code: Any, unit: Any, each: Any, n: int) -> Any:
    """Units of each of `n` groups, unexposed and exposed `[n, 2]`; `code` is twice the group, plus the arm."""
    first = np.unique(np.stack([code, unit]), axis=1, return_index=True)[1]
    return np.bincount(code[first], each[first], 2 * n).reshape(n, 2)


def _strata(item: Any, x: Any, w: Any, bins: Any) -> Any:
    """Each row's stratum, 0 …: its item and, for each column of `x` `[rows, d]`, one of its item's bins by rank."""
    code = item
    for column in x.T:
        own = pd.Series(w).groupby([item, column]).sum()  # weight of each value, in order
        rank = (own.groupby(level=0).cumsum() - own / 2) / own.groupby(level=0).transform("sum")
        at = rank.reindex(pd.MultiIndex.from_arrays([item, column])).to_numpy()
        code = pd.factorize(code * (bins.max() + 1) + (at * bins).astype(int))[0]
    return np.unique(code, return_inverse=True)[1]
