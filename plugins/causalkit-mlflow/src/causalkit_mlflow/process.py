"""The process that talks to MLflow, as the tracker sees it: messages in, one answer out, ended in bounded time."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import weakref
from dataclasses import dataclass
from typing import Any

__all__ = ["DEFAULT_FOLDER", "Sender"]

DEFAULT_FOLDER = "mlruns"
_GOODBYE = 2.0
"""Seconds that a sender has to say that its run was killed, when nobody ends it."""


@dataclass
class Sender:
    """A process under way; `place` is where it writes to, for messages."""

    process: subprocess.Popen[bytes]
    place: str
    wait: float

    @classmethod
    def begin(cls, uri: str, experiment: str, wait: float) -> Sender:
        """Start it; it reads messages, a line of JSON each, until its input ends.

        MLflow's own settings in the environment hold; where there are none, telemetry is off, its folder of files
        is allowed (MLflow 3.17 asks for that), and a failing request is repeated twice.
        """
        place = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_FOLDER
        quiet = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, round(wait))),
            "GIT_PYTHON_REFRESH": "quiet",
        }
        process = subprocess.Popen(  # noqa: S603 (our own interpreter and module; -P: nothing of the working folder)
            [sys.executable, "-P", "-m", "causalkit_mlflow.sending", place, experiment],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=quiet | os.environ,
            start_new_session=True,  # an interrupt at the keyboard is for the run, which then tells how it ended
        )
        os.set_blocking(process.stdin.fileno(), False)  # type: ignore[union-attr]
        made = cls(process, _without_password(place), wait)
        weakref.finalize(made, _abandon, process)
        return made

    def say(self, message: dict[str, Any]) -> bool:
        """Hand on a message, never waiting; whether the process took it."""
        line = json.dumps(message, ensure_ascii=True).encode() + b"\n"
        try:
            return self.process.poll() is None and os.write(self.process.stdin.fileno(), line) == len(line)  # type: ignore[union-attr]
        except OSError:
            return False

    def end(self) -> str:
        """Let it finish, for `wait` seconds at most; what went wrong, or an empty string."""
        try:
            told, _ = self.process.communicate(timeout=self.wait)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return f"did not take what it was told within {self.wait:g} s"
        if self.process.returncode == 0:
            return ""
        return told.decode("utf-8", "replace").strip() or f"its process ended with code {self.process.returncode}"


def _abandon(process: subprocess.Popen[bytes]) -> None:
    """End a process that nobody ended: its input ends, and it tells that the run was killed."""
    if process.returncode is None:
        with contextlib.suppress(subprocess.TimeoutExpired, OSError, ValueError):
            process.communicate(timeout=_GOODBYE)
        if process.poll() is None:
            process.kill()
            process.communicate()


def _without_password(uri: str) -> str:
    head, at, rest = uri.rpartition("@")
    scheme, slashes, _ = head.partition("://")
    return f"{scheme}{slashes}…@{rest}" if at and slashes else uri
