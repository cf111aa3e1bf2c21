"""Discounted planted effect of the whole ranking."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import Dataset, Measurement, Outputs, Truth

from ._lists import Floats, discounts, top
from ._planted import measured_against_truth


@component
class CDCG:
    """CDCG: a user's planted effects, each discounted by 1 / log2(rank + 1), summed over the ranking.

    From Sato et al. 2020 (arXiv 2008.04563). Items scored NaN are not ranked and add nothing. Ties go
    to the earlier item. The interval is Student's over users.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"scores", "truth"})

    k: Annotated[int, Field(ge=1)] | None = None
    "Only the k best items; absent, all of them."

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The mean over all users of the log; NaN with a note where pair effects are not planted."""
        name = f"cdcg@{self.k}" if self.k else "cdcg"
        return measured_against_truth(name, outputs, test, truth, self._score, context)

    def _score(self, scores: Floats, planted: Floats) -> Floats:
        gains = top(scores, planted, self.k)
        return np.asarray(gains @ discounts(gains.shape[1]))
