"""Events of runs as JSON lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from causalkit.components import component
from causalkit.types import StepRecord


@component
class Jsonl:
    """Appends one JSON object per event to a file of your choice; each line is written whole.

    Keys: `time` (UTC), `event` (`started`, `step`, `finished`), `run` (its folder), `status`, and for
    steps `step`, `seconds`, `component` and `message`.
    """

    path: str
    "The file; it is made, with its folders, when the first event comes, and never emptied."

    def started(self, run: Any) -> None:
        """The run folder is there."""
        self._write("started", run, {})

    def step(self, run: Any, record: StepRecord) -> None:
        """A step ended."""
        said = {name: getattr(record, name) for name in ("step", "status", "seconds", "component", "message")}
        self._write("step", run, said)

    def finished(self, run: Any) -> None:
        """The run ended."""
        self._write("finished", run, {"status": str(getattr(run, "status", ""))})

    def _write(self, event: str, run: Any, more: dict[str, Any]) -> None:
        line = {"time": datetime.now(UTC).isoformat(), "event": event, "run": str(getattr(run, "path", "")), **more}
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
