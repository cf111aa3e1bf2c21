"""Keys: read from the environment when they are needed, kept nowhere, and taken out of whatever a server says."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from causalkit.errors import ModelUnavailable, UsageError
from causalkit.parameters import Unsaid

__all__ = ["NO_KEY", "checked_address", "checked_name", "hidden", "is_local", "key_from"]

NO_KEY = "none"
"""What is sent where no key is asked for."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def checked_address(base_url: str) -> str:
    """The address, without a slash at its end; one that is none, or carries a secret, raises and is not repeated."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Unsaid("is no address; give one such as http://localhost:8000/v1") from None
    if parts.scheme not in ("http", "https") or not host:
        raise Unsaid("is no http or https address; give one such as http://localhost:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Unsaid(
            "carries a user, a password or a query, and is written into configs; put the key into an environment"
            " variable, and name that in key_env"
        )
    return base_url.rstrip("/")


def checked_name(variable: str) -> str:
    """The name of an environment variable; what is none may be the key itself: it raises, and is not repeated."""
    if variable and not _NAME.fullmatch(variable):
        raise Unsaid(
            "is no name of an environment variable; if it is the key itself, take it out of the file, and name the"
            " variable that holds it, such as OPENAI_API_KEY"
        )
    return variable


def is_local(base_url: str) -> bool:
    """Whether an address is on this machine."""
    return urlsplit(base_url).hostname in _LOOPBACK


def key_from(variable: str, base_url: str) -> str:
    """The key in an environment variable; `NO_KEY` where none is named.

    Raises
    ------
    ModelUnavailable : the variable is not set.
    UsageError : what it holds is no key, or would go out unencrypted.
    """
    if not variable:
        return NO_KEY
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ModelUnavailable(
            f"the environment variable {variable}, which holds the key, is not set",
            f"`export {variable}=…`, and run again.",
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(
            f"what {variable} holds is no key: it has spaces, several lines, or letters that no header carries",
            f"Put the key alone into {variable}.",
        )
    if base_url.startswith("http:") and not is_local(base_url):
        raise UsageError(
            f"the key in {variable} would be sent to {base_url} unencrypted", "Use https, or leave `key_env` out."
        )
    return key


def hidden(text: str, key: str) -> str:
    """The text without the key."""
    if len(key) < 6 or key == NO_KEY:
        return text
    return text.replace(key, "[key]")
