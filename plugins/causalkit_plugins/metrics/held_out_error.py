"""How far claimed effects are from held-out ones, the held-out noise taken off."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from causalkit.components import Context, Estimator, component
from causalkit.types import EXCLUDED, Dataset, Measurement, Outputs, Truth

from ._held_out import HeldOut, held_out

Floats = npt.NDArray[np.float64]


@component
class HeldOutError:
    """The error of claimed effects, in outcome units: root of `sum w ((claimed − held out)² − stderr²) / sum w`.

    Over all items that could be ranked and have a raw estimate on held-out rows, with `w = 1 / stderr²`
    of the held-out one. A held-out effect errs too; as its noise is independent of the claim, the
    expected square is the claim's own squared error plus `stderr²`, which is taken off. A negative
    difference (less error than noise can tell) gives 0. The interval is of the percentiles of items
    redrawn; items are taken as independent. `note` gives the squares before and after, and predicted
    items beside estimated ones; `details` has columns item, claimed, held_out, stderr, status.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"effects"})

    estimator: Estimator | None = None
    "Refitted on the held-out rows; absent, an unfitted clone of the run's own."
    resamples: Annotated[int, Field(ge=20)] = 1000
    "Draws of items for the interval."
    min_items: Annotated[int, Field(ge=2)] = 5
    "Fewer items than this with both effects: no error."

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The error with its interval; NaN with a note where too few items can be compared."""
        name = "held-out-error"
        if outputs.effects is None:
            return Measurement(name, float("nan"), note="there are no effects")
        found = held_out(outputs, test, self.estimator, 0, context)
        if found.problem:
            return Measurement(name, float("nan"), note=found.problem)
        details = _compared(outputs, found)
        if len(details) < self.min_items:
            note = f"{len(details)} items have both a claimed and a held-out effect; {self.min_items} are needed"
            return Measurement(name, float("nan"), n=len(details), note=note, details=details)
        draws = context.rng("items").multinomial(len(details), np.full(len(details), 1 / len(details)), self.resamples)
        low, high = np.quantile(_root(_excess(details, draws)), [0.025, 0.975])
        value = float(_root(_excess(details, np.ones((1, len(details)))))[0])
        return Measurement(name, value, float(low), float(high), len(details), note=_note(details), details=details)


def _compared(outputs: Outputs, found: HeldOut) -> pd.DataFrame:
    """Ranked items with a claimed and a held-out effect."""
    assert outputs.effects is not None
    item = outputs.effects.item
    ranked = item[~item["status"].isin(EXCLUDED)]
    table = pd.DataFrame(
        {
            "item": ranked.index,
            "claimed": ranked["effect"].to_numpy(float),
            "held_out": found.raw.reindex(ranked.index).to_numpy(float),
            "stderr": found.stderr.reindex(ranked.index).to_numpy(float),
            "status": ranked["status"].to_numpy(),
        }
    )
    numbers = table[["claimed", "held_out", "stderr"]].to_numpy()
    return table[np.isfinite(numbers).all(1) & (numbers[:, 2] > 0)].reset_index(drop=True)


def _excess(details: pd.DataFrame, counts: npt.NDArray[Any]) -> Floats:
    """Mean squared difference minus noise, by precision, for each draw of `counts` `[draws, items]`."""
    weight = 1 / details["stderr"].to_numpy(float) ** 2
    square = (details["claimed"] - details["held_out"]).to_numpy(float) ** 2
    return np.asarray(counts @ (weight * square - 1) / (counts @ weight))


def _root(squares: Floats) -> Floats:
    return np.sqrt(np.maximum(squares, 0))


def _note(details: pd.DataFrame) -> str:
    """Squares before and after the noise is taken off, for all items and by status."""
    said = []
    for status, group in [("all", details), *details.groupby("status", sort=True)]:
        after = float(_excess(group, np.ones((1, len(group))))[0])
        noise = len(group) / float((1 / group["stderr"] ** 2).sum())
        said.append(f"{status} ({len(group)}): {after + noise:.3g} of which noise {noise:.3g}")
    return f"weighted mean squared difference; {'; '.join(said)}"
