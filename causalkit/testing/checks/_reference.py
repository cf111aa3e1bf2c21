"""A plain estimator that keeps every rule: what refuters are given in checks, and what mutants are made from."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context, Level, component
from causalkit.errors import DataError
from causalkit.estimation import adjusted, codes_of, design, item_table, needed_columns, sound_rows, unit_codes
from causalkit.types import Dataset, Effects, Embeddings, Estimand

__all__ = ["LeastSquares"]

Floats = npt.NDArray[np.float64]


@component
class LeastSquares:
    """Regression of outcome on exposure and adjustment within each item; errors by assignment unit (CR1).

    Liang & Zeger 1986, Biometrika 73, with `G / (G - 1)`, and Student's t with G - 1 degrees of freedom.
    """

    level: ClassVar[Level] = "item"
    assumes: ClassVar[frozenset[str]] = frozenset({"ignorability", "linearity", "overlap", "enough-units"})

    least: int = 4
    "Exposed, and unexposed, units that an item's estimate needs."

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> LeastSquares:
        """Fill `effects_`. Raises `DataError` for rows that cannot be read, or none at all."""
        names, units = adjusted(dataset, estimand), dataset.unit_within_item
        columns = needed_columns(dataset, estimand, *names, *units)
        rows = sound_rows(dataset.interactions.frame(columns), dataset, estimand)
        item = codes_of(rows[dataset.item], dataset.items.index)
        rows, item = rows[item >= 0], item[item >= 0]
        if not len(rows):
            raise DataError("there are no rows to estimate effects from", "Check the split and the population.")
        unit = unit_codes(rows, units)[0] if dataset.unit else np.arange(len(rows))
        x, w = design(dataset, rows, names), dataset.weights(rows)
        t, y = (rows[name].to_numpy(float) for name in (estimand.treatment, estimand.outcome))
        found = []
        for code in context.track(range(len(dataset.items)), "items"):
            at = item == code
            found.append(_one(x[at], t[at], y[at], w[at], unit[at], self.least, bool(dataset.unit)))
        table = item_table(dataset.items.index, **{name: [one[name] for one in found] for name in found[0]})
        said = f"Given {', '.join(estimand.adjustment) or 'nothing'}, exposure is as good as random within an item."
        self.effects_ = Effects(table, assumptions=(said, "The outcome is linear in what is adjusted for."))
        return self


def _one(
    x: Floats, t: Floats, y: Floats, w: Floats, unit: npt.NDArray[Any], least: int, clustered: bool
) -> dict[str, Any]:
    """One item's effect, and what it rests on."""
    exposed, unexposed = _units(unit, w, t, clustered)
    told: dict[str, Any] = {"raw": np.nan, "raw_stderr": np.nan, "df": np.inf, "baseline": np.nan, "reason": ""}
    told |= {"treated": exposed, "control": unexposed, "ess": float(exposed + unexposed)}
    if w[t == 0].sum() > 0:
        told["baseline"] = float(w[t == 0] @ y[t == 0] / w[t == 0].sum())
    if min(exposed, unexposed) < least:
        return told | {"reason": f"{exposed} exposed and {unexposed} unexposed units; needs {least} of each"}
    centred = np.column_stack([t, x]) - np.average(np.column_stack([t, x]), axis=0, weights=w)
    rest, *_ = np.linalg.lstsq(centred[:, 1:] * np.sqrt(w)[:, None], centred[:, 0] * np.sqrt(w), rcond=1e-10)
    left = centred[:, 0] - centred[:, 1:] @ rest
    mass = float(w @ left**2)
    if mass <= 1e-9 * w.sum():
        return told | {"reason": "exposure follows from what is adjusted for"}
    raw = float(w @ (left * y)) / mass
    full, *_ = np.linalg.lstsq(np.column_stack([np.ones_like(t), t, x]) * np.sqrt(w)[:, None], y * np.sqrt(w), None)
    residual = y - np.column_stack([np.ones_like(t), t, x]) @ full
    score = np.bincount(unit, w * left * residual) if clustered else np.sqrt(w) * left * residual
    groups = exposed + unexposed
    stderr = float(np.sqrt((score**2).sum() * groups / (groups - 1))) / mass
    if not stderr > 1e-9 * max(abs(raw), 1e-300):
        return told | {"reason": "the outcome never varies"}
    return told | {"raw": raw, "raw_stderr": stderr, "df": groups - 1.0}


def _units(unit: npt.NDArray[Any], w: Floats, t: Floats, clustered: bool) -> tuple[int, int]:
    """Units mostly exposed and mostly not; where rows are independent, a weight being so many of them."""
    if not clustered:
        return round(float(w @ t)), round(float(w @ (1 - t)))
    share = pd.Series(w * (2 * t - 1)).groupby(unit).sum()
    return int((share > 0).sum()), int((share <= 0).sum())
