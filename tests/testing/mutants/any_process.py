"""Components that fail the checks of `checks.any_process`."""

from __future__ import annotations

import numpy as np
from causalkit_plugins.rankers.uplift import Uplift

from causalkit.components import Context, component
from tests.testing.mutants import Make


@component
class Hashed:
    """Counts words in buckets by `hash`, which is another in every process."""

    input = "texts"

    def fit(self, inputs, *, context=Context()):
        self.width_ = 32
        return self

    def encode(self, inputs, *, context=Context()):
        found = np.zeros((len(inputs), self.width_), np.float32)
        for row, text in zip(found, inputs, strict=True):
            for word in str(text).split():
                row[hash(word) % self.width_] += 1
        return found


@component
class KeyInTheConfig(Uplift):
    """Takes a key as a parameter."""

    api_key: str = ""
    "The key of a service."


HEALTHY: list[Make] = []

MUTANTS: dict[str, Make] = {
    "any/keys-are-no-parameters": lambda _: KeyInTheConfig(),
    "any/another-process-finds-the-same": lambda _: Hashed(),
}
