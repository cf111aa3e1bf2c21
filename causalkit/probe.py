"""The process in which `causalkit.probing` lets strangers' code run: `python -m causalkit.probe`."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import queue
import sys
import tempfile
import threading
from importlib import import_module
from typing import IO, Any

from causalkit.isolation import StrayError, contained

__all__ = ["HEAVY", "imported", "look_at", "main"]

HEAVY = (
    "torch", "tensorflow", "jax", "transformers", "sentence_transformers", "sklearn", "scipy", "statsmodels", "dowhy",
    "econml", "causallearn", "causalml", "mlflow", "wandb", "matplotlib", "seaborn", "plotly", "xgboost", "lightgbm",
    "catboost", "numba", "ray", "dask", "polars", "openai",
)  # fmt: skip
"""Libraries that take a second or more to import, or bring such as do."""


def main() -> None:
    """Read tasks from stdin and write what became of them to stdout, a line of JSON each, until stdin ends.

    For the tasks, stdin is empty and stdout a file that is looked at after each.
    """
    faulthandler.enable()
    _offer_to_be_killed_first()
    asked, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 1)
        tasks: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_listen, args=(asked, tasks), daemon=True).start()
        while True:
            name, arguments = json.loads(tasks.get())
            replies.write(json.dumps({**_done(name, arguments), "printed": _new(noise)}) + "\n")
            replies.flush()


def look_at(kind: str, target: str) -> None:
    """Import a component and have its parameters' schema; raises what is wrong with it."""
    from causalkit.components import KINDS
    from causalkit.errors import ComponentError
    from causalkit.parameters import json_schema

    cls = imported(target)
    if not (isinstance(cls, type) and hasattr(cls, "get_params")):
        raise ComponentError(f"{target} is not a class under @component")
    lacking = [name for name in KINDS[kind].methods if not callable(getattr(cls, name, None))]
    if lacking:
        raise ComponentError(f"it has no method {lacking[0]!r}, which its kind needs")
    json_schema(cls)


def imported(place: str) -> Any:
    """What is at `"package.module:name"`."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _done(name: str, arguments: Any) -> dict[str, Any]:
    try:
        with contained():
            return {"value": imported(name)(*arguments)}
    except StrayError as error:
        return {"fault": str(error)}


def _new(noise: IO[bytes]) -> str:
    """What was printed since this was last asked."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # a stranger may have replaced it
        sys.stdout.flush()
    noise.seek(0)
    text = noise.read().decode(errors="replace")
    noise.seek(0)
    noise.truncate()
    return text


def _listen(asked: IO[bytes], tasks: queue.Queue[bytes]) -> None:
    """Hand on tasks; where whoever asks has gone, nothing is computed for nobody."""
    for line in asked:
        tasks.put(line)
    os._exit(0)


def _offer_to_be_killed_first() -> None:
    """Where memory runs out, the system should take this process and not the one that waits for it."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


if __name__ == "__main__":
    main()
