"""EconML's LinearDML, one item at a time."""

from __future__ import annotations

from typing import Literal

import numpy as np

from causalkit import component

from ._average import Average, projected
from ._items import ItemByItem
from ._parts import Part

__all__ = ["LinearDML"]


@component
class LinearDML(ItemByItem):
    """Double machine learning with a linear final stage (Chernozhukov et al. 2018; EconML's `LinearDML`).

    Outcome and exposure are predicted from the adjustment columns, cross-fitted; what is left of the one is regressed
    on what is left of the other. The item's effect is the average of what that regression says for its rows (`ate`,
    `cate`) or its exposed rows (`att`). EconML's own errors take rows as independent; these follow the assignment unit.
    """

    effect: Literal["linear", "constant"] = "linear"
    "Whether the effect may be linear in the adjustment columns, or is one number for all rows."

    @property
    def assumes(self) -> frozenset[str]:
        """What its answers rest on."""
        rests = frozenset({"ignorability", "overlap", "enough-units"})
        return rests | {"linearity"} if self.nuisance == "linear" or self.effect == "constant" else rests

    def said(self) -> tuple[str, ...]:
        """Assumptions in words."""
        how = "linear in what is adjusted for" if self.effect == "linear" else "the same for all rows of an item"
        models = ("Outcome and propensity (logistic) are linear in what is adjusted for.",)
        return (f"The effect is {how}.", *(models if self.nuisance == "linear" else ()))

    def average(self, part: Part, *, att: bool) -> Average:
        """The average effect of one item."""
        from econml.dml import LinearDML as Model

        varies = self.effect == "linear" and part.x.any()
        model = Model(
            model_y=self.regressor(part.seed),
            model_t=self.classifier(part.seed),
            discrete_treatment=True,
            cv=part.splits(self.folds),
            random_state=part.seed,
        )
        x, others = (part.x, None) if varies else (None, part.x)
        model.fit(part.y, part.t.astype(int), X=x, W=others, sample_weight=part.w, cache_values=True, inference=None)
        y_left, t_left = (np.ravel(left) for left in model.residuals_[:2])
        one = np.ones((len(part.y), 1))
        basis = np.hstack([one, part.x]) if varies else one
        tau = np.broadcast_to(np.ravel(model.effect(x)), len(part.y))
        return projected(part, basis, tau, y_left, t_left, att=att, clip=self.clip)
