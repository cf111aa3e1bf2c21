"""A fresh process that imports a component's module, unpickles it and makes it anew; run by path, with `-P`.

Reads a JSON object from stdin, writes one to the file that it is given. It imports nothing of causalkit before the
component's module does, but for `causalkit.components`, so that what an import costs is the component's own.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Do the phases in turn; each says what it imported, printed and wrote, or how it failed."""
    asked = json.load(sys.stdin)
    import causalkit.components

    held: dict[str, Any] = {}

    def unpickle(name: str) -> None:
        held[name] = pickle.loads(base64.b64decode(asked[name]))  # noqa: S301 (it was pickled by whoever started this)

    phases: dict[str, Callable[[], Any]] = {
        "import": lambda: importlib.import_module(asked["module"]),
        "unpickle": lambda: unpickle("example"),
        "construct": lambda: causalkit.components.clone(held["example"]),
    }
    if asked.get("fitted"):
        phases["unpickle fitted"] = lambda: unpickle("fitted")
    report: dict[str, Any] = {name: _phase(run, asked["heavy"]) for name, run in phases.items()}
    if "example" in held:
        from causalkit.testing.checks._watching import learned, told

        report["params"] = json.loads(json.dumps(told(held["example"])))
        report["learned"] = learned(held["fitted"]) if "fitted" in held else []
    with open(asked["report"], "w", encoding="utf-8") as file:
        json.dump(report, file)


def _phase(run: Callable[[], Any], heavy: list[str]) -> dict[str, Any]:
    before, files = set(sys.modules), set(os.listdir())
    error = ""
    start = _printed_so_far()
    try:
        run()
    except BaseException as raised:  # SystemExit too: a stranger's module may do anything
        error = "".join(traceback.format_exception_only(raised)).strip()
    return {
        "error": error,
        "heavy": [name for name in heavy if name in sys.modules and name not in before],
        "printed": _printed_so_far() - start,
        "written": sorted(set(os.listdir()) - files),
    }


def _printed_so_far() -> int:
    """Bytes written to stdout and stderr, which whoever started this made files."""
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.suppress(OSError):
        return os.fstat(1).st_size + os.fstat(2).st_size
    return 0


if __name__ == "__main__":
    main()
