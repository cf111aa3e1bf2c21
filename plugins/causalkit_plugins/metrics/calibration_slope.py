"""Held-out effects regressed on the claimed ones."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from causalkit.components import Context, Estimator, component
from causalkit.types import EXCLUDED, Dataset, Measurement, Outputs, Truth

from ._held_out import HeldOut, held_out
from ._slope import listable, measured_slope

Floats = npt.NDArray[np.float64]


@component
class CalibrationSlope:
    """The slope, with an intercept, of raw held-out effects on claimed ones, by inverse variance.

    Over all items that the ranker may list, with a claimed effect and a status that is not excluded.
    1: a unit more claimed is a unit more had; below 1: claims are spread too far (the winner's curse);
    above 1: shrunk too far; 0: the order is noise. Where assignment units are periods, the interval
    is Student's with the spread over redrawn held-out periods; where exposure varies by user, its
    error is robust over items (HC1; White 1980). `details` has columns item, claimed, held_out, stderr.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"effects"})

    estimator: Estimator | None = None
    "Refitted on the held-out rows; absent, an unfitted clone of the run's own."
    resamples: Annotated[int, Field(ge=0)] = 200
    "Draws of held-out periods for the interval; 0: items' errors taken as independent."
    min_items: Annotated[int, Field(ge=3)] = 5
    "Fewer items than this with both effects: no slope."

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The slope with its interval; NaN with a note where too few items can be compared."""
        name = "calibration-slope"
        if outputs.effects is None:
            return Measurement(name, float("nan"), note="there are no effects")
        found = held_out(outputs, test, self.estimator, self.resamples, context)
        if found.problem:
            return Measurement(name, float("nan"), note=found.problem)
        details = _compared(outputs, found)
        place = found.raw.index.get_indexer(pd.Index(details["item"]))
        draws = found.draws[:, place] if found.draws is not None else None
        return measured_slope(name, details, draws, found, self.min_items)


def _compared(outputs: Outputs, found: HeldOut) -> pd.DataFrame:
    assert outputs.effects is not None
    item = outputs.effects.item
    claims = ~item["status"].isin(EXCLUDED) & np.isfinite(item["effect"].astype(float))
    ranked = item[claims & listable(outputs, item.index)]
    return pd.DataFrame(
        {
            "item": ranked.index,
            "claimed": ranked["effect"].to_numpy(float),
            "held_out": found.raw.reindex(ranked.index).to_numpy(float),
            "stderr": found.stderr.reindex(ranked.index).to_numpy(float),
        }
    )
