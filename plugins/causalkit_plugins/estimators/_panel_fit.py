"""The panel regressions of every item at once, and their pooled readings.

For item i, y_iw = b_i x_iw + a_i + L_i z_iw'g_i + e_iw over periods w, weighted by the rows behind a
cell; g_i ~ N(m_group, s² I). All of it is done relative to L_i, the item's own level, so that the
coefficients of nuisance terms compare across items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ._panel_cells import Cells

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Correction = Literal["hc0", "hc2", "hc3"]
_LEAN = 0.02
"""How much a group's nuisance coefficients lean on all items: as if this share of all cells were its own."""
_BUSY = 20.0
"""Expected events per cell from which an item helps to measure overdispersion."""


@dataclass(frozen=True)
class Rule:
    """How to fit: width of the partial pooling, units needed either way, what counts as exposed, errors."""

    pooling: float | None = 0.3
    min_units: int = 4
    exposed_above: float = 0.5
    correction: Correction = "hc3"


@dataclass(frozen=True)
class PanelFit:
    """Effects of one fit, in outcome units; NaN where there is no estimate.

    `influence` `[I, W]` holds what each period adds to the error of the item's effect; `size` the
    exposed weight, `level` the mean outcome, `model_variance` the effect's variance were cells to vary
    as counts do.
    """

    effect: Floats
    stderr: Floats
    df: Floats
    influence: Floats
    size: Floats
    treated: npt.NDArray[np.int64]
    control: npt.NDArray[np.int64]
    level: Floats
    enough: Bools
    model_variance: Floats

    @property
    def p(self) -> Floats:
        """Two-sided p-values, Student's t."""
        from causalkit.statistics import two_sided_p

        return two_sided_p(self.effect, self.stderr, self.df)

    def pooled(self, weight: Floats | None = None) -> tuple[float, float, float, int]:
        """Average effect (over exposed rows unless `weight` `[I]` says else), stderr, df, items.

        The variance adds the spread between items to that of periods clustered over items and takes
        off the cells counted twice (Cameron, Gelbach & Miller 2011). With regressions of each
        item's own, item sums of influences vanish, so the first term is the spread of effects.
        """
        use = np.isfinite(self.effect)
        count = int(use.sum())
        if count == 0:
            return np.nan, np.nan, np.nan, 0
        share = (self.size if weight is None else weight)[use]
        share = share / share.sum()
        effect = self.effect[use]
        mean = float(share @ effect)
        score = share[:, None] * self.influence[use]
        periods = int((score != 0).any(0).sum())
        cell = float((score**2).sum())
        period = float((score.sum(0) ** 2).sum()) * periods / max(periods - 1, 1)
        between = float((share**2 * (effect - mean) ** 2).sum()) * count / max(count - 1, 1)
        variance = max(between + period - cell, period, between)
        return mean, variance**0.5, float(max(min(count, periods) - 1, 1)), count


def fit_cells(cells: Cells, rule: Rule, beside: Floats | None = None) -> PanelFit:
    """Fit every item. `beside` `[I, W, J]` are regressors kept beside the exposure, unpenalised."""
    exposed = cells.exposed
    present = cells.weight > 0
    treated = ((exposed > rule.exposed_above) & present).sum(1)
    control = present.sum(1) - treated
    scale, events = scale_of(cells)
    enough = (treated >= rule.min_units) & (control >= rule.min_units) & (scale > 0)
    if beside is not None:
        enough &= (np.where(present[..., None], beside, 0).var(1) > 0).any(1)
    at = np.flatnonzero(enough)
    x = exposed[at][..., None] if beside is None else np.concatenate([exposed[at][..., None], beside[at]], 2)
    coefficient, influence, df = _fit_items(cells, rule, at, x, scale[at], events[at])
    size = (cells.weight * exposed).sum(1)
    effect, stderr, freedom = (np.full(len(exposed), np.nan) for _ in range(3))
    spread = np.zeros_like(exposed)
    error = np.sqrt((influence**2).sum(1)) * scale[at]
    sound = (df >= 1) & (error > 0)
    effect[at[sound]] = (coefficient * scale[at])[sound]
    stderr[at[sound]], freedom[at[sound]] = error[sound], df[sound]
    spread[at[sound]] = (influence * scale[at][:, None])[sound]
    level = _mean(cells.outcome, cells.weight)
    centred = np.where(present, exposed - _mean(exposed, cells.weight)[:, None], 0.0)
    noise = scale**2 * _mean(cells.weight, present.astype(float)) / np.maximum(events, 1e-300)
    model = noise / np.maximum((cells.weight * centred**2).sum(1), 1e-300)
    return PanelFit(effect, stderr, freedom, spread, size, treated, control, level, enough, model)


def _mean(values: Floats, weight: Floats) -> Floats:
    return np.asarray((weight * values).sum(1) / np.maximum(weight.sum(1), 1e-300))


def relative_weights(cells: Cells, at: npt.NDArray[np.int64]) -> Floats:
    """Weights `[len(at), W]` over the item's mean over periods with rows."""
    weight = cells.weight[at]
    return np.asarray(weight / np.maximum(_mean(weight, (weight > 0).astype(float)), 1e-300)[:, None])


