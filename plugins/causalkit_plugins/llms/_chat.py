"""One chat completion: what is sent, what a server refuses of it, and what comes back, without the key."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from causalkit.asking import Reply, Request, instruction
from causalkit.errors import ModelUnavailable
from causalkit.structured import choice_of, wrapped
from causalkit_plugins.llms._bounded import bounded_client
from causalkit_plugins.llms._logprobs import Token, choice_log_probabilities
from causalkit_plugins.llms._retries import Passing
from causalkit_plugins.llms._secrets import hidden

__all__ = ["Chat"]

_TOP = 5
"""Tokens in the place of each, as many as most servers give."""
_LONGEST = 300
_UNSUPPORTED = (400, 415, 422, 501)
_PASSING = (408, 409, 425, 429)
_TOO_LONG = ("context_length", "context length", "context window", "maximum context", "too many tokens", "too long")
_FILTERED = ("content_filter", "content policy", "content management policy")
_CHARACTERS = 3
"""Of a token, where a server does not count them."""
_MANY = 10**9
"""Tokens of one exchange; a server that counts more does not count."""


@dataclass(frozen=True)
class Chat:
    """A client that is open; `said` has the fields of the component, `dropped` the extras that this server refused."""

    said: Any
    client: Any = field(repr=False)
    key: str = field(repr=False)
    own: bool
    dropped: list[str]

    @classmethod
    def open(cls, said: Any, key: str, dropped: list[str], *, local: bool) -> Chat:
        """A client that tries nothing again by itself, and takes nothing else from the environment."""
        try:
            import openai
            import tenacity  # noqa: F401  # it comes with the extra
        except ImportError:
            raise ModelUnavailable(
                "the library openai, by which endpoints are asked, is not installed",
                "`pip install 'causalkit[openai]'`",
            ) from None
        client = openai.OpenAI(
            api_key=key,
            base_url=said.base_url,
            organization="",
            project="",
            timeout=said.timeout,
            max_retries=0,
            http_client=bounded_client(said.timeout, local=local),
        )
        return cls(said, client, key, said.base_url.startswith("https://api.openai.com"), dropped)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def complete(self, request: Request) -> Reply:
        """One answer.

        Raises
        ------
        Passing : what may pass. ModelUnavailable : what will not. Neither holds the key, nor hangs on what does.
        """
        while True:
            extras = self._extras(request)
            try:
                return self._reply(self._send(request, extras), request)
            except _Refused as error:
                if any(words in error.text.lower() for words in (*_TOO_LONG, *_FILTERED)):
                    return Reply(refused=error.text)
                drop = _to_drop(error.text.lower(), extras)
                if not drop:
                    raise self._unavailable(error.text) from None
                self.dropped.append(drop)

    def _send(self, request: Request, extras: dict[str, Any]) -> Any:
        import openai

        try:
            return self.client.chat.completions.create(**self._body(request), **extras)
        except Passing as error:
            problem: Exception = error
        except openai.APITimeoutError:
            problem = Passing(f"no answer within {self.said.timeout:g} s")
        except openai.APIConnectionError as error:
            problem = Passing(self._clean(f"no connection ({error.__cause__ or error})"))
        except openai.APIStatusError as error:
            problem = self._told(error)
        except Exception as error:  # whatever the client makes of bytes that are no completion
            problem = Passing(self._clean(f"no completion came back ({type(error).__name__}: {error})"))
        raise problem from None

    def _told(self, error: Any) -> Exception:
        """What a status means."""
        text = self._clean(f"{error.status_code}: {error.message}")
        if error.status_code in range(300, 400):
            return self._unavailable(f"{text}: it redirects, and prompts go to `base_url` alone")
        if "insufficient_quota" in text or (error.status_code < 500 and error.status_code not in _PASSING):
            return _Refused(text) if error.status_code in _UNSUPPORTED else self._unavailable(text)
        if error.status_code in _UNSUPPORTED:
            return _Refused(text)
        after = _after(error.response.headers)
        return Passing(f"{text}; it asks to be left alone for {after:g} s" if after else text, after)

    def _unavailable(self, text: str) -> ModelUnavailable:
        return ModelUnavailable(
            f"the model {self.said.model} at {self.said.base_url} cannot be asked: {text}",
            "Check `model`, `base_url`, and the key in the variable that `key_env` names; what was answered is kept.",
        )

    def _body(self, request: Request) -> dict[str, Any]:
        asked = f"{request.prompt}\n\n{instruction(wrapped(request.schema))}"
        system = [{"role": "system", "content": request.system}] if request.system else []
        limit = "max_completion_tokens" if self.own else "max_tokens"  # servers of one's own may only know the old name
        body: dict[str, Any] = {
            "model": self.said.model,
            "messages": [*system, {"role": "user", "content": asked}],
            limit: self.said.max_answer_tokens,
        }
        return body if self.said.temperature is None else body | {"temperature": self.said.temperature}

    def _extras(self, request: Request) -> dict[str, Any]:
        """What helps and can be done without: the server may refuse it."""
        made: dict[str, Any] = {}
        form = wrapped(request.schema)
        if "response_format" not in self.dropped:
            made["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": form, "strict": _is_strict(form)},
            }
        elif "json_object" not in self.dropped:
            made["response_format"] = {"type": "json_object"}
        if self.said.logprobs and choice_of(request.schema) and "logprobs" not in self.dropped:
            made |= {"logprobs": True, "top_logprobs": _TOP}
        if "seed" not in self.dropped:
            made["seed"] = request.repeat
        return made

    def _reply(self, response: Any, request: Request) -> Reply:
        try:
            choice = response.choices[0]
            text, refusal = choice.message.content or "", getattr(choice.message, "refusal", None)
            text.encode("utf-8", "replace")
        except (AttributeError, LookupError, TypeError):
            raise Passing(self._clean(f"what came back is no completion: {str(response)[:_LONGEST]}")) from None
        if choice.finish_reason == "content_filter":
            refusal = refusal or "a filter of the provider"
        if choice.finish_reason == "length" and not text.strip():
            refusal = refusal or f"it was cut at {self.said.max_answer_tokens} tokens, before an answer"
        prompt, usage = f"{request.system}{request.prompt}", response.usage
        return Reply(
            answer=hidden(text, self.key),
            prompt_tokens=_count(usage, "prompt_tokens", prompt),
            answer_tokens=_count(usage, "completion_tokens", text),
            log_probabilities=_of_choices(choice, request),
            refused=self._clean(str(refusal)) if refusal else "",
            answered_by=self._clean(str(response.model or "")),
        )

    def _clean(self, text: str) -> str:
        """On one line, without the key, and not pages of it."""
        line = " ".join(hidden(text, self.key).split())
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


class _Refused(Exception):
    """The server does not take the request as it is."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def _to_drop(text: str, extras: dict[str, Any]) -> str:
    """The extra that the server seems to refuse: the one that it names, else the form of the answer."""
    for name, words in (("logprobs", ("logprob",)), ("seed", ("seed",))):
        if name in extras and any(word in text for word in words):
            return name
    form = extras.get("response_format", {}).get("type", "")
    return {"json_schema": "response_format", "json_object": "json_object"}.get(form, "")


