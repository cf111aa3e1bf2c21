"""The endpoint of `server.py` in a process of its own: one address takes anybody, the other needs a key."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from causalkit_plugins.llms.openai import OpenAIModel

from tests.command import environment

KEY = "sk-planted-8f3c2d71aa95e604"
"""The key that must never be found again."""


@dataclass(frozen=True)
class Server:
    """Where the endpoint is, and where its process is asked what it saw."""

    address: str
    root: str

    def faults(self, **switched: int) -> None:
        """Switch faults on (`hang=1`, `_429=2`: the next two answers), all others off; counting begins anew."""
        self._call("/faults", json.dumps({name.lstrip("_"): n for name, n in switched.items()}).encode())

    @property
    def seen(self) -> dict[str, Any]:
        """Requests, answers and bodies since then."""
        return self._call("/seen")

    def model(self, **params: Any) -> OpenAIModel:
        """A component that asks it, and does not wait for long."""
        return OpenAIModel(model="tiny", base_url=f"{self.address}/v1", **{"retry_wait": 0.01, "retries": 3} | params)

    def _call(self, path: str, data: bytes | None = None) -> dict[str, Any]:
        request = Request(f"{self.root}{path}", data, {"Content-Type": "application/json"})
        with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
            return dict(json.loads(answer.read()))


def started(folder: Path) -> Iterator[str]:
    script = Path(__file__).with_name("server.py")
    log = (folder / "server.log").open("w")
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder), KEY],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=environment(),
        cwd=Path(__file__).parents[3],
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, (folder / "server.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()
        log.close()


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from started(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def _open_server(_served: str) -> Server:
    return Server(_served, _served)


@pytest.fixture
def server(_open_server: Server) -> Server:
    """The endpoint that takes anybody, without faults."""
    _open_server.faults()
    return _open_server


@pytest.fixture
def locked(_served: str) -> Server:
    """The endpoint that needs `KEY`, and repeats it in its errors."""
    made = Server(f"{_served}/locked", _served)
    made.faults()
    return made
