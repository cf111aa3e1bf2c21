"""An OpenAI-compatible endpoint on this machine, of the standard library alone, that knows nothing and answers all.

It answers by the checksum of a prompt, as a model of no understanding would; one prompt in seven gets prose.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from zlib import crc32

__all__ = ["made_up", "small_server"]


@cache
def small_server() -> str:
    """The address of the endpoint; it ends with the process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True, name="small-server").start()
    return f"http://127.0.0.1:{server.server_port}/v1"


def made_up(prompt: str, schema: Mapping[str, Any]) -> Any:
    """A value that the schema allows, which depends on the prompt alone."""
    drawn = crc32(prompt.encode("utf-8", "replace"))
    if "enum" in schema:
        return schema["enum"][drawn % len(schema["enum"])]
    if schema.get("type") == "number":
        return schema["minimum"] + (schema["maximum"] - schema["minimum"]) * (drawn % 100) / 100
    return {name: made_up(f"{prompt}/{name}", inner) for name, inner in schema["properties"].items()}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:  # the library's name
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = asked["messages"][-1]["content"]
        value = made_up(prompt, asked["response_format"]["json_schema"]["schema"])
        said = "I would rather not say." if crc32(prompt.encode()) % 7 == 0 else json.dumps(value)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": 12, "total_tokens": len(prompt) // 4 + 12}
        told = {"id": "1", "object": "chat.completion", "created": 0, "model": "checksum-1"}
        body = json.dumps(told | {"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""
