"""Uses a component for what its kind is for, so that checks can look at what that leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from causalkit.components import Context
from causalkit.errors import DataError
from causalkit.preparation import variables
from causalkit.testing.checks._inputs import inputs_of
from causalkit.testing.checks._logs import log
from causalkit.testing.checks._reference import LeastSquares
from causalkit.testing.checks._runs import RECORDS, RunLike
from causalkit.testing.checks._small_run import small_run
from causalkit.testing.kit import NotApplicable
from causalkit.types import Question

__all__ = ["ANSWER", "do", "questions"]

ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "relation": {"enum": ["causes", "is caused by", "neither"]},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["relation", "confidence"],
    "additionalProperties": False,
}
"""The schema that language models are asked under."""


def do(made: Any, kind: str, folder: Path, context: Context) -> None:
    """Call the methods of a component of `kind` on something small.

    Raises
    ------
    NotApplicable : it refuses the small log with a `DataError`, which is its right.
    """
    try:
        _USES[kind](made, folder, context)
    except DataError as error:
        raise NotApplicable(f"refuses the small log that it is tried on: {error.what}") from None


def questions() -> list[Question]:
    """Questions as discovery by a language model asks them."""
    pairs = [("rain", "wet streets"), ("wet streets", "umbrellas"), ("umbrellas", "rain"), ("ice cream", "rain")]
    return [Question(f"{a}|{b}", f"Does {a!r} cause {b!r}, or the reverse, or neither?") for a, b in pairs]


def _dataset(made: Any, folder: Path, context: Context) -> None:
    made.load(context=context)


def _encoder(made: Any, folder: Path, context: Context) -> None:
    inputs = inputs_of(made, folder)
    made.fit(list(inputs), context=context)
    made.encode(list(inputs), context=context)


def _discoverer(made: Any, folder: Path, context: Context) -> None:
    made.discover(variables(log().dataset).repeated(), None, context=context)


def _propensity(made: Any, folder: Path, context: Context) -> None:
    case = log()
    made.fit(case.dataset, context=context)
    made.predict(case.rows, context=context)


def _estimator(made: Any, folder: Path, context: Context) -> None:
    case = log()
    made.fit(case.dataset, case.estimand, case.embeddings, context=context)


def _refuter(made: Any, folder: Path, context: Context) -> None:
    case = log()
    estimator = LeastSquares().fit(case.dataset, case.estimand)
    made.check(case.dataset, case.estimand, estimator, context=context)


def _ranker(made: Any, folder: Path, context: Context) -> None:
    found = small_run()
    made.fit(found.outputs.training, found.effects, found.outputs.embeddings, context=context)
    made.scores(found.users, found.items, context=context)


def _explainer(made: Any, folder: Path, context: Context) -> None:
    found = small_run().outputs
    made.explain(found.ranking, found, context=context)


def _metric(made: Any, folder: Path, context: Context) -> None:
    found = small_run()
    made.measure(found.outputs, found.test, found.truth, context=context)


def _llm(made: Any, folder: Path, context: Context) -> None:
    made.ask(questions(), deepcopy(ANSWER), context=context)


def _executor(made: Any, folder: Path, context: Context) -> None:
    list(made.map(abs, [-1, 2, -3]))
    made.close()


def _tracker(made: Any, folder: Path, context: Context) -> None:
    run: Any = RunLike(folder / "runs")
    made.started(run)
    for record in RECORDS:
        made.step(run, record)
    made.finished(run.ended(small_run().outputs, RECORDS))


_USES: Mapping[str, Callable[[Any, Path, Context], None]] = {
    "dataset": _dataset,
    "encoder": _encoder,
    "discoverer": _discoverer,
    "propensity": _propensity,
    "estimator": _estimator,
    "refuter": _refuter,
    "ranker": _ranker,
    "explainer": _explainer,
    "metric": _metric,
    "llm": _llm,
    "executor": _executor,
    "tracker": _tracker,
}
