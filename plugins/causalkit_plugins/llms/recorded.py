"""Answers out of a recording: no network, no key, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from causalkit.asking import Reply, Request, ask
from causalkit.components import Context, component
from causalkit.errors import ModelUnavailable, UsageError
from causalkit.provenance import file_fingerprint
from causalkit.recording import read_recording
from causalkit.transcripts import Exchange, Transcripts
from causalkit.types import Answers, Question

__all__ = ["Recorded"]


@component
class Recorded:
    """Replays a recording that `causalkit transcripts export` wrote.

    A question is found by its words, schema and repeat, whoever was asked and by whichever provider. One that was not
    recorded has no answer, and `reasons` says so. What answers took is what they took when they were recorded; a replay
    spends nothing.
    """

    file: str
    "The recording, JSON lines."
    model: str = ""
    "Whose answers, where the recording holds several models': `openai/gpt-5`."
    parameters: dict[str, Any] | None = None
    "Answers given under these alone, such as {temperature: 0}; needed where questions were asked under several."
    strict: bool = False
    "Fail where a question was not recorded."

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the recording."""
        return file_fingerprint([Path(self.file).expanduser()])

    def ask(self, questions: Sequence[Question], schema: Mapping[str, Any], *, context: Context = Context()) -> Answers:
        """The recorded answers, valid under `schema`.

        Raises
        ------
        DataError : the recording cannot be read, or was changed.
        UsageError : it holds several answers to one question; say whose.
        ModelUnavailable : a question was not recorded, under `strict`.
        """
        made = _Replay(self.file, self._exchanges(), self.strict)
        return ask(made, questions, schema, replace(context, transcripts=Transcripts(), budget=None))

    def _exchanges(self) -> dict[str, Exchange]:
        found: dict[str, Exchange] = {}
        wanted = (self.parameters or {}).items()
        for one in read_recording(Path(self.file).expanduser()):
            known = dict(one.parameters)
            if known | dict(wanted) != known or self.model not in ("", one.model):
                continue
            if found.setdefault(one.asked, one).key != one.key:
                raise _ambiguous(self.file, found[one.asked], one)
        if not found and (self.model or self.parameters):
            raise UsageError(
                f"{self.file} holds no answers of {self.model or 'any model'} under {self.parameters}",
                "See `model` and `parameters` of its lines.",
            )
        return found


def _ambiguous(file: str, one: Exchange, other: Exchange) -> UsageError:
    by, under = (one.model, other.model), (one.parameters, other.parameters)
    told = f"by {by[0]} and {by[1]}" if by[0] != by[1] else f"under {under[0]} and {under[1]}"
    return UsageError(f"{file} holds two answers to one question, {told}", "Say which: `model`, or `parameters`.")


@dataclass(frozen=True)
class _Replay:
    """A recording as a provider."""

    file: str
    recorded: Mapping[str, Exchange]
    strict: bool
    parameters: Mapping[str, Any] = field(default_factory=dict)
    prices: None = None
    at_once: int = 1 << 16

    @property
    def model(self) -> str:
        """Who was recorded."""
        return next((one.model for one in self.recorded.values()), "recorded")

    def reply(self, requests: Sequence[Request], context: Context) -> Iterator[tuple[int, Reply]]:
        """What was recorded, at once."""
        for place, request in enumerate(requests):
            told = self.recorded.get(request.asked)
            if told is None and self.strict:
                raise ModelUnavailable(
                    f"{self.file} holds no answer to {_start(request.prompt)!r} (repeat {request.repeat})",
                    "Record it, or set `strict: false` to go on without.",
                )
            yield place, Reply(refused="it was not recorded") if told is None else _reply(told)


def _reply(told: Exchange) -> Reply:
    return Reply(
        told.answer,
        told.prompt_tokens,
        told.answer_tokens,
        told.log_probabilities,
        told.refused,
        told.answered_by,
        told.seconds,
        told.cost,
    )


def _start(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
