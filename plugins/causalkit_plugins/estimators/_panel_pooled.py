"""One coefficient for all items: the steps from the naive contrast to the reported effect, and treatment arms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.statistics import t_interval
from causalkit.types import LADDER_COLUMNS

from ._panel_cells import Cells
from ._panel_fit import PanelFit, group_coefficients, relative_weights, residuals, scale_of

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_SWEEPS = 30


def two_way(score: Floats) -> float:
    """Standard error of a sum of scores `[I, W]`, clustered by item and period (Cameron et al. 2011)."""
    items, periods = score.shape
    cell = float((score**2).sum())
    item = float((score.sum(1) ** 2).sum()) * items / max(items - 1, 1)
    period = float((score.sum(0) ** 2).sum()) * periods / max(periods - 1, 1)
    return float(np.sqrt(max(item + period - cell, item, period)))


def naive(cells: Cells, use: Bools) -> tuple[float, float, float]:
    """Outcome of exposed minus unexposed rows over some items: difference, two-way stderr, unexposed mean."""
    weight, share = cells.weight[use], cells.exposed[use]
    exposed, unexposed = weight * share, weight * (1 - share)
    y1, y = cells.exposed_outcome[use], cells.outcome[use]
    one, zero = exposed.sum(), unexposed.sum()
    if one <= 0 or zero <= 0:
        return np.nan, np.nan, np.nan
    r1, r0 = (weight * y1).sum() / one, (weight * (y - y1)).sum() / zero
    score = (weight * y1 - exposed * r1) / one - (weight * (y - y1) - unexposed * r0) / zero
    return float(r1 - r0), two_way(score), float(r0)


def common(
    cells: Cells, columns: Floats, use: Bools, *, periods: bool = False, less: Floats | None = None
) -> tuple[Floats, Floats]:
    """Coefficients of `columns` `[I, W, J]`, the same for all items, and their two-way stderrs.

    Item terms are partialled out; with `periods` period terms too (alternating projections). `less`
    `[I, W]` is taken off the outcome first.
    """
    w = cells.weight[use]
    y = cells.outcome[use] - (0 if less is None else less[use])
    both = np.concatenate([y[..., None], columns[use]], 2)
    one = np.ones((*y.shape, 1))
    both = residuals(both, one, w)
    if periods:
        total = np.maximum(w.sum(0), 1e-300)[:, None]
        for _ in range(_SWEEPS):
            both = residuals(both - (w[..., None] * both).sum(0) / total, one, w)
    left, x = both[..., 0], both[..., 1:]
    gram = np.einsum("iwk,iw,iwl->kl", x, w, x)
    inverse = np.linalg.pinv(gram, rcond=1e-10)
    slope = inverse @ np.einsum("iwk,iw,iw->k", x, w, left)
    score = (x * (w * (left - x @ slope))[..., None]) @ inverse
    return slope, np.array([two_way(score[..., k]) for k in range(len(slope))])


def ladder(rows: Sequence[tuple[str, float, float, float]], population: str, df: float) -> pd.DataFrame:
    """`LADDER_COLUMNS` from (specification, effect, stderr, baseline)."""
    table = pd.DataFrame(rows, columns=["specification", "effect", "stderr", "baseline"])
    table["lower"], table["upper"] = t_interval(table["effect"], table["stderr"], df)
    return table.assign(population=population)[list(LADDER_COLUMNS)]


def steps(cells: Cells, fit: PanelFit, names: tuple[str, str, str]) -> list[tuple[str, float, float, float]]:
    """(specification, effect, stderr, baseline), from exposed minus unexposed to item terms and period terms.

    `names` are the words for item, period and the item's own adjustment.
    """
    use = np.isfinite(fit.effect)
    if not use.any():
        return []
    item, period, _ = names
    effect, stderr, base = naive(cells, use)
    x = cells.exposed[..., None]
    rows = [(f"same {item}s: exposed minus unexposed", effect, stderr, base)]
    for name, both in ((f"+ {item}", False), (f"+ {item} and {period}", True)):
        slope, error = common(cells, x, use, periods=both)
        rows.append((name, float(slope[0]), float(error[0]), base))
    return rows


def arms(cells: Cells, crossed: Floats, column: Floats) -> tuple[Floats, Floats, float]:
    """Pooled effects and stderrs of treatment only, column only, both; and the outcome under neither.

    `column` `[I, W]` is the share of rows with the column, `crossed` that with column and treatment.
    Adjustment coefficients are those of the item's group, fitted beside the three arms. Items weigh by
    how precisely they tell the arms apart.
    """
    shares = np.stack([cells.exposed - crossed, column - crossed, crossed], 2)
    varies = (np.where((cells.weight > 0)[..., None], shares, 0).var(1) > 0).any(1)
    slope, error = common_adjusted(cells, shares)
    neither = cells.weight * (1 - shares.sum(2))
    plain = cells.outcome - shares @ slope
    base = float((neither * plain)[varies].sum() / max(neither[varies].sum(), 1e-300))
    return slope, error, base


def common_adjusted(cells: Cells, columns: Floats) -> tuple[Floats, Floats]:
    """`common` over items where a column varies, after adjustment with the coefficients of their groups."""
    varies = (np.where((cells.weight > 0)[..., None], columns, 0).var(1) > 0).any(1)
    return common(cells, columns, varies, less=_taken(cells, columns, varies))


def _taken(cells: Cells, columns: Floats, use: Bools) -> Floats:
    """What the groups' adjustment coefficients say, beside `columns`, in outcome units `[I, W]`."""
    taken = np.zeros_like(cells.outcome)
    scale, events = scale_of(cells)
    at = np.flatnonzero(use & (scale > 0))
    if not len(at) or not cells.terms.shape[2]:
        return taken
    base = np.concatenate([columns[at], np.ones((*taken[at].shape, 1))], 2)
    relative = cells.outcome[at] / scale[at][:, None]
    weight = relative_weights(cells, at) * events[at][:, None]
    slope = group_coefficients(relative, base, cells.terms[at], weight, cells.group[at])
    taken[at] = np.einsum("iwk,ik->iw", cells.terms[at], slope) * scale[at][:, None]
    return taken
