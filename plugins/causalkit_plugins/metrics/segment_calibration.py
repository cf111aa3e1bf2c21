"""Do the effects claimed per segment hold on held-out rows?"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from causalkit.components import Context, Estimator, component
from causalkit.types import EXCLUDED, Dataset, Measurement, Outputs, Truth

from ._held_out import HeldOut, held_out, rows_of
from ._slope import listable, measured_slope

Floats = npt.NDArray[np.float64]


@component
class SegmentCalibration:
    """The slope of raw held-out effects on claimed ones, over segments × items, by inverse variance.

    Lists per segment and per user stand on these claims, as `calibration-slope` does for the list for
    everybody; the same slope, read from the held-out rows of one segment at a time. All segments redraw
    the same periods, since what happened in a period happened to all of them.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"effects"})

    estimator: Estimator | None = None
    "Refitted on each segment's held-out rows; absent, an unfitted clone of the run's own."
    resamples: Annotated[int, Field(ge=0)] = 24
    "Draws of held-out periods for the interval; 0: errors taken as independent."
    min_items: Annotated[int, Field(ge=3)] = 20
    "Fewer segment × item pairs than this with both effects: no slope."

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The slope with its interval; NaN with a note where the run claims nothing per segment."""
        name, column = "segment-calibration", test.segment
        if outputs.effects is None or outputs.effects.segment.empty or column is None:
            return Measurement(name, float("nan"), note="no effects are claimed per segment of the rows")
        claims = _listed(outputs).groupby("segment", observed=True, sort=True)
        read: list[tuple[pd.DataFrame, HeldOut]] = []
        for segment, claimed in context.track(list(claims), "segments", claims.ngroups):
            rows = rows_of(test, column, segment)
            found = held_out(outputs, rows, self.estimator, self.resamples, replace(context, progress=None))
            if not found.problem:
                read.append((claimed, found))
        redrawn = any(found.draws is not None for _, found in read)
        kept = [(claimed, found) for claimed, found in read if not redrawn or found.draws is not None]
        if not kept:
            return Measurement(name, float("nan"), note="no segment has held-out rows that can be estimated")
        details = pd.concat([_compared(claimed, found) for claimed, found in kept], ignore_index=True)
        draws = np.concatenate([_at(found, claimed) for claimed, found in kept], axis=1) if redrawn else None
        return measured_slope(name, details, draws, kept[-1][1], self.min_items, "listed segment × item pairs")


def _listed(outputs: Outputs) -> pd.DataFrame:
    """Claims per segment of items that the ranker may list."""
    assert outputs.effects is not None
    item = outputs.effects.item
    kept = item.index[~item["status"].isin(EXCLUDED) & listable(outputs, item.index)]
    claims = outputs.effects.segment
    return claims[claims["item"].isin(kept) & claims["effect"].notna()]


def _compared(claimed: pd.DataFrame, found: HeldOut) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item": claimed["item"].to_numpy(),
            "segment": claimed["segment"].to_numpy(),
            "claimed": claimed["effect"].to_numpy(float),
            "held_out": found.raw.reindex(claimed["item"]).to_numpy(float),
            "stderr": found.stderr.reindex(claimed["item"]).to_numpy(float),
        }
    )


def _at(found: HeldOut, claimed: pd.DataFrame) -> Floats:
    """The draws of the claimed items; NaN for an item without held-out rows."""
    assert found.draws is not None
    place = found.raw.index.get_indexer(pd.Index(claimed["item"]))
    return np.where(place >= 0, found.draws[:, place], np.nan)
