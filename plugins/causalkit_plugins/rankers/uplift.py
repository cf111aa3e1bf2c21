"""By what showing causes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from causalkit.components import Context, component
from causalkit.errors import UsageError
from causalkit.statistics import t_interval
from causalkit.types import EXCLUDED, Dataset, EffectFactors, Effects, Embeddings, Scores


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

    def alike(self, users: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.int64]:
        """A number for each user: those with the same number have the same scores."""
        return self.source_.alike(users)

    def vectors(
        self, users: Sequence[Any], items: Sequence[Any], *, context: Context = Context()
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
        """Vectors whose inner products are the scores, where the effects have factors and nothing overrides them.

        None where they do not say it all: with `confidence`, tables of pairs, or users who have segments instead.
        """
        effects = self.source_
        if effects.factors is None or self.confidence or len(effects.pair):
            return None
        found = _with_fallback(effects, effects.factors, users, items)
        if found is not None:
            found[1][pd.Index(items).isin(self.left_out_)] = np.nan
        return found


def _with_fallback(
    effects: Effects, factors: EffectFactors, users: Sequence[Any], items: Sequence[Any]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
    """The factors, and two more dimensions that give the item's effect where a user or an item has none.

    The first is for items without factors, whoever the user is; the second for the others, where the
    user has none. None where an item has factors but no effect of its own to fall back on.
    """
    rows, columns = factors.users.get_indexer(pd.Index(users)), factors.items.get_indexer(pd.Index(items))
    stranger, bare = rows < 0, columns < 0
    left = np.where(stranger[:, None], np.float32(0), factors.user_vectors[rows])
    right = np.where(bare[:, None], np.float32(0), factors.item_vectors[columns])
    if not (stranger.any() or bare.any()):
        return left, right
    own = effects.item["effect"].reindex(pd.Index(items)).to_numpy(np.float32)
    if len(effects.segment) or not np.isfinite(own[~bare]).all() or not np.isfinite(right).all():
        return None
    left = np.column_stack([left, np.ones(len(left)), stranger]).astype(np.float32)
    return left, np.column_stack([right, np.where(bare, own, 0), np.where(bare, 0, own)]).astype(np.float32)
