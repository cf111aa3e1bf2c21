"""An item's average effect from what EconML fitted, with errors that follow the assignment unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._parts import Floats, Part

__all__ = ["Average", "doubly_robust", "projected"]


@dataclass(frozen=True)
class Average:
    """An average effect.

    `score` is each row's share of its error `[n]`: summed within units, squared and added, it is the variance.
    `outside` is the share of rows whose propensity lay outside the limits.
    """

    effect: float
    baseline: float
    score: Floats
    outside: float

    def stderr(self, part: Part) -> float:
        """The error with scores summed within assignment units, as many as there are counted."""
        total = np.bincount(part.unit, self.score)
        units = len(total)
        return float(np.sqrt((total**2).sum() * units / max(units - 1, 1)))


def doubly_robust(part: Part, e: Floats, m0: Floats, m1: Floats, *, att: bool, clip: float) -> Average:
    """The doubly robust average over all rows, or over the exposed ones.

    From out-of-fold propensities `e` and outcomes where unexposed and exposed `m0`, `m1`, each `[n]` (Robins,
    Rotnitzky & Zhao 1994; Chernozhukov et al. 2018, eq. 5.3 and 5.4).
    """
    w, t, y = part.w, part.t, part.y
    held = np.clip(e, clip, 1 - clip)
    if att:
        share, odds = t, (1 - t) * held / (1 - held)
        gain, unexposed = (t - odds) * (y - m0), t * m0 + odds * (y - m0)
    else:
        share = np.ones_like(t)
        unexposed = m0 + (1 - t) / (1 - held) * (y - m0)
        gain = m1 + t / held * (y - m1) - unexposed
    mass = (w * share).sum()
    effect = float((w * gain).sum() / mass)
    return Average(
        effect, float((w * unexposed).sum() / mass), w * (gain - share * effect) / mass, _outside(w, e, clip)
    )


def projected(
    part: Part, basis: Floats, tau: Floats, y_left: Floats, t_left: Floats, *, att: bool, clip: float
) -> Average:
    """The average of effects that are linear in a basis `[n, k]`, from residuals of outcome and exposure `[n]`.

    `tau` `[n]` is what the fit says for each row. Its error adds that of the coefficients (the sandwich of the final
    regression) and that of which rows there are.
    """
    w, share = part.w, part.t if att else np.ones_like(part.t)
    mass = (w * share).sum()
    effect = float((w * share * tau).sum() / mass)
    slope = basis * t_left[:, None]
    bread = np.linalg.pinv((slope * w[:, None]).T @ slope, hermitian=True)
    towards = (w * share) @ basis / mass @ bread
    score = w * share * (tau - effect) / mass + w * (slope @ towards) * (y_left - tau * t_left)
    baseline = float((w * share * (part.y - part.t * tau)).sum() / mass)
    return Average(effect, baseline, score, _outside(w, part.t - t_left, clip))


def _outside(w: Floats, e: Floats, clip: float) -> float:
    return float(np.average((e < clip) | (e > 1 - clip), weights=w))
