"""Any model behind an OpenAI-compatible endpoint: hosted, or vLLM, Ollama, llama.cpp on a machine of yours."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from causalkit.asking import Reply, Request, ask
from causalkit.components import Context, component
from causalkit.errors import ModelUnavailable, UsageError
from causalkit.types import Answers, Question
from causalkit_plugins.llms._chat import Chat
from causalkit_plugins.llms._retries import Passing, Retries, concurrently
from causalkit_plugins.llms._secrets import checked_address, checked_name, is_local, key_from

__all__ = ["OpenAIModel"]

_OWN = "https://api.openai.com/v1"
_OWN_KEY = "OPENAI_API_KEY"


@component
class OpenAIModel:
    """Asks chat completions, with the schema where the server takes one.

    The key comes from the environment and is written nowhere. Every answer is kept in the transcripts before the next
    batch is sent, and is not asked again. Too many requests (429), a server that is down (5xx), and no answer in time
    are tried again; where that does not help, the run fails, keeps what was answered, and can be resumed.
    """

    model: str
    "Its name at the endpoint, such as `gpt-5-mini`, or `qwen3:8b` at Ollama."
    base_url: Annotated[str, AfterValidator(checked_address)] = _OWN
    "The endpoint, such as http://localhost:11434/v1 (Ollama), http://localhost:8000/v1 (vLLM)."
    key_env: Annotated[str, AfterValidator(checked_name)] = ""
    "The environment variable that holds the key; empty: OPENAI_API_KEY for OpenAI's own endpoint, none for others."
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    "How much answers vary; None leaves it to the server. Repeats of a question are alike at 0."
    max_answer_tokens: Annotated[int, Field(ge=1)] = 1024
    "Where an answer is cut; models that think aloud need more."
    logprobs: bool = True
    "Ask for log-probabilities where the schema is a choice; a server that has none is asked without."
    price_prompt: Annotated[float, Field(ge=0)] | None = None
    "Price of a million tokens of prompts, in any currency; needed for a cap on cost."
    price_answer: Annotated[float, Field(ge=0)] | None = None
    "Price of a million tokens of answers."
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    "Requests at once: one batch, after which budgets are looked at."
    timeout: Annotated[float, Field(gt=0)] = 120.0
    "Seconds to wait for an answer."
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    "How often a request is sent again."
    retry_wait: Annotated[float, Field(ge=0, le=60)] = 1.0
    "Seconds before the second try; doubled each time, unless the server says how long."

    def ask(self, questions: Sequence[Question], schema: Mapping[str, Any], *, context: Context = Context()) -> Answers:
        """An answer for each question, valid under `schema`, or None with the reason.

        Raises
        ------
        ModelUnavailable : no client or key, or a server that cannot be asked; what was answered is kept.
        BudgetReached : a cap of the context's budget.
        UsageError : an address or a name of a variable that cannot be used, or a cap on cost without prices.
        """
        return ask(_Endpoint.of(self), questions, schema, context)


@dataclass(frozen=True)
class _Endpoint:
    """The endpoint as a provider."""

    said: OpenAIModel = field(repr=False)
    prices: tuple[float, float] | None
    dropped: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, said: OpenAIModel) -> _Endpoint:
        if (said.price_prompt is None) != (said.price_answer is None):
            raise UsageError("one price alone was given", "Give price_prompt and price_answer, or neither.")
        known = said.price_prompt is not None and said.price_answer is not None
        return cls(said, (said.price_prompt, said.price_answer) if known else None)  # type: ignore[arg-type]

    @property
    def model(self) -> str:
        """Provider and model."""
        return f"openai/{self.said.model}"

    @property
    def parameters(self) -> dict[str, Any]:
        """What changes answers."""
        names = ("temperature", "max_answer_tokens", "logprobs")
        elsewhere = {} if self.said.base_url == _OWN else {"base_url": self.said.base_url}
        return {name: getattr(self.said, name) for name in names} | elsewhere

    @property
    def at_once(self) -> int:
        """Requests in a batch."""
        return self.said.concurrency

    def reply(self, requests: Sequence[Request], context: Context) -> Iterator[tuple[int, Reply]]:
        """A batch, all at once."""
        address = self.said.base_url
        key = key_from(self.said.key_env or (_OWN_KEY if address == _OWN else ""), address)
        chat = Chat.open(self.said, key, self.dropped, local=is_local(address))
        retries = Retries(self.said.retries, self.said.retry_wait)

        def one(request: Request) -> Reply:
            began = time.perf_counter()
            rng = context.rng(f"retries {request.asked}")
            try:
                made = retries.call(lambda: chat.complete(request), rng)
            except Passing as error:
                raise ModelUnavailable(
                    f"the model {self.model} at {address} cannot be asked: {error}",
                    "What was answered is kept; run again when the server is back. `retries` and `timeout` say how long"
                    " it is waited for.",
                ) from None
            return made.taking(time.perf_counter() - began)

        try:
            yield from concurrently(one, requests, retries.stop)
        finally:
            chat.close()
