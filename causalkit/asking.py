"""Asks a language model: from the transcripts what is there, the rest in batches, within the budget, repaired once.

A component of the kind `llm` is a `Provider` and one call:

    def ask(self, questions, schema, *, context=Context()):
        return ask(MyProvider(...), questions, schema, context)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from causalkit.context import Context
from causalkit.errors import UsageError
from causalkit.structured import Unreadable, check_schema, read_value
from causalkit.transcripts import Exchange, Transcripts, asked_hash, exchange_key
from causalkit.types.answers import Answers, Question, Usage

__all__ = ["Provider", "Reply", "Request", "ask", "instruction"]

_QUOTED = 2000
"""Characters of an answer that are shown to the model that is to mend it."""
_MILLION = 1e6


@dataclass(frozen=True)
class Request:
    """What a provider is asked once: a question, the schema of its answer, and which repeat it is."""

    system: str
    prompt: str
    schema: Mapping[str, Any]
    repeat: int = 0

    @property
    def asked(self) -> str:
        """The prompt hash."""
        return asked_hash(self.system, self.prompt, self.schema, self.repeat)


@dataclass(frozen=True)
class Reply:
    """What came back; the fields are those of an `Exchange`. Without `cost`, the provider's prices make it."""

    answer: str = ""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    log_probabilities: Mapping[str, float] = field(default_factory=dict)
    refused: str = ""
    answered_by: str = ""
    seconds: float = 0.0
    cost: float | None = None

    def taking(self, seconds: float) -> Reply:
        """The same, with how long it took."""
        return replace(self, seconds=seconds)


class Provider(Protocol):
    """Whoever answers requests.

    `model` names provider and model (`openai/gpt-5`); `parameters` are those that change answers, as JSON holds them;
    `prices` are for a million tokens of prompts and of answers, None where they are not known; `at_once` is how many
    requests a batch has at most.
    """

    model: str
    parameters: Mapping[str, Any]
    prices: tuple[float, float] | None
    at_once: int

    def reply(self, requests: Sequence[Request], context: Context) -> Iterable[tuple[int, Reply]]:
        """Place and reply for each request, as they come.

        A request that this model will never answer (too long, say) gets a `Reply` with `refused`. What may pass, or
        holds for all requests, is raised as `ModelUnavailable`: the rest can be asked later.
        """
        ...


def instruction(schema: Mapping[str, Any]) -> str:
    """What a provider puts below a prompt, so that the answer can be read."""
    return f"Answer with JSON that fits this schema, and with nothing else:\n{json.dumps(schema, ensure_ascii=False)}"


def ask(provider: Provider, questions: Sequence[Question], schema: Mapping[str, Any], context: Context) -> Answers:
    """An answer for each question, valid under `schema`, or None with the reason.

    What the transcripts of `context` hold is not asked again. What came back is kept there before the next batch is
    sent. An answer that cannot be read is shown to the model once, to be mended.

    Raises
    ------
    BudgetReached : a cap of `context.budget`; what was answered is kept.
    UsageError : no JSON schema, two questions with one id, or a cap on cost for a model without prices.
    ModelUnavailable : the provider's.
    """
    check_schema(schema)
    requests = _requests(questions, schema)
    teller = _Teller(provider, context, context.transcripts or Transcripts())
    first = teller.tell(requests.values())
    read = {name: _read(first[request.asked], schema) for name, request in requests.items()}
    repairs = {
        name: _repair(requests[name], first[requests[name].asked], why)
        for name, (_, why) in read.items()
        if why and not first[requests[name].asked].refused
    }
    second = teller.tell(repairs.values())
    final = {name: first[request.asked] for name, request in requests.items()}
    final |= {name: second[request.asked] for name, request in repairs.items()}
    read |= {name: _read(final[name], schema) for name in repairs}
    return Answers(
        by_id={name: value for name, (value, _) in read.items()},
        model=_named(provider, final.values()),
        log_probabilities={
            name: dict(final[name].log_probabilities)
            for name, (_, why) in read.items()
            if not why and final[name].log_probabilities
        },
        reasons={name: why for name, (_, why) in read.items() if why},
        usage=_together(one for told in (first, second) for one in told.values()),
    )


