"""Effect of the top items, estimated afresh on held-out rows."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from causalkit.components import Context, Estimator, component
from causalkit.statistics import t_interval
from causalkit.types import Dataset, Measurement, Outputs, Truth

from ._held_out import HeldOut, held_out, spread


@component
class HeldOutEffect:
    """The mean raw effect, on held-out rows, of the k best items of the overall list.

    A plain mean: what one slot gets on average, in outcome units per row unit. What was claimed for the
    same items stands beside it in the note and, item by item, in `details` (columns item, claimed,
    held_out, stderr). Items without a held-out estimate are left out and counted. Where assignment
    units are periods, the interval is Student's with the spread over redrawn periods; where exposure
    varies by user, items' errors are taken as independent.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"effects", "ranking"})

    k: Annotated[int, Field(ge=1)] | None = 10
    "How many items from the top; none: the whole overall list."
    estimator: Estimator | None = None
    "Refitted on the held-out rows; absent, an unfitted clone of the run's own."
    resamples: Annotated[int, Field(ge=0)] = 200
    "Draws of held-out periods for the interval; 0: items' errors taken as independent."

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The mean with its interval; NaN with a note where no listed item can be estimated."""
        name = f"held-out-effect@{self.k}" if self.k else "held-out-effect"
        if outputs.ranking is None:
            return Measurement(name, float("nan"), note="there is no ranking")
        listed = outputs.ranking.overall.head(self.k or len(outputs.ranking.overall))
        found = held_out(outputs, test, self.estimator, self.resamples, context)
        if found.problem:
            return Measurement(name, float("nan"), note=found.problem)
        details = pd.DataFrame(
            {
                "item": listed["item"].to_numpy(),
                "claimed": listed["effect"].to_numpy(float),
                "held_out": found.raw.reindex(listed["item"]).to_numpy(float),
                "stderr": found.stderr.reindex(listed["item"]).to_numpy(float),
            }
        )
        return _measurement(name, details, found)


def _measurement(name: str, details: pd.DataFrame, found: HeldOut) -> Measurement:
    known = details.dropna(subset=["held_out", "stderr"])
    n = len(known)
    if n == 0:
        note = f"none of the {len(details)} listed items can be estimated on held-out rows"
        return Measurement(name, float("nan"), note=note, details=details)
    value = float(known["held_out"].mean())
    if found.draws is None:
        stderr, df = float(np.sqrt((known["stderr"] ** 2).sum()) / n), np.inf
    else:
        place = found.raw.index.get_indexer(pd.Index(known["item"]))
        means = _means(found.draws[:, place])
        stderr, df = spread(means, found.periods), found.periods - 1
    lower, upper = t_interval(value, stderr, df)
    claimed = known["claimed"].mean()
    told = f"claimed {claimed:.4g}; {n} of {len(details)} listed items estimable; {found.how}"
    return Measurement(name, value, float(lower), float(upper), n, note=told, details=details)


def _means(draws: np.ndarray) -> np.ndarray:
    """Each draw's mean over its known items; NaN where fewer than half are known."""
    known = np.isfinite(draws)
    count = known.sum(1)
    total = np.where(known, draws, 0).sum(1)
    return np.where(2 * count >= draws.shape[1], total / np.maximum(count, 1), np.nan)
