"""Uses a component for what its kind is for, so that checks can look at what that leaves behind."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from causalkit.components import Context
from causalkit.errors import DataError
from causalkit.preparation import variables
from causalkit.testing.checks._logs import log
from causalkit.testing.checks._reference import LeastSquares
from causalkit.testing.checks._runs import RECORDS, RunLike
from causalkit.testing.checks._small_run import small_run
from causalkit.testing.kit import NotApplicable
from causalkit.testing.worlds import text_world
from causalkit.types import Question

__all__ = ["ANSWER", "do", "inputs_of", "questions"]

_HISTORIES = tuple(tuple(f"item-{k % 7}" for k in range(first, first + 1 + first % 4)) for first in range(24))

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


def inputs_of(encoder: Any, folder: Path) -> Sequence[Any]:
    """What an encoder of its `input` is given to try."""
    named = getattr(encoder, "input", "texts")
    if named == "images":
        return [_image(folder / f"{shade}.png", shade) for shade in range(0, 240, 10)]
    return _HISTORIES if named == "histories" else text_world("matters").texts[:24]


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
    made.discover(variables(log().dataset), None, context=context)


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


def _image(path: Path, shade: int, side: int = 8) -> str:
    """A grey square as PNG; its path."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes([shade]) * side) * side)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return str(path)
