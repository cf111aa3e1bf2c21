"""Components that pass, and that fail, the checks in `causalkit.testing.checks.llm`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from causalkit.components import Context, component
from causalkit.types import Answers
from tests.testing.mutants import Make


@component
class Oracle:
    """Answers by the prompt's checksum, as a model of no understanding would."""

    silent: bool = False
    "Answer nothing."

    def ask(self, questions, schema, *, context: Context = Context()):
        asked = context.track(questions, "questions", len(questions))
        return Answers({one.id: None if self.silent else made_up(one.prompt, schema) for one in asked}, "oracle-1")


def made_up(prompt: str, schema: dict[str, Any]) -> Any:
    """A value that the schema allows, which depends on the prompt alone."""
    drawn = crc32(prompt.encode())
    if "enum" in schema:
        return schema["enum"][drawn % len(schema["enum"])]
    if schema.get("type") == "number":
        return schema["minimum"] + (schema["maximum"] - schema["minimum"]) * (drawn % 100) / 100
    return {name: made_up(f"{prompt}/{name}", inner) for name, inner in schema["properties"].items()}


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


MUTANTS: dict[str, Make] = {
    "llm/gives-answers": lambda _: Nameless(),
    "llm/answers-each-question-once": answering(lambda found, *_: dict(list(found.items())[:-1])),
    "llm/answers-fit-the-schema": answering(lambda found, *_: dict.fromkeys(found, "I think so")),
    "llm/no-questions-get-no-answers": answering(lambda found, *_: found or {"": None}),
    "llm/order-does-not-matter": answering(_by_place),
    "llm/a-question-stands-alone": answering(_by_company),
    "llm/a-prompt-gives-no-orders": answering(_obedient),
    "llm/odd-prompts-stand": answering(_short_of_breath),
    "llm/leaves-questions-alone": answering(_closing),
}
