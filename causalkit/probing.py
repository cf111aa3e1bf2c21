"""Does things with strangers' code in processes of their own, so that a crash, an exit or a hang takes nobody along.

Tasks go one by one to one process; it is only begun anew after a task with which it was lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

__all__ = ["Bench", "Outcome", "Task", "component_faults", "each"]

Task = tuple[str, tuple[Any, ...]]
"""A function as `"package.module:name"`, and its arguments; these and its result are what JSON holds."""
PATIENCE = 120.0
"""Seconds after which a task is given up, where nobody says otherwise."""
_TOLD = 200


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Parameters
    ----------
    value : what the function returned.
    fault : what it raised, or how its process ended; empty where it returned.
    printed : what was written to stdout meanwhile, by whatever means.
    lost : whether the process went with it.
    """

    value: Any = None
    fault: str = ""
    printed: str = ""
    lost: bool = False


class Bench:
    """Where tasks are done one after another; close it, or use it in a `with`.

    Parameters
    ----------
    timeout : seconds that each task is given.
    """

    def __init__(self, timeout: float = PATIENCE) -> None:
        self.timeout = timeout
        self._worker: _Worker | None = None

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def do(self, task: Task) -> Outcome:
        """What became of a task; what it does to its process is an outcome too."""
        self._worker = self._worker or _Worker()
        outcome = self._worker.do(task, self.timeout)
        if outcome.lost:
            self.close()
        return outcome

    def close(self) -> None:
        """End the process."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None


def each(tasks: Iterable[Task], timeout: float = PATIENCE) -> Iterator[Outcome]:
    """What becomes of tasks, in their order."""
    with Bench(timeout) as bench:
        for task in tasks:
            yield bench.do(task)


def component_faults(targets: Sequence[tuple[str, str]]) -> list[str]:
    """What goes wrong when each component, a kind and `"package.module:Class"`, is imported; empty if nothing."""
    outcomes = each([("causalkit.probe:look_at", (kind, target)) for kind, target in targets])
    return [
        found.fault or (f"prints when imported: {_short(found.printed)}" if found.printed else "") for found in outcomes
    ]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _TOLD else f"{line[: _TOLD - 1]}…")


class _Worker:
    """A process that does tasks, and what it says of them."""

    def __init__(self) -> None:
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "causalkit.probe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},  # it sees what we do
            start_new_session=True,  # Ctrl-C is ours; and it is killed with all that it starts
        )
        self.replies: queue.Queue[bytes] = queue.Queue()
        assert self.process.stdout is not None
        threading.Thread(target=_hand_on, args=(self.process.stdout, self.replies), daemon=True).start()

    def do(self, task: Task, timeout: float) -> Outcome:
        """What became of one task; the process is gone where the outcome says `lost`."""
        self._send(task)
        try:
            reply = self.replies.get(timeout=timeout)
        except queue.Empty:
            return Outcome(fault=f"it did not end within {timeout:g} s, and was stopped", lost=True)
        return Outcome(**json.loads(reply)) if reply else Outcome(fault=self._how_it_ended(), lost=True)

    def close(self) -> None:
        """Kill the process, whatever it does, with all that it has started."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        for stream in (self.process.stdin, self.process.stdout, self.said):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        self.process.wait()

    def _send(self, message: Any) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended; whoever waits for its reply finds out
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def _how_it_ended(self) -> str:
        code = self.process.wait(10)
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").strip().splitlines()
        fatal = [line for line in lines if line.startswith("Fatal Python error")]  # what follows is the stack
        last = f" It said: {(fatal or lines)[-1][:_TOLD]}" if lines else ""
        if code >= 0:
            return f"it ended the process with exit code {code}.{last}"
        name = signal.Signals(-code).name
        short = " The system does that when memory is short." if name == "SIGKILL" else ""
        return f"its process was killed by {name}.{short}{last}"


def _hand_on(stream: IO[bytes], replies: queue.Queue[bytes]) -> None:
    """Lines from the process, and an empty one at its end."""
    with contextlib.suppress(ValueError, OSError):  # closed by us
        for line in stream:
            replies.put(line)
    replies.put(b"")
