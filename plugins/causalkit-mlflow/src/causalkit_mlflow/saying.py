"""What is said of a run, as plain JSON: params, tags, metrics, files and texts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from causalkit.types import Measurement, StepRecord

__all__ = ["end", "flattened", "start", "step"]

_FILES = ("report.html", "config.yaml", "manifest.json")
_STATUS = {"done": "FINISHED", "failed": "FAILED"}
_NOT_IN_NAMES = re.compile(r"[^\w\-. /:]")
LONGEST_NAME, LONGEST_VALUE = 250, 6000
"""What MLflow takes of a name, and of a parameter's value."""

Message = dict[str, Any]


def start(run: Any) -> Message:
    """The config's values, and what the run says of itself."""
    said = run.result
    tags = {
        "causalkit.run": run.id,
        "causalkit.folder": str(run.path.resolve()),
        "causalkit.config_hash": said.config_hash,
        "causalkit.seed": said.seed,
        "mlflow.source.name": "causalkit",
        "mlflow.source.type": "JOB",
    }
    versions = {f"version.{name}": told for name, told in said.versions.items()}
    return {"run": run.id, "params": flattened(said.config), "tags": _tags(tags | versions)}


def step(record: StepRecord) -> Message:
    """A step's seconds; what went wrong in one that failed."""
    if record.status == "skipped":
        return {}
    said: Message = {"metrics": {f"seconds/{record.step}": float(record.seconds)}}
    if record.message:
        said["tags"] = _tags({f"causalkit.{record.status}.{record.step}": record.message})
    return said


def end(run: Any, *, artifacts: bool) -> Message:
    """What was measured, the files, and how the run ended."""
    facts = {"causalkit.status": run.status, "causalkit.data_fingerprint": run.result.data_fingerprint}
    said: Message = {
        "tags": _tags(facts),
        "metrics": dict(pair for found in run.measurements for pair in _measured(found)),
        "status": _STATUS.get(run.status, "KILLED"),
    }
    if artifacts:
        said["files"] = [str(path.resolve()) for name in _FILES if (path := run.path / name).is_file()]
        if run.graph is not None:
            said["texts"] = {"graph.gml": run.graph.to_gml(), "graph.dot": run.graph.to_dot()}
    return said


def flattened(value: Any, name: str = "") -> dict[str, str]:
    """Dotted names of a nested config, and their values as text; lists of plain values stay whole.

    >>> flattened({"estimate": {"folds": 5, "trim": [0.1, 0.9]}, "refute": [{"use": "permutation"}]})
    {'estimate.folds': '5', 'estimate.trim': '[0.1, 0.9]', 'refute.0.use': 'permutation'}
    """
    if isinstance(value, Mapping) and value:
        inner: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, list | tuple) and any(isinstance(part, Mapping | list | tuple) for part in value):
        inner = iter(enumerate(value))
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
        return {_name(name): text[:LONGEST_VALUE]}
    found: dict[str, str] = {}
    for key, part in inner:
        found |= flattened(part, f"{name}.{key}" if name else str(key))
    return found


def _measured(found: Measurement) -> Iterator[tuple[str, float]]:
    """`name/of/on`, and with `.lower`, `.upper` and `.n` its interval and n; what is not finite is left out."""
    name = "/".join(part for part in (found.name, found.of, found.on) if part)
    for more, value in (("", found.value), (".lower", found.lower), (".upper", found.upper), (".n", found.n)):
        if math.isfinite(value):
            yield _name(name + more), float(value)


def _tags(facts: Mapping[str, Any]) -> dict[str, str]:
    return {_name(name): str(told)[:LONGEST_VALUE] for name, told in facts.items() if told not in (None, "")}


def _name(text: str) -> str:
    """A name that MLflow takes: `held-out-effect@10` becomes `held-out-effect at 10`."""
    return _NOT_IN_NAMES.sub("_", text.replace("@", " at "))[:LONGEST_NAME]
