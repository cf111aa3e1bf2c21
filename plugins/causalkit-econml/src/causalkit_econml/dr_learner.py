"""EconML's doubly robust learner, averaged per item."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from causalkit import component

from ._average import Average, doubly_robust
from ._items import ItemByItem
from ._parts import Part

__all__ = ["DRLearner"]


@component
class DRLearner(ItemByItem):
    """Doubly robust learning (Kennedy 2023, arXiv 2004.14497; EconML's `LinearDRLearner`), averaged.

    EconML fits propensities, and outcomes of both arms, cross-fitted. The item's effect is the doubly robust average
    over all rows (`ate`, `cate`: EconML's own answer) or exposed ones (`att`). EconML's own errors take rows as
    independent; these follow the assignment unit.
    """

    assumes: ClassVar[frozenset[str]] = frozenset({"ignorability", "overlap", "enough-units"})

    def said(self) -> tuple[str, ...]:
        """Assumptions in words."""
        held = f"Propensities are held within [{self.clip:g}, {1 - self.clip:g}]."
        return "Either the propensity or the outcome model is right.", held

    def average(self, part: Part, *, att: bool) -> Average:
        """The average effect of one item."""
        from econml.dr import LinearDRLearner as Model

        splits, t = part.splits(self.folds), part.t.astype(int)
        model = Model(
            model_propensity=self.classifier(part.seed),
            model_regression=self.regressor(part.seed),
            min_propensity=self.clip,
            cv=splits,
            random_state=part.seed,
        )
        model.fit(part.y, t, X=part.x, sample_weight=part.w, inference=None)
        e, m0, m1 = (np.empty(len(t)) for _ in range(3))
        for (_, rows), exposed, outcome in zip(
            splits, model.models_propensity[0], model.models_regression[0], strict=True
        ):
            x = part.x[rows]
            e[rows] = exposed.predict_proba(x)[:, 1]
            m0[rows], m1[rows] = (np.ravel(outcome.predict(np.column_stack([x, np.full(len(x), k)]))) for k in (0.0, 1))
        return doubly_robust(part, e, m0, m1, att=att, clip=self.clip)
