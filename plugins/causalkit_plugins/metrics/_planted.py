"""What causal ranking metrics share: each user's list scored against the planted effects of pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from causalkit.components import Context
from causalkit.types import Dataset, Measurement, Outputs, Truth

from ._lists import BLOCK, Floats, average


def measured_against_truth(
    name: str,
    outputs: Outputs,
    test: Dataset,
    truth: Truth | None,
    score: Callable[[Floats, Floats], Floats],
    context: Context,
) -> Measurement:
    """The average over all users of `score(scores, planted effects)`."""
    if truth is None or truth.pair is None:
        return Measurement(name, float("nan"), note="the effects of pairs are not planted in this log")
    if outputs.scores is None:
        return Measurement(name, float("nan"), note="there is no ranker")
    users = [user for user in (test.users.index if len(test.users) else truth.pair.users) if user in truth.pair.users]
    items = list(test.items.index)
    values = np.empty(len(users))
    for start in context.track(range(0, len(users), BLOCK), "measuring lists"):
        part = users[start : start + BLOCK]
        planted = np.nan_to_num(truth.pair.at(part, items).astype(float))
        scores = np.asarray(outputs.scores(part, items).values, float)
        values[start : start + len(part)] = score(scores, planted)
    return average(name, values, note="exact against planted effects; the interval is over users")