def _after(headers: Any) -> float | None:
    """Seconds of `Retry-After`, which may be a date."""
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    told = headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _is_strict(schema: Any) -> bool:
    """Whether the strict mode takes a schema: every object is closed and needs all its properties, nothing is open."""
    if isinstance(schema, list):
        return all(_is_strict(one) for one in schema)
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object":
        named = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(named):
            return False
    return all(_is_strict(one) for one in schema.values())


def _count(usage: Any, name: str, text: str) -> int:
    """Tokens as the server counts them, else by the length of the text."""
    told = getattr(usage, name, None)
    counted = isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= _MANY
    return int(told) if counted else len(text) // _CHARACTERS + 1


def _of_choices(choice: Any, request: Request) -> dict[str, float]:
    """Log-probabilities of the choices; empty where there are none, or none that can be read."""
    told, wanted = getattr(choice, "logprobs", None), choice_of(request.schema)
    content = getattr(told, "content", None) or ()
    if wanted is None or not content:
        return {}
    try:
        tokens = [
            Token(
                one.token, float(one.logprob), {other.token: float(other.logprob) for other in one.top_logprobs or ()}
            )
            for one in content
        ]
        found = choice_log_probabilities(tokens, *wanted)
    except (AttributeError, TypeError, ValueError, OverflowError):  # texts that are none, numbers beyond all measure
        return {}
    return found if all(math.isfinite(told) for told in found.values()) else {}
