"""The process that talks to MLflow: `python -m causalkit_mlflow.sending URI EXPERIMENT`, messages on stdin.

Its last word on stdout is what went wrong, with exit code 1; nothing is said where all went well. Input that ends
before a message has said how the run ended means that the run was killed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["main"]

_BATCH = 100
"""Params and tags that MLflow takes at once."""


def main(uri: str, experiment: str) -> int:
    """Say each message of stdin to the server; the exit code."""
    answer, sys.stdout = sys.stdout, sys.stderr  # MLflow prints
    try:
        _say_all(uri, experiment, (json.loads(line) for line in sys.stdin.buffer))
    except Exception as error:  # whatever a server, a proxy or a disk may do
        answer.write(_first_line(error))
        return 1
    return 0


def _say_all(uri: str, experiment: str, messages: Iterable[Mapping[str, Any]]) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    run, ended = "", False
    for message in messages:
        if "run" in message:
            run = _taken_up(client, experiment, message["run"])
        try:
            _log(client, run, message)
            _send_files(client, run, message)
        finally:  # where files cannot be sent, how it ended is said all the same
            if "status" in message:
                client.set_terminated(run, message["status"])
                ended = True
    if run and not ended:
        client.set_terminated(run, "KILLED")


def _taken_up(client: MlflowClient, experiment: str, name: str) -> str:
    """The id of the MLflow run that this run began earlier, else of a new one."""
    known = client.get_experiment_by_name(experiment)
    place = client.create_experiment(experiment) if known is None else known.experiment_id
    earlier = client.search_runs([place], f"tags.`causalkit.run` = '{name}'", max_results=1)
    if earlier:
        found = str(earlier[0].info.run_id)
        client.update_run(found, status="RUNNING")
        return found
    return str(client.create_run(place, run_name=name, tags={"causalkit.run": name}).info.run_id)


def _log(client: MlflowClient, run: str, message: Mapping[str, Any]) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    params = [Param(name, value) for name, value in message.get("params", {}).items()]
    tags = [RunTag(name, value) for name, value in message.get("tags", {}).items()]
    metrics = [Metric(name, value, now, 0) for name, value in message.get("metrics", {}).items()]
    for start in range(0, max(map(len, (params, tags, metrics))), _BATCH):
        here = slice(start, start + _BATCH)
        client.log_batch(run, metrics=metrics[here], params=params[here], tags=tags[here])


def _send_files(client: MlflowClient, run: str, message: Mapping[str, Any]) -> None:
    for path in message.get("files", ()):
        client.log_artifact(run, path)
    for name, text in message.get("texts", {}).items():
        client.log_text(run, text, name)


def _first_line(error: Exception) -> str:
    told = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {told}"[:500].rstrip(": ")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
