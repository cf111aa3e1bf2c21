"""By what showing causes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from causalkit.components import Context, component
from causalkit.errors import UsageError
from causalkit.statistics import t_interval
from causalkit.types import EXCLUDED, Dataset, Effects, Embeddings, Scores


@component
class Uplift:
    """Ranks by estimated effect: the pair's where there is one, else the segment's, else the item's.

    Items whose effect cannot be read (their status is one of `causalkit.types.EXCLUDED`) score NaN:
    they are not recommended.
    """

    needs_rows: ClassVar[bool] = False

    confidence: Annotated[float, Field(ge=0, lt=1)] = 0.0
    "0 ranks by the effect; .95 by the lower limit of its 95 % interval, which prefers what is known well."
    predicted: bool = True
    "Whether items that were never exposed, whose effect is only predicted from similar ones, take part."

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Uplift:
        """Keep the effects. Raises `UsageError` without any."""
        if effects is None:
            raise UsageError("uplift ranks by effects, and there are none", "Add `estimate:`, or rank by popularity.")
        out = EXCLUDED if self.predicted else EXCLUDED | {"predicted"}
        status = effects.item["status"]
        self.left_out_ = status[status.isin(out)].index
        self.source_ = effects
        return self

    def scores(self, users: Sequence[Any], items: Sequence[Any], *, context: Context = Context()) -> Scores:
        """Effects, or their lower limits, `[users, items]`; NaN for items left out or unknown."""
        effect, stderr, _ = self.source_.matrix(users, items)
        values = t_interval(effect, stderr, coverage=self.confidence)[0] if self.confidence else effect
        values = np.where(pd.Index(items).isin(self.left_out_)[None, :], np.nan, values)
        return Scores(users, items, values)
