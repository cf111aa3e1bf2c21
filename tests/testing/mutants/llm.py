"""Components that pass, and that fail, the checks in `causalkit.testing.checks.llm`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zlib import crc32

from causalkit.components import Context, component
from causalkit.types import Answers, Usage
from tests.testing.mutants import Make


@component
class Oracle:
    """Answers by the prompt's checksum, as a model of no understanding would."""

    silent: bool = False
    "Answer nothing."

    def ask(self, questions, schema, *, context: Context = Context()):
        asked = context.track(questions, "questions", len(questions))
        found = {one.id: None if self.silent else made_up(one.prompt, schema) for one in asked}
        reasons = dict.fromkeys(found, "it will not say") if self.silent else {}
        logs = {name: dict.fromkeys(choices(schema), -1.2) for name, said in found.items() if said is not None}
        return Answers(found, "oracle-1", logs, reasons, Usage(len(found), 10 * len(found), len(found)))


def made_up(prompt: str, schema: dict[str, Any]) -> Any:
    """A value that the schema allows, which depends on the prompt alone."""
    drawn = crc32(prompt.encode())
    if "enum" in schema:
        return schema["enum"][drawn % len(schema["enum"])]
    if schema.get("type") == "number":
        return schema["minimum"] + (schema["maximum"] - schema["minimum"]) * (drawn % 100) / 100
    return {name: made_up(f"{prompt}/{name}", inner) for name, inner in schema["properties"].items()}


def choices(schema: dict[str, Any]) -> list[str]:
    return schema["enum"] if "enum" in schema else schema["properties"]["relation"]["enum"]


HEALTHY: list[Make] = [lambda _: Oracle(), lambda _: Oracle(silent=True)]


def answering(change: Callable[[dict[str, Any], Any, dict[str, Any]], Any]) -> Make:
    """The oracle, and something done to its answers: `change(by_id, questions, schema)`."""

    @component
    class Mutant(Oracle):
        """Answers otherwise."""

        def ask(self, questions, schema, *, context: Context = Context()):
            found = change(dict(super().ask(questions, schema, context=context).by_id), questions, schema)
            return Answers(found, "oracle-1")

    return lambda _: Mutant()


def saying(**change: Callable[[Answers], Any]) -> Make:
    """The oracle, and something said otherwise beside its answers: field → what it becomes."""

    @component
    class Mutant(Oracle):
        """Says otherwise."""

        def ask(self, questions, schema, *, context: Context = Context()):
            told = super().ask(questions, schema, context=context)
            return replace(told, **{name: make(told) for name, make in change.items()})

    return lambda _: Mutant()


@component
class Nameless(Oracle):
    """Does not say who answers."""

    def ask(self, questions, schema, *, context: Context = Context()):
        return Answers(super().ask(questions, schema, context=context).by_id, "")


def _by_place(found, questions, schema):
    """Answers of the prompts as sorted, handed out in the order of the questions."""
    by_prompt = [made_up(one.prompt, schema) for one in sorted(questions, key=lambda one: len(one.prompt))]
    return dict(zip([one.id for one in questions], by_prompt, strict=True))


def _by_company(found, questions, schema):
    return {one.id: made_up(f"{one.prompt} of {len(questions)}", schema) for one in questions}


def _obedient(found, questions, schema):
    if any("Ignore all" in one.prompt for one in questions):
        found["extra"] = None
    return found


def _short_of_breath(found, questions, schema):
    for one in questions:
        one.prompt.replace("\0", "?").encode("ascii")
    return found


def _closing(found, questions, schema):
    schema["additionalProperties"] = True
    return found


def _once(found, questions, schema):
    """Repeats of a prompt are left out."""
    seen: dict[str, str] = {}
    return {one.id: found[one.id] for one in questions if seen.setdefault(one.prompt, one.id) == one.id}


MUTANTS: dict[str, Make] = {
    "llm/gives-answers": lambda _: Nameless(),
    "llm/answers-each-question-once": answering(lambda found, *_: dict(list(found.items())[:-1])),
    "llm/answers-fit-the-schema": answering(lambda found, *_: dict.fromkeys(found, "I think so")),
    "llm/says-why-there-is-no-answer": answering(lambda found, *_: dict.fromkeys(found)),
    "llm/log-probabilities-are-of-choices": saying(
        log_probabilities=lambda told: {k: {"yes": 0.5} for k in told.by_id}
    ),
    "llm/repeats-are-answered-each": answering(_once),
    "llm/says-what-it-took": saying(usage=lambda told: Usage(-1)),
    "llm/no-questions-get-no-answers": answering(lambda found, *_: found or {"": None}),
    "llm/order-does-not-matter": answering(_by_place),
    "llm/a-question-stands-alone": answering(_by_company),
    "llm/a-prompt-gives-no-orders": answering(_obedient),
    "llm/odd-prompts-stand": answering(_short_of_breath),
    "llm/leaves-questions-alone": answering(_closing),
}
