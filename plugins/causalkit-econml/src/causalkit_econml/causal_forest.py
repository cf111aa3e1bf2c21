"""EconML's causal forest, averaged per item."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from causalkit import component

from ._average import Average, doubly_robust
from ._items import ItemByItem
from ._parts import Part

__all__ = ["CausalForestDML"]


@component
class CausalForestDML(ItemByItem):
    """A causal forest on residuals (Athey, Tibshirani & Wager 2019; EconML's `CausalForestDML`), averaged.

    The forest says how the effect differs with the adjustment columns, for each row from trees that did not see it. The
    item's effect is their doubly robust average (Athey & Wager 2019, section 2.2), over all rows (`ate`, `cate`) or
    exposed ones (`att`). EconML's own errors take rows as independent; these follow the assignment unit.
    """

    assumes: ClassVar[frozenset[str]] = frozenset({"ignorability", "overlap", "enough-units"})

    trees: Annotated[int, Field(ge=8, le=10_000)] = 200
    "Trees of the forest, rounded up to a multiple of 4."
    min_leaf: Annotated[int, Field(ge=1)] = 10
    "Rows of a leaf at least."

    def average(self, part: Part, *, att: bool) -> Average:
        """The average effect of one item."""
        from econml.dml import CausalForestDML as Model

        model = Model(
            model_y=self.regressor(part.seed),
            model_t=self.classifier(part.seed),
            discrete_treatment=True,
            cv=part.splits(self.folds),
            n_estimators=-(-self.trees // 4) * 4,
            min_samples_leaf=self.min_leaf,
            drate=False,
            n_jobs=1,
            random_state=part.seed,
        )
        model.fit(part.y, part.t.astype(int), X=part.x, sample_weight=part.w, cache_values=True, inference=None)
        y_left, t_left = (np.ravel(left) for left in model.residuals_[:2])
        tau = np.ravel(model.model_cate.oob_predict(part.x))
        tau = np.where(np.isfinite(tau), tau, np.ravel(model.effect(part.x)))  # a row that every tree has seen
        e, mean = part.t - t_left, part.y - y_left
        return doubly_robust(part, e, mean - e * tau, mean + (1 - e) * tau, att=att, clip=self.clip)
