"""What user vectors are worth where users' taste, which no column holds, decides what they buy.

    python benchmarks/encoders/tastes.py [--quick] [--json] [--save]

Two weeks of discovery rows and two of training rows; `regression` of the training rows, with and without vectors of
`behaviour` as covariates, made of discovery rows or of the training rows themselves (decision 9). Exposure is at
random, or follows taste. Intervals are over drawn worlds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from _table import Row, holds, main
from causalkit_plugins.encoders.behaviour import Behaviour
from taste_world import TasteWorld, bias, taste_world

from causalkit import preparation
from causalkit.config import SplitPlan
from causalkit.statistics import t_interval
from causalkit.steps.histories import histories_of
from causalkit.types import Dataset, EmbeddingTable, Split

WORLDS = {"shown at random": 0.0, "shown by taste": 1.2}


def measure(quick: bool) -> Iterator[Row]:
    for what, pull in WORLDS.items():
        made = [_errors(taste_world(seed, 1500, weeks=4, pull=pull)) for seed in range(3 if quick else 10)]
        effect, plain, discovery, training = np.array(made).T
        yield Row(f"{what}: planted effect, mean of {len(made)} worlds", round(float(effect.mean()), 3))
        yield Row(f"{what}: error of effects, nothing adjusted for", _told(plain))
        yield Row(f"{what}: error of effects, vectors of discovery rows", _told(discovery))
        yield Row(f"{what}: error of effects, vectors of training rows", _told(training))
        away = discovery - plain
        if pull:
            goal, met = "interval below 0", _interval(away)[1] < 0
        else:
            goal, met = "interval within -.01 to .01", max(map(abs, _interval(away))) <= 0.01
        yield holds(f"{what}: what vectors of discovery rows change", _told(away), goal, met, judged=not quick)
        yield Row(f"{what}: what vectors of training rows change", _told(training - plain))


def _errors(world: TasteWorld) -> tuple[float, float, float, float]:
    """The planted effect, and the mean error unadjusted, with vectors of discovery, and of training rows."""
    dataset, split = preparation.split(world.dataset, SplitPlan(weeks=2, pattern="DE"))
    rows = split.take(dataset, "training")
    own = replace(split, parts={"training": split.parts["training"]})
    vectors = (None, _vectors(world, dataset, split), _vectors(world, dataset, own))
    plain, discovery, training = (bias(world, rows, users) for users in vectors)
    return float(world.effects.mean()), plain, discovery, training


def _vectors(world: TasteWorld, dataset: Dataset, split: Split) -> EmbeddingTable:
    ids, histories, _ = histories_of(dataset, split, world.items)
    return EmbeddingTable(ids, Behaviour().fit(histories).encode(histories), "behaviour")


def _interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    stderr = values.std(ddof=1) / np.sqrt(len(values))
    lower, upper = t_interval(values.mean(), stderr, len(values) - 1)
    return float(lower), float(upper)


def _told(values: npt.NDArray[np.float64]) -> str:
    lower, upper = _interval(values)
    return f"{values.mean():.3f} ({lower:.3f} to {upper:.3f})"


if __name__ == "__main__":
    main("encoders-tastes", measure, packages=("numpy", "pandas"))
