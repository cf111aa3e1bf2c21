"""Runs to tell of, and servers on this machine that are down, that hang and that refuse."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CONFIG: dict[str, Any] = {
    "name": "told",
    "data": {"use": "simulated", "params": {"users": 60, "items": 6, "weeks": 8, "seed": 1}},
    "split": {"by": "random"},
    "discover": {"use": "knowledge"},
    "estimate": {"item": "difference-in-means"},
    "evaluate": ["precision@2", "cp@2"],
    "top": 3,
}


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch, tmp_path):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def run_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run a small config with trackers; what one run computed, the next takes, where it asks for no other folder."""
    from causalkit import run

    shared = tmp_path_factory.mktemp("shared") / "runs"

    def go(*trackers: Any, runs_dir: Path = shared, **more: Any) -> Any:
        return run(CONFIG, runs_dir=runs_dir, trackers=trackers, **more)

    return go


@pytest.fixture
def refusing() -> Iterator[tuple[str, list[str]]]:
    """A server that answers 500 to all; its address, and the paths it was asked for."""
    asked: list[str] = []

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(500)
            self.end_headers()
            self.wfile.write(b"<script>no</script>")

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def hanging() -> Iterator[str]:
    """A server that takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def down() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"