@dataclass(frozen=True)
class _Teller:
    """Requests to exchanges, by prompt hash."""

    provider: Provider
    context: Context
    transcripts: Transcripts

    def tell(self, requests: Iterable[Request]) -> dict[str, Exchange]:
        """An exchange for each, from the transcripts or made now."""
        wanted = {request.asked: request for request in requests}
        keys = {exchange_key(self.provider.model, self.provider.parameters, asked): asked for asked in wanted}
        kept = self.transcripts.find(list(keys))
        told = {keys[key]: one for key, one in kept.items()}
        lacking = [request for asked, request in wanted.items() if asked not in told]
        for made in self._batches(lacking):
            told |= {one.asked: one for one in self.transcripts.keep(made).values()}
        return told

    def _batches(self, lacking: list[Request]) -> Iterator[list[Exchange]]:
        """New exchanges, as they come."""
        if not lacking:
            return
        self._refuse_unpriced()
        waiting = list(lacking)
        label = f"asking {self.provider.model}"
        progress = iter(self.context.track(range(len(lacking)), label, len(lacking)))
        while waiting:
            self.context.check()
            batch = waiting[: self._room()]
            del waiting[: len(batch)]
            began = datetime.now(UTC).isoformat(timespec="seconds")
            for place, reply in self.provider.reply(batch, self.context):
                yield [self._exchange(batch[place], reply, began)]
                next(progress, None)
        next(progress, None)

    def _room(self) -> int:
        budget, most = self.context.budget, max(1, self.provider.at_once)
        room = budget.room(self.transcripts.spent()) if budget is not None else None
        return most if room is None else min(most, room)

    def _refuse_unpriced(self) -> None:
        budget = self.context.budget
        if budget is not None and budget.cost is not None and self.provider.prices is None:
            raise UsageError(
                f"the model {self.provider.model} has no prices, so a cap on cost cannot be kept",
                "Give price_prompt and price_answer, for a million tokens each, or cap calls or tokens instead.",
            )

    def _exchange(self, request: Request, reply: Reply, began: str) -> Exchange:
        return Exchange(
            model=self.provider.model,
            parameters=dict(self.provider.parameters),
            system=request.system,
            prompt=request.prompt,
            schema=request.schema,
            repeat=request.repeat,
            answer=_sound(reply.answer),
            refused=_sound(reply.refused),
            answered_by=_sound(reply.answered_by),
            log_probabilities=dict(reply.log_probabilities),
            prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens,
            cost=self._cost(reply),
            seconds=round(reply.seconds, 3),
            time=began,
        )

    def _cost(self, reply: Reply) -> float | None:
        prices = self.provider.prices
        if reply.cost is not None or prices is None:
            return reply.cost
        return round((prices[0] * reply.prompt_tokens + prices[1] * reply.answer_tokens) / _MILLION, 12)


def _requests(questions: Sequence[Question], schema: Mapping[str, Any]) -> dict[str, Request]:
    found: dict[str, Request] = {}
    for one in questions:
        request = Request(_sound(one.system), _sound(one.prompt), schema, one.repeat)
        if found.setdefault(one.id, request) != request:
            raise UsageError(f"two different questions have the id {one.id!r}", "Give each an id of its own.")
    return found


def _read(exchange: Exchange, schema: Mapping[str, Any]) -> tuple[Any, str]:
    """The answer's value and nothing, or None and why there is none."""
    if exchange.refused:
        return None, f"not answered: {exchange.refused}"
    try:
        return read_value(exchange.answer, schema), ""
    except Unreadable as error:
        return None, f"the answer cannot be used: {error}"


def _repair(request: Request, exchange: Exchange, why: str) -> Request:
    quoted = exchange.answer[:_QUOTED]
    asked = (
        f"{request.prompt}\n\nYou answered:\n<<<\n{quoted}\n>>>\nBut {why}. Answer once more, with JSON that fits the"
        " schema, and with nothing else."
    )
    return replace(request, prompt=asked)


def _named(provider: Provider, exchanges: Iterable[Exchange]) -> str:
    """The model, with the versions that answered where the provider says more than the name."""
    told = sorted({one.answered_by for one in exchanges if one.answered_by and one.answered_by not in provider.model})
    return f"{provider.model} ({', '.join(told)})" if told else provider.model


def _together(exchanges: Iterable[Exchange]) -> Usage:
    by_key = {one.key: one.usage for one in exchanges}
    return Usage.together(by_key[key] for key in sorted(by_key))


def _sound(text: str) -> str:
    """Half an emoji, as a text cut by bytes may hold, is no character that can be sent or kept."""
    return text.encode("utf-8", "replace").decode()
