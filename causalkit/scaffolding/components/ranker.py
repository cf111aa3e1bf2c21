"""By what showing causes, as far as that is sure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field

from causalkit.components import Context, component
from causalkit.errors import UsageError
from causalkit.types import EXCLUDED, Dataset, Effects, Embeddings, Scores


@component
class SureGain:
    """Ranks by effect less some standard errors, so that what is known badly comes late."""

    needs_rows: ClassVar[bool] = False

    errors: Annotated[float, Field(ge=0)] = 1.0
    "How many standard errors to take off the effect."

    def fit(
        self,
        dataset: Dataset,
        effects: Effects | None = None,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Self:
        """Keep the effects. Raises `UsageError` where there are none."""
        if effects is None:
            raise UsageError("this ranker needs effects, and there are none", "Add `estimate:` to the config.")
        self.source_ = effects
        self.unreadable_ = effects.item.index[effects.item["status"].isin(EXCLUDED)]
        return self

    def scores(self, users: Sequence[Any], items: Sequence[Any], *, context: Context = Context()) -> Scores:
        """Scores `[users, items]` in outcome units per row unit; NaN where the effect cannot be read."""
        effect, stderr, _ = self.source_.matrix(users, items)
        values = np.where(pd.Index(items).isin(self.unreadable_), np.nan, effect - self.errors * stderr)
        return Scores(users, items, values)
