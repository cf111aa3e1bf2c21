"""How noisy raw effects are: errors drawn towards a model of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_FEW = 4


def moderated_variance(variance: Floats, df: Floats, model: Floats) -> Floats:
    """Squared errors `[n]` with `df` degrees of freedom, drawn to a multiple of `model` variances.

    Empirical Bayes as in Smyth (2004), Stat. Appl. Genet. Mol. Biol. 3: variance / (scale × model) is
    taken as F(df, d0); scale and d0 follow from the mean and variance of its logarithm, since
    log F has variance trigamma(df / 2) + trigamma(d0 / 2). Fewer than four items are left as they are.
    """
    if len(variance) < _FEW:
        return variance.copy()
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    ratio = np.log(np.maximum(variance, 1e-300) / np.maximum(model, 1e-300))
    excess = np.clip(np.var(ratio) - polygamma(1, df / 2).mean(), 1e-3, 1e3)
    prior = float(brentq(lambda d: float(polygamma(1, d / 2)) - excess, 1e-2, 1e7))
    shift = digamma(df / 2) - np.log(df / 2) - digamma(prior / 2) + np.log(prior / 2)
    scale = np.exp(np.mean(ratio - shift))
    return np.asarray((prior * scale * model + df * variance) / (prior + df))
