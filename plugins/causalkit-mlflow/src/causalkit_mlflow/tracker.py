"""A tracker that tells an MLflow server what a run does."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field

from causalkit import component
from causalkit.errors import ComponentError, InvalidParameter, Problem
from causalkit.types import StepRecord

from . import saying
from .process import Sender

__all__ = ["Mlflow"]


@component
class Mlflow:
    """An MLflow run for each run: parameters, tags, seconds, measurements, report, config and graph.

    The config's values become parameters, under dotted names; versions, hashes, the data's fingerprint and the seed
    become tags; each step's seconds and each measurement, with its interval and n, become metrics. A run that is
    taken up again goes on in the MLflow run it began.

    All of it is said by a process of its own, so that no server, however slow, delays a step; only the end of the run
    waits for it, for `wait` seconds at most. A server that is down, hangs or refuses fails nothing: what it did not
    take is told once, and lies in the run's folder. Sign-in is MLflow's own, from the environment
    (`MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`).
    """

    uri: str = ""
    "Server (`https://…`) or folder of files; empty: `MLFLOW_TRACKING_URI`, else the folder `mlruns` where you are."
    experiment: Annotated[str, Field(min_length=1)] = "causalkit"
    "The experiment that runs go to; it is made where there is none."
    artifacts: bool = True
    "Also send `report.html`, `config.yaml`, and the graph as GML and DOT."
    wait: Annotated[float, Field(gt=0, le=600)] = 10.0
    "Seconds that the end of a run waits at most until all is said."

    def __post_init__(self) -> None:
        """Refuse a password in a place that is shown and kept."""
        if urlsplit(self.uri).password:
            told = ": has a password in it; leave it out, and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            raise InvalidParameter("mlflow", [Problem("uri", told)])

    def started(self, run: Any) -> None:
        """Begin an MLflow run, or go on with the one that this run began."""
        self._said = False
        self._sender: Sender | None = Sender.begin(self.uri, self.experiment, self.wait)
        self._say(saying.start(run))

    def step(self, run: Any, record: StepRecord) -> None:
        """The step's seconds; where it failed, what went wrong."""
        self._say(saying.step(record))

    def finished(self, run: Any) -> None:
        """What was measured, the files, and how the run ended; waits until it is said.

        Raises
        ------
        ComponentError : not all was said, and why; once for a run.
        """
        self._say(saying.end(run, artifacts=self.artifacts))
        self._end_sender()

    def _say(self, message: dict[str, Any]) -> None:
        sender = getattr(self, "_sender", None)
        if sender is not None and not sender.say(message):
            self._end_sender()

    def _end_sender(self) -> None:
        """Wait for the sender, and tell once what it could not say."""
        sender, self._sender = getattr(self, "_sender", None), None
        fault = sender.end() if sender is not None else ""
        if fault and not self._said:
            self._said = True
            raise ComponentError(
                f"mlflow at {sender.place}: {fault}",  # type: ignore[union-attr]
                "The run goes on, and its folder has it all. Check the server, or leave this tracker out.",
            )
