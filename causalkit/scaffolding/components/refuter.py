"""Software check: two random halves of a log say the same."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from causalkit.components import Context, Estimator, clone, component
from causalkit.estimation import unit_codes
from causalkit.statistics import benjamini_hochberg, t_interval, two_sided_p
from causalkit.types import Dataset, Estimand, Table, Verdicts


@component
class SplitHalves:
    """Refits on two random halves of the assignment units; their difference should be noise.

    It catches bugs, and errors that are too small. It cannot see confounding, which both halves share.
    """

    sort: ClassVar[Literal["software-check", "falsification"]] = "software-check"

    def check(
        self, dataset: Dataset, estimand: Estimand, estimator: Estimator, *, context: Context = Context()
    ) -> Verdicts:
        """Compare each item's raw effect in both halves; pooled over items, whose errors are taken as independent."""
        rows = dataset.interactions.frame()
        unit = unit_codes(rows, dataset.unit)[0] if dataset.unit else np.arange(len(rows))
        half = context.rng("halves").permutation(unit.max() + 1)[unit] % 2
        parts = [replace(dataset, interactions=Table(rows[half == side])) for side in (0, 1)]
        a, b = (clone(estimator).fit(part, estimand, context=context).effects_.item for part in parts)
        item = pd.DataFrame({"estimate": a["raw"] - b["raw"], "stderr": np.hypot(a["raw_stderr"], b["raw_stderr"])})
        item["p"] = two_sided_p(item["estimate"], item["stderr"])
        tested, rejected = int(item["p"].notna().sum()), int((item["p"] < 0.05).sum())
        mean, stderr = item["estimate"].mean(), np.sqrt((item["stderr"] ** 2).sum()) / max(tested, 1)
        lower, upper = t_interval(mean, stderr)
        found = float((benjamini_hochberg(item["p"]) < 0.05).sum())
        read = f"In {rejected} of {tested} items the halves differ by p < .05, where chance gives 1 in 20."
        tried = "Effects were estimated again in two random halves of the units."
        return Verdicts("split-halves", self.sort, tried, item, mean, lower, upper, rejected, tested, found, read)
