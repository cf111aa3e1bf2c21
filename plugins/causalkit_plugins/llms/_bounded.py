"""An HTTP client that goes nowhere else, and reads no answer for ever, nor one without end."""

from __future__ import annotations

import time
from typing import Any

from causalkit.errors import ModelUnavailable
from causalkit_plugins.llms._retries import Passing

__all__ = ["bounded_client"]

_LARGEST = 64_000_000
"""Bytes of an answer, unpacked."""
_PACKED = {"", "identity", "gzip", "deflate"}
"""Encodings that grow by a thousand at most while one piece is unpacked."""
_NO_MORE = {"content-encoding", "content-length", "transfer-encoding"}
"""Headers that say how a body came, and hold no longer once it is read."""


def bounded_client(seconds: float, *, local: bool) -> Any:
    """A client for `openai.OpenAI`: redirects are not followed, for prompts would go where nobody said.

    A body that is too large, or not whole `seconds` after it was asked for, raises `Passing`. A piece of it may take
    as long once more.

    Parameters
    ----------
    local : the server is on this machine, so that no proxy is used.
    """
    import openai

    class Bounded(openai.DefaultHttpxClient):  # type: ignore[misc]
        def send(self, request: Any, *, stream: bool = False, **how: Any) -> Any:
            if stream:
                return super().send(request, stream=True, **how)
            until = time.monotonic() + seconds
            response = super().send(request, stream=True, **how)
            try:
                body = _read(response, until, seconds)
            finally:
                response.close()
            headers = [(name, told) for name, told in response.headers.multi_items() if name.lower() not in _NO_MORE]
            return type(response)(response.status_code, headers=headers, content=body, request=request)

    try:
        return Bounded(trust_env=not local, follow_redirects=False, headers={"Accept-Encoding": "identity"})
    except (ValueError, ImportError, OSError):  # what it says may repeat a password in the proxy's address
        raise ModelUnavailable(
            "the proxy or the certificates that the environment names cannot be used",
            "Check HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE, or unset them.",
        ) from None


def _read(response: Any, until: float, seconds: float) -> bytes:
    if response.headers.get("content-encoding", "").lower() not in _PACKED:
        raise Passing(f"the answer is packed by {response.headers['content-encoding']!r}, which was not asked for")
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _LARGEST:
            raise Passing(f"the answer is longer than {_LARGEST:,} bytes")
        if time.monotonic() > until:
            raise Passing(f"no whole answer within {seconds:g} s")
    return bytes(body)