def scale_of(cells: Cells) -> tuple[Floats, Floats]:
    """What an item's outcome is taken relative to, and the events behind a cell, both `[I]`.

    A rate is taken relative to its level and varies as counts do; any other outcome relative to its
    own spread.
    """
    level = _mean(cells.outcome, cells.weight)
    weight = _mean(cells.weight, (cells.weight > 0).astype(float))
    if cells.is_rate:
        return np.maximum(level, 0.0), np.maximum(weight * level, 1e-12)
    deviation = cells.outcome - level[:, None]
    return np.sqrt(_mean(deviation**2, cells.weight)), np.maximum(weight, 1e-12)


def _fit_items(
    cells: Cells, rule: Rule, at: npt.NDArray[np.int64], x: Floats, scale: Floats, events: Floats
) -> tuple[Floats, Floats, Floats]:
    """Relative coefficient of x's first column, its influences, and df, of items `at`."""
    w = relative_weights(cells, at)
    y = cells.outcome[at] / np.maximum(scale, 1e-300)[:, None]
    z = cells.terms[at]
    base = np.concatenate([x, np.ones((*y.shape, 1))], 2)
    penalty = np.zeros(len(at))
    left = y
    if rule.pooling is not None and z.shape[2] and len(at):
        centre = group_coefficients(y, base, z, w * events[:, None], cells.group[at])
        left = y - np.einsum("iwk,ik->iw", z, centre)
        noise = overdispersion(left, base, w, events, floor=1.0 if cells.is_rate else 1e-6) / events
        penalty = noise / max(rule.pooling, 1e-4) ** 2
    coefficient, influence, df = ridge(left, base, z, w, penalty, rule.correction)
    return coefficient[:, 0], influence[..., 0], df


def ridge(
    y: Floats, base: Floats, z: Floats, w: Floats, penalty: Floats, correction: Correction
) -> tuple[Floats, Floats, Floats]:
    """Batched weighted regression on `base` and `z`, the latter's squares penalised by `penalty` `[I]`.

    Returns coefficients `[I, K]`, influences `[I, W, K]` and residual df `[I]`.

    Influences are leverage-corrected residuals times the row's part in each coefficient (HC3:
    MacKinnon & White 1985), h being the diagonal of the ridge hat matrix; df is periods with rows
    less its trace.
    """
    design = np.concatenate([base, z], 2)
    gram = np.swapaxes(design, 1, 2) @ (design * w[..., None])
    diagonal = np.arange(design.shape[2])
    gram[:, diagonal, diagonal] += 1e-12 + 1e-10 * w.sum(1, keepdims=True)
    nuisance = diagonal[base.shape[2] :]
    gram[:, nuisance, nuisance] += penalty[:, None]
    lever = (design @ np.linalg.inv(gram)) * w[..., None]
    hat = (lever * design).sum(2)
    coefficient = (lever * y[..., None]).sum(1)
    residual = y - np.einsum("iwk,ik->iw", design, coefficient)
    power = {"hc0": 0.0, "hc2": 0.5, "hc3": 1.0}[correction]
    influence = lever * (residual / np.maximum(1 - hat, 1e-3) ** power)[..., None]
    return coefficient, influence, (w > 0).sum(1) - hat.sum(1)


def group_coefficients(y: Floats, base: Floats, z: Floats, w: Floats, group: npt.NDArray[np.int64]) -> Floats:
    """Nuisance coefficients `[I, K]` pooled over each item's group, groups leaning a little on all items.

    `base` (constant and exposure, per item) is partialled out first, so that the exposure's own
    effect stays out.
    """
    left_y, left_z = residuals(y[..., None], base, w)[..., 0], residuals(z, base, w)
    gram = np.swapaxes(left_z, 1, 2) @ (left_z * w[..., None])
    moment = np.einsum("iwk,iw->ik", left_z, w * left_y)
    codes, place = np.unique(group, return_inverse=True)
    grams = np.zeros((len(codes), *gram.shape[1:]))
    moments = np.zeros((len(codes), gram.shape[1]))
    np.add.at(grams, place, gram)
    np.add.at(moments, place, moment)
    total = grams.sum(0)
    total = total + (1e-9 * np.trace(total) / len(total) + 1e-12) * np.eye(len(total))
    everyone = np.linalg.solve(total, moments.sum(0))
    lean = total * _LEAN
    return np.asarray(np.linalg.solve(grams + lean, (moments + lean @ everyone)[..., None])[..., 0][place])


def residuals(target: Floats, base: Floats, w: Floats) -> Floats:
    """`target` `[I, W, T]` less its weighted least-squares fit on `base` `[I, W, J]`, item by item."""
    weighted = base * w[..., None]
    gram = np.swapaxes(weighted, 1, 2) @ base
    diagonal = np.arange(base.shape[2])
    gram[:, diagonal, diagonal] += 1e-12 + 1e-11 * gram[:, diagonal, diagonal].mean(1, keepdims=True)
    return np.asarray(target - base @ np.linalg.solve(gram, np.swapaxes(weighted, 1, 2) @ target))


def overdispersion(y: Floats, base: Floats, w: Floats, events: Floats, floor: float) -> float:
    """Variance of cells around constant and exposure, over that of counts: one factor, `floor` at least.

    The median over items with enough events in a cell (all items where there are none).
    """
    left = residuals(y[..., None], base, w)[..., 0]
    freedom = np.maximum((w > 0).sum(1) - base.shape[2], 1)
    factor = (w * left**2).sum(1) / freedom * events
    busy = events >= _BUSY
    return float(max(np.median(factor[busy] if busy.any() else factor), floor))
